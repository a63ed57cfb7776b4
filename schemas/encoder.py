"""A schema as Python code that checks and encodes a record in one pass: publishing's hot path.

It answers only for records that are plainly right: Python's own types, every field there, every
constraint kept. Anything else (a subclass, an ambiguous union, a broken constraint) it leaves to
the slow path, which decides and says why. So there is one truth about what is right, and this
module can be faster than it, never of another opinion (proved in ``tests/property``).

No text of the schema is in the code: names, bounds, patterns and symbols are constants.
"""

import struct
from collections.abc import Callable, Iterable, Mapping
from operator import itemgetter
from typing import Any, NamedTuple, TypeAlias

from labline.schemas.constraints import LONG_MAX, NUMBERS, Limits, read_limits
from labline.schemas.shape import AvroType, kind_of
from labline.schemas.union_branches import branch_tests
from labline.schemas.varint import UNSIGNED, varint

#: A record and the head of its frame -> framed bytes.
Encode: TypeAlias = Callable[[Mapping[str, object], bytes], bytes]

NAMES_MAX = 10_000  # of variables and constants in the code; larger schemas go the slow way
FLOAT_EXACT_MAX = 2**53  # every whole number up to here is a float


class _Unsure(Exception):  # noqa: N818  # says nothing of right or wrong
    """The slow path is to decide."""


def _text(text: object) -> bytes:
    if type(text) is not str:
        raise _Unsure
    data = text.encode()
    return UNSIGNED[len(data)] + data


def compile_encoder(record: Mapping[str, Any], slow: Encode, size_max: int) -> Encode:
    r"""Return the encoder of a record schema as `labline.schemas.shape.expand` gives it.

    Parameters
    ----------
    slow
        Takes what is not plainly right, or has more than `size_max` bytes.

    Examples
    --------
    >>> encode = compile_encoder({"type": "record", "name": "R", "fields": [
    ...     {"name": "x", "type": "int", "minimum": 0}, {"name": "s", "type": ["null", "string"]}]},
    ...     lambda datum, head: b"slowly", 99)
    >>> encode({"x": 1, "s": "a"}, b"head:")
    b'head:\x02\x02\x02a'
    >>> encode({"x": -1, "s": "a"}, b""), encode({"x": 1}, b"")
    (b'slowly', b'slowly')
    """
    maker = _Maker(slow, size_max)
    try:
        lines, parts = maker.record(record, "x")
    except _Unsure:
        return slow  # too large a schema
    source = [
        *maker.functions,
        "def encode(x, head):",
        "    try:",
        *_indented(_indented(lines)),
        f"        value = join((head, {', '.join(parts)},))",
        "        if len(value) <= size_max: return value",
        "    except (Unsure, NotPacked, LookupError, ValueError, ArithmeticError): pass",
        "    return slow(x, head)",
    ]
    exec("\n".join(source), maker.names)  # noqa: S102  # our own words, see the module
    encode: Encode = maker.names["encode"]
    return encode


class Code(NamedTuple):
    """Code that checks a value, and the expressions of the bytes it is encoded as."""

    lines: list[str]
    parts: list[str]


def _indented(lines: Iterable[str]) -> list[str]:
    return ["    " + line for line in lines]


def _bytes(parts: list[str]) -> str:
    return " + ".join(parts) if len(parts) < 4 else f"join(({', '.join(parts)}))"


def _nullable(avro: AvroType) -> AvroType | None:
    """Return what else a value is that may be null, None when it is not that simple."""
    if not isinstance(avro, list) or len(avro) != 2 or "null" not in avro:
        return None
    other: AvroType = avro[1 - avro.index("null")]
    return None if other == "null" else other


class _Maker:
    """Makes code, and keeps the constants that it refers to."""

    def __init__(self, slow: Encode, size_max: int) -> None:
        self.names: dict[str, Any] = {
            "join": b"".join, "varint": varint, "text": _text, "unsigned": UNSIGNED,
            "Unsure": _Unsure, "NotPacked": struct.error, "slow": slow, "size_max": size_max,
        }  # fmt: skip
        self.functions: list[str] = []
        self._count = 0

    def _new(self, letter: str) -> str:
        self._count += 1
        return f"{letter}{self._count}"

    def _constant(self, value: object) -> str:
        name = self._new("c")
        self.names[name] = value
        return name

    def value(self, avro: AvroType, limits: Limits, x: str) -> Code:
        """Return the code for a value of a type, which lies in the variable `x`."""
        if self._count > NAMES_MAX:
            raise _Unsure
        if isinstance(avro, list):
            return self._union(avro, limits, x)
        kind = kind_of(avro)
        if kind in NUMBERS:
            return self._number(kind, limits, x)
        if isinstance(avro, str):
            return self._primitive(kind, limits, x)
        if kind == "record":
            return self.record(avro, x)
        if kind == "enum":
            table = {symbol: varint(n) for n, symbol in reversed([*enumerate(avro["symbols"])])}
            return Code([_unless(f"type({x}) is str")], [f"{self._constant(table)}[{x}]"])
        if kind == "fixed":
            size = self._constant(avro["size"])
            lines, _ = self._primitive("bytes", limits, x)
            return Code([*lines, _unless(f"len({x}) == {size}")], [x])
        return self._many(avro, kind, limits, x)

    def record(self, avro: Mapping[str, Any], x: str) -> Code:
        """Return the code for a record: exactly its fields, in their order."""
        fields = avro["fields"]
        names = [field["name"] for field in fields]
        values = [self._new("v") for _ in names]
        get = self._constant(itemgetter(*names))
        lines = [
            _unless(f"type({x}) is dict and len({x}) == {len(names)}"),
            f"{', '.join(values)} = {get}({x})",
        ]
        parts: list[str] = []
        doubles: list[tuple[AvroType, Limits, str]] = []
        for field, value in zip(fields, values, strict=True):
            inner, limits = field["type"], read_limits(field, "")
            if "double" in (inner, _nullable(inner)):
                doubles.append((inner, limits, value))
                continue
            for code in (self._doubles(doubles), self.value(inner, limits, value)):
                lines += code.lines
                parts += code.parts
            doubles = []
        code = self._doubles(doubles)
        return Code(lines + code.lines, parts + code.parts)

    def _doubles(self, fields: list[tuple[AvroType, Limits, str]]) -> Code:
        """Return the code for doubles side by side: packed at once when none of them is null."""
        each = [self.value(avro, limits, x) for avro, limits, x in fields]
        lines = [line for code in each for line in code.lines]
        parts = [part for code in each for part in code.parts]
        if len(fields) < 2:
            return Code(lines, parts)
        form, packed, within = "<", [], []
        for avro, limits, x in fields:
            if isinstance(avro, list):
                form += "B"
                packed.append(str(2 * avro.index("double")))
            form += "d"
            packed.append(x)
            if bounds := _real_bounds(limits, "double"):
                within.append(self._between(x, bounds))
        out, pack = self._new("b"), self._constant(struct.Struct(form).pack)
        lines = [
            f"if {' is '.join(f'type({x})' for *_, x in fields)} is float:",
            *_indented([_unless(" and ".join(within))] if within else []),
            f"    {out} = {pack}({', '.join(packed)})",
            "else:",
            *_indented(lines),
            f"    {out} = {_bytes(parts)}",
        ]
        return Code(lines, [out])

    def _between(self, x: str, bounds: tuple[float, float]) -> str:
        low, high = map(self._constant, bounds)
        return f"{low} <= {x} <= {high}"

    def _number(self, kind: str, limits: Limits, x: str) -> Code:
        if kind in ("int", "long"):
            low, high = limits.bounds(kind) or (-LONG_MAX - 1, LONG_MAX)
            lines = [_unless(f"type({x}) is int and {self._between(x, (low, high))}")]
            if low >= 0 and high < len(UNSIGNED):
                return Code(lines, [f"unsigned[{x}]"])
            return Code(lines, [f"varint({x})"])
        pack = self._constant(struct.Struct("<d" if kind == "double" else "<f").pack)
        test = f"(type({x}) is float or type({x}) is int)"
        if bounds := _real_bounds(limits, kind):
            test += f" and {self._between(x, bounds)}"
        return Code([_unless(test)], [f"{pack}({x})"])

    def _primitive(self, kind: str, limits: Limits, x: str) -> Code:
        if kind == "boolean":
            table = self._constant({False: b"\x00", True: b"\x01"})
            return Code([_unless(f"type({x}) is bool")], [f"{table}[{x}]"])
        test = f"type({x}) is {'str' if kind == 'string' else 'bytes'}"
        if limits.max_length is not None:
            test += f" and len({x}) <= {self._constant(limits.max_length)}"
        if kind == "bytes":
            return Code([_unless(test)], [f"unsigned[len({x})]", x])
        if limits.fullmatch is not None:
            test += f" and {self._constant(limits.fullmatch)}({x}) is not None"
        data = self._new("b")
        return Code([_unless(test), f"{data} = {x}.encode()"], [f"unsigned[len({data})]", data])

    def _many(self, avro: Mapping[str, Any], kind: str, limits: Limits, x: str) -> Code:
        """Return the code for an array or a map: one block, and the end."""
        inner = self.value(avro["items" if kind == "array" else "values"], limits, "x")
        one, out = self._new("f"), self._new("b")
        body = [*inner.lines, f"return {_bytes(inner.parts)}"]
        self.functions += [f"def {one}(x):", *_indented(body)]
        pairs = f"[text(k) + {one}(v) for k, v in {x}.items()]"
        items = f"map({one}, {x})" if kind == "array" else pairs
        end = self._constant(b"\x00")
        lines = [
            _unless(f"type({x}) is {'list' if kind == 'array' else 'dict'}"),
            f"{out} = varint(len({x})) + join({items}) + {end} if {x} else {end}",
        ]
        return Code(lines, [out])

    def _union(self, branches: list[AvroType], limits: Limits, x: str) -> Code:
        """Return the code for a union: null, or the one branch that a value's class stands for."""
        simple = _nullable(branches)
        tests = {branch: "True" for branch in (1, 0) if simple and branches[branch] != "null"}
        tests = tests or branch_tests(branches, x)
        if "null" in branches:
            tests = {branches.index("null"): f"{x} is None", **tests}
        if not tests:
            return Code(["raise Unsure"], [x])
        out, word, lines = self._new("b"), "if", []
        for number, test in tests.items():
            branch = branches[number]
            code = Code([], []) if branch == "null" else self.value(branch, limits, x)
            head = self._constant(varint(number))
            done = [*code.lines, f"{out} = {_bytes([head, *code.parts])}"]
            lines += [f"{word} {test}:", *_indented(done)]
            word = "elif"
        return Code([*lines, "else:", "    raise Unsure"], [out])


def _real_bounds(limits: Limits, kind: str) -> tuple[float, float] | None:
    """Return the bounds of a float or double, floats where they can be: those compare faster."""
    bounds = limits.bounds(kind)
    if bounds is None:
        return None
    low, high = (float(b) if abs(b) <= FLOAT_EXACT_MAX else b for b in bounds)
    return low, high


def _unless(test: str) -> str:
    return f"if not ({test}): raise Unsure"
