"""A schema as Python code that reads and checks a record in one pass: the factory's hot path.

It answers only for bytes that are plainly a right record: every length and index in one or two
bytes, every constraint kept, nothing left over. Anything else (bytes cut short, an index of -1, a
boolean of 2, a broken constraint) it leaves to the slow path, which decides and says why. So
there is one truth about what is right, and this module can be faster than it, never of another
opinion (proved in ``tests/property``). Schemas with nested types stay with the slow path whole.

No text of the schema is in the code: names, bounds, patterns and symbols are constants.
"""

import struct
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any, TypeAlias

from labline.schemas.constraints import Limits, read_limits
from labline.schemas.shape import AvroType, kind_of

#: A value and where its body begins -> the record, or why there is none.
Decode: TypeAlias = Callable[[bytes, int], Any]

FIELDS_MAX = 500  # of a record; code for larger ones takes too long to compile
RUN_MIN = 2  # doubles in a row that are read at once
VARINT_MAX_BYTES = 9  # of 10, the last may carry bits beyond the 64th
READ = {"float": "<f", "double": "<d"}


class _Unsure(Exception):  # noqa: N818  # says nothing of right or wrong
    """The slow path is to decide."""


def compile_decoder(record: Mapping[str, Any], slow: Decode) -> Decode:
    r"""Return the decoder of a record schema as `labline.schemas.shape.expand` gives it.

    Parameters
    ----------
    slow
        Takes what is not plainly right; it is returned itself for a schema that is not flat.

    Examples
    --------
    >>> decode = compile_decoder({"type": "record", "name": "R", "fields": [
    ...     {"name": "x", "type": "int", "minimum": 0}, {"name": "s", "type": ["null", "string"]}]},
    ...     lambda value, start: "slowly")
    >>> decode(b"head:\x02\x02\x02a", 5)
    {'x': 1, 's': 'a'}
    >>> decode(b"\x01\x00", 0), decode(b"\x02", 0), decode(b"\x02\x00\x00", 0)
    ('slowly', 'slowly', 'slowly')
    """
    maker = _Maker(slow)
    fields = record["fields"]
    try:
        lines = maker.fields(fields)
    except _Unsure:
        return slow
    items = ", ".join(f"{maker.constant(field['name'])}: v{n}" for n, field in enumerate(fields))
    source = [
        "def decode(b, start):",
        "    if type(b) is not bytes: return slow(b, start)",
        "    i, size = start, len(b)",
        "    try:",
        *_indented(_indented(lines)),
        f"        if i == size: return {{{items}}}",
        "    except (Unsure, CutShort, LookupError, ValueError): pass",
        "    return slow(b, start)",
    ]
    exec("\n".join(source), maker.names)  # noqa: S102  # our own words, see the module
    decode: Decode = maker.names["decode"]
    return decode


def _indented(lines: Iterable[str]) -> list[str]:
    return ["    " + line for line in lines]


def _nullable(avro: AvroType) -> tuple[AvroType, int, int] | None:
    """Return what a value is that may be null, and the first bytes of it and of null."""
    if not isinstance(avro, list):
        return None
    if len(avro) != 2 or "null" not in avro:
        raise _Unsure
    null = avro.index("null")
    return avro[1 - null], 2 * (1 - null), 2 * null


class _Maker:
    """Makes code, and keeps the constants that it refers to.

    In the code, `b` are the bytes, `i` is the next one's place; `v0`, `v1` … are the values.
    """

    def __init__(self, slow: Decode) -> None:
        self.names: dict[str, Any] = {
            "slow": slow, "Unsure": _Unsure, "CutShort": struct.error, "varint": _varint,
            "truth": (False, True), "six": struct.Struct("<HHH").unpack_from,
        }  # fmt: skip
        self.names["more"], self.names["last"] = _pairs()

    def constant(self, value: object) -> str:
        """Return the name of a constant in the code."""
        name = f"c{len(self.names)}"
        self.names[name] = value
        return name

    def fields(self, fields: list[dict[str, Any]]) -> list[str]:
        """Return the code that reads all fields, doubles in a row at once where none is null."""
        if len(fields) > FIELDS_MAX:
            raise _Unsure
        lines: list[str] = []
        run: list[int] = []
        for n, field in enumerate(fields):
            if _is_double(field["type"]):
                run.append(n)
                continue
            lines += self._run(fields, run)
            run = []
            lines += self._field(field, f"v{n}")
        return lines + self._run(fields, run)

    def _run(self, fields: list[dict[str, Any]], run: list[int]) -> list[str]:
        """Return the code for doubles in a row."""
        singly = [line for n in run for line in self._field(fields[n], f"v{n}")]
        if len(run) < RUN_MIN:
            return singly
        form, targets, tags, checks = "<", [], [], []
        for n in run:
            if nullable := _nullable(fields[n]["type"]):
                form += "B"
                targets.append(f"t{n}")
                tags.append(f"t{n} == {nullable[1]}")
            form += "d"
            targets.append(f"v{n}")
            checks += self._number("double", _limits(fields[n]), f"v{n}")
        size, read = struct.calcsize(form), self.constant(struct.Struct(form).unpack_from)
        return [
            f"whole = size - i >= {size}",
            "if whole:",
            f"    {', '.join(targets)} = {read}(b, i)",
            f"    whole = {' and '.join(tags) or 'True'}",
            "if whole:",
            f"    i += {size}",
            *_indented(checks),
            "else:",
            *_indented(singly),
        ]

    def _field(self, field: Mapping[str, Any], v: str) -> list[str]:
        """Return the code for one field."""
        limits, nullable = _limits(field), _nullable(field["type"])
        if nullable is None:
            return self._value(field["type"], limits, v)
        avro, tag, null = nullable
        return [
            f"if b[i] == {tag}:",
            "    i += 1",
            *_indented(self._value(avro, limits, v)),
            f"elif b[i] == {null}:",
            "    i += 1",
            f"    {v} = None",
            "else: raise Unsure",
        ]

    def _value(self, avro: AvroType, limits: Limits, v: str) -> list[str]:
        kind = kind_of(avro)
        if kind in ("int", "long"):
            more = _LONG if kind == "long" else _INT
            return [*more, f"{v} = ~(n >> 1) if n & 1 else n >> 1",
                    *self._number(kind, limits, v)]  # fmt: skip
        if kind in READ:
            form = struct.Struct(READ[kind])
            read = f"{v}, = {self.constant(form.unpack_from)}(b, i)"
            return [read, f"i += {form.size}", *self._number(kind, limits, v)]
        if kind == "boolean":
            return [f"{v} = truth[b[i]]", "i += 1"]
        if isinstance(avro, dict) and kind == "enum":
            symbols = self.constant(tuple(avro["symbols"]))
            return ["n = b[i]", "if n & 129: raise Unsure", f"{v} = {symbols}[n >> 1]", "i += 1"]
        if isinstance(avro, dict) and kind == "fixed":
            size = int(avro["size"])
            return [f"{v} = b[i:i + {size}]", f"i += {size}", *self._text(kind, limits, v)]
        if kind in ("string", "bytes"):
            piece = "str(b[i:j], 'utf-8')" if kind == "string" else "b[i:j]"
            return [*_LENGTH, f"{v} = {piece}", "i = j", *self._text(kind, limits, v)]
        raise _Unsure

    def _number(self, kind: str, limits: Limits, v: str) -> list[str]:
        bounds = limits.bounds(kind)
        if bounds is None:
            return []
        low, high = map(self.constant, bounds)
        return [f"if not {low} <= {v} <= {high}: raise Unsure"]

    def _text(self, kind: str, limits: Limits, v: str) -> list[str]:
        lines = []
        if limits.max_length is not None:
            lines.append(f"if len({v}) > {self.constant(limits.max_length)}: raise Unsure")
        if limits.fullmatch is not None and kind == "string":
            lines.append(f"if {self.constant(limits.fullmatch)}({v}) is None: raise Unsure")
        return lines


_LENGTH = [
    "n = b[i]",
    "i += 1",
    "if n > 127:",
    "    if b[i] > 127: raise Unsure",
    "    n = n & 127 | b[i] << 7",
    "    i += 1",
    "if n & 1: raise Unsure",
    "j = i + (n >> 1)",  # beyond the end: the last check sees it, or the next index
]
_INT = [
    "n = b[i]",
    "if n < 128: i += 1",
    "elif b[i + 1] < 128:",
    "    n = n & 127 | b[i + 1] << 7",
    "    i += 2",
    "else: n, i = varint(b, i)",
]
_LONG = [  # milliseconds since 1970 have six bytes, until 2039
    *_INT[:-1],
    "else:",
    "    n = 0",
    "    if size - i > 5:",
    "        x, y, z = six(b, i)",
    "        x, y, z = more[x], more[y], last[z]",
    "        if x and y and z:",
    "            n = x | y << 14 | z << 28",
    "            i += 6",
    "    if not n: n, i = varint(b, i)",
]


def _limits(field: Mapping[str, Any]) -> Limits:
    return read_limits(field, field["name"])


def _is_double(avro: AvroType) -> bool:
    nullable = _nullable(avro) if isinstance(avro, list) and len(avro) == 2 else None
    return (nullable[0] if nullable else avro) == "double"


def _varint(b: bytes, i: int) -> tuple[int, int]:
    """Return a number, still zigzag, and the place after it."""
    number = 0
    for shift in range(0, 7 * VARINT_MAX_BYTES, 7):
        byte = b[i]
        i += 1
        number |= (byte & 127) << shift
        if byte < 128:
            return number, i
    raise _Unsure


@cache
def _pairs() -> tuple[list[int], list[int]]:
    """Return 14 bits of a number for each two of its bytes: in its midst, and at its end."""
    more, last = [0] * 65_536, [0] * 65_536  # 0: not two such bytes, or no bits
    for low in range(128, 256):
        for high in range(128):
            bits = low & 127 | high << 7
            more[low | (high | 128) << 8] = last[low | high << 8] = bits
    return more, last
