"""Resolution: why records of one schema could not be read with another.

`problems` says what fastavro's resolution, which reads records here, would not take, and what the
reader's constraints would refuse though the writer's allowed it. It is stricter on purpose where

* a pattern is new or another: which of two patterns allows more cannot be computed;
* bounds, lengths and patterns are each compared alone, not in what they leave together;
* a field was written under both its name and an alias: one would silently win;
* a default is not a value of its field: fastavro gives out whatever stands there, and text for
  bytes;
* the event time would come from a default: it would date every older record the same;
* a fixed is read as a record or an enum of its name: fastavro looks at the name alone.
"""

import copy
import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from fastavro.schema import to_parsing_canonical_form

from labline.schemas.constraints import NUMBERS, TEXTS, Limits, read_limits
from labline.schemas.shape import NAMED, AvroType, expand, kind_of
from labline.schemas.types import is_value

PROMOTIONS = {
    "int": ("long", "float", "double"),
    "long": ("float", "double"),
    "float": ("double",),
    "string": ("bytes",),
    "bytes": ("string",),
}
TEXT_MAX = 262_144  # nothing longer fits into a record
UTF8_MAX_BYTES = 4  # of one character


def problems(reader: Mapping[str, Any], writer: Mapping[str, Any]) -> list[str]:
    """Return why some records of `writer` could not be read with `reader`; nothing when all can.

    Examples
    --------
    >>> def record(field):
    ...     return {"type": "record", "name": "R", "fields": [{"name": "x", **field}]}
    >>> problems(record({"type": "double"}), record({"type": "int"}))
    []
    >>> problems(record({"type": "int"}), record({"type": "double"}))
    ['x is written as double and read as int']
    >>> problems(record({"type": "int", "minimum": 0}), record({"type": "int"}))
    ['x: minimum 0 refuses records that were written without one']
    """
    same = _canonical(reader) == _canonical(writer)  # read as they are, without resolution
    written, read = _Side(expand(writer), {}, ""), _Side(expand(reader), {}, "")
    return list(dict.fromkeys(_Resolution(same).compare(written, read)))


class _Side(NamedTuple):
    """A type as one of the two schemas has it, with the field whose constraints hold for it."""

    avro: AvroType
    field: Mapping[str, Any]
    at: str

    @property
    def kind(self) -> str:
        return kind_of(self.avro)

    @property
    def limits(self) -> Limits:
        return read_limits(self.field, self.at)

    def inner(self, avro: AvroType, step: str = "") -> "_Side":
        return _Side(avro, self.field, self.at + step)


class _Resolution:
    """One walk over a writer's and a reader's schema, as resolution walks them."""

    def __init__(self, same: bool) -> None:
        self._same = same

    def compare(self, written: _Side, read: _Side) -> Iterator[str]:
        if isinstance(written.avro, list):
            for index, branch in enumerate(written.avro):
                fitting = read
                if self._same and isinstance(read.avro, list):
                    fitting = read.inner(read.avro[index])
                yield from self.compare(written.inner(branch), fitting)
        elif isinstance(read.avro, list):
            fitting_branches = [branch for branch in read.avro if _matches(written.avro, branch)]
            if fitting_branches:  # the first one is taken
                yield from self.compare(written, read.inner(fitting_branches[0]))
            else:
                yield (
                    f"{written.at} is written as {_named(written.avro)} and read as "
                    f"{' or '.join(map(_named, read.avro))}"
                )
        else:
            yield from self._one(written, read)

    def _one(self, written: _Side, read: _Side) -> Iterator[str]:
        kinds = (written.kind, read.kind)
        at = written.at or "the record"
        if kinds == ("bytes", "string") and written.limits.max_length != 0:
            yield f"{at} is written as bytes, and those that are no UTF-8 cannot be read as string"
        elif kinds[0] != kinds[1] and kinds[1] not in PROMOTIONS.get(kinds[0], ()):
            yield f"{at} is written as {_named(written.avro)} and read as {_named(read.avro)}"
        elif isinstance(written.avro, dict) and isinstance(read.avro, dict):
            yield from self._built(written, read, written.avro, read.avro)
        elif kinds[0] in NUMBERS:
            yield from _narrower_numbers(written, read)
        if kinds[0] in TEXTS and kinds[1] in TEXTS:
            yield from _narrower_texts(written, read)

    def _built(
        self, written: _Side, read: _Side, w: dict[str, Any], r: dict[str, Any]
    ) -> Iterator[str]:
        if w["type"] in ("array", "map"):
            yield from self.compare(written.inner(part(w), "[]"), read.inner(part(r), "[]"))
            return
        at = written.at or "the record"
        if not _same_name(w, r):
            yield f"{at} is written as {w['name']}, which {r['name']} does not have as an alias"
        elif w["type"] == "fixed" and w["size"] != r["size"]:
            yield f"{at} is written in {w['size']} bytes and read as {r['size']}"
        elif w["type"] == "enum" and "default" not in r:
            lost = [symbol for symbol in w["symbols"] if symbol not in r["symbols"]]
            if lost:
                yield (
                    f"{at} can be written as {', '.join(lost)}, which the reader's enum has not, "
                    "nor a default for it"
                )
        elif w["type"] == "record":
            yield from self._fields(written, w, r)

    def _fields(self, written: _Side, w: dict[str, Any], r: dict[str, Any]) -> Iterator[str]:
        by_name = {field["name"]: field for field in r["fields"]}
        by_alias = {alias: field for field in r["fields"] for alias in field.get("aliases", ())}
        sources: dict[str, list[dict[str, Any]]] = {}
        for field in w["fields"]:
            target = by_name.get(field["name"]) or by_alias.get(field["name"])
            if target:
                sources.setdefault(target["name"], []).append(field)
        for field in r["fields"]:
            at = dotted(written.at, field["name"])
            writers = sources.get(field["name"], [])
            if len(writers) > 1:
                names = " and as ".join(source["name"] for source in writers)
                yield f"{at} is written as {names}: only one of them can be read"
            elif writers:
                source = _Side(writers[0]["type"], writers[0], at)
                yield from self.compare(source, _Side(field["type"], field, at))
            elif field.get("event_time"):
                yield f"{at} is the event time, and records without it have none"
            elif "default" not in field:
                yield f"{at} has no default, so records without it cannot be read"
            elif not is_value(field, field["default"]):
                yield f"{at} has a default that it may not have, for records without it"


def _narrower_numbers(written: _Side, read: _Side) -> Iterator[str]:
    """Yield which bound of the reader refuses numbers that the writer's allow."""
    (low, high), (read_low, read_high) = _span(written), _span(read)
    if written.kind in ("int", "long"):
        if low > high:
            return  # as between 0.2 and 0.8: no record was ever written
        if read.kind in ("float", "double"):
            low, high = float(low), float(high)
    for word, narrower in (("minimum", low < read_low), ("maximum", high > read_high)):
        bound, before = getattr(read.limits, word), getattr(written.limits, word)
        if narrower and bound is None:
            yield f"{read.at}: finite refuses records that were written with any number"
        elif narrower:
            with_what = "without one" if before is None else f"with {before}"
            yield f"{read.at}: {word} {bound} refuses records that were written {with_what}"


def _span(side: _Side) -> tuple[float, float]:
    """Return the smallest and the greatest number that a side takes, whole ones for integers."""
    low, high = side.limits.bounds(side.kind) or (
        (-(2**63), 2**63 - 1) if side.kind == "long" else (-math.inf, math.inf)
    )
    return (math.ceil(low), math.floor(high)) if side.kind in ("int", "long") else (low, high)


def _narrower_texts(written: _Side, read: _Side) -> Iterator[str]:
    """Yield which length or pattern of the reader refuses texts that the writer's allow."""
    longest, before = read.limits.max_length, written.limits.max_length
    if read.kind != "enum" and longest is not None and longest < _longest(written, read.kind):
        with_what = "without one" if before is None else f"with {before}"
        yield f"{read.at}: max_length {longest} refuses records that were written {with_what}"
    if read.kind == "string" and read.limits.pattern not in (None, written.limits.pattern):
        yield f"{read.at}: its pattern is another than records were written with"


def _longest(written: _Side, read_as: str) -> int:
    """Return the greatest length of a written text, as its reader counts."""
    length = written.limits.max_length
    length = TEXT_MAX if length is None else length
    if isinstance(written.avro, dict) and written.kind == "fixed":
        size = int(written.avro["size"])
        return size if size <= length else 0  # longer than allowed: none was ever written
    to_bytes = written.kind == "string" and read_as == "bytes"
    return min(TEXT_MAX, length * UTF8_MAX_BYTES if to_bytes else length)


def _matches(written: AvroType, read: AvroType) -> bool:
    """Tell whether fastavro takes a branch of the reader's union for a written type."""
    if isinstance(written, list) or isinstance(read, list):
        return True
    kinds = (kind_of(written), kind_of(read))
    if isinstance(written, dict) and isinstance(read, dict):
        if kinds in (("array", "array"), ("map", "map")):
            return _matches(part(written), part(read))
        if set(kinds) <= NAMED:
            sizes = {written.get("size"), read.get("size")} if kinds[0] == kinds[1] else ()
            return len(sizes) < 2 and _same_name(written, read)
    return kinds[0] == kinds[1] or kinds[1] in PROMOTIONS.get(kinds[0], ())


def _same_name(written: dict[str, Any], read: dict[str, Any]) -> bool:
    """Tell whether two named types are one: by name without namespace, or by an alias."""
    name, aliases = written["name"].rpartition(".")[2], read.get("aliases", ())
    return name == read["name"].rpartition(".")[2] or name in aliases or written["name"] in aliases


def _canonical(document: Mapping[str, Any]) -> str:
    return to_parsing_canonical_form(copy.deepcopy(dict(document)))


def _named(avro: AvroType) -> str:
    """Return what a person calls a type."""
    if isinstance(avro, list):
        return " or ".join(map(_named, avro))
    kind = kind_of(avro)
    return f"{kind} {avro['name']}" if isinstance(avro, dict) and kind in NAMED else kind


def part(avro: dict[str, Any]) -> AvroType:
    """Return the type of an array's items, of a map's values."""
    inner: AvroType = avro["items" if avro["type"] == "array" else "values"]
    return inner


def dotted(at: str, name: str) -> str:
    """Return the place of a field in the record at `at`."""
    return f"{at}.{name}" if at else name
