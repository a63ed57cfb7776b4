"""Types for people: pydantic models that take exactly the records that a schema takes.

`model_of` makes one at once; `source` writes them down for type checkers and editors.
Both walk a schema the same way and differ in what they build. Where they differ from
`Schema.encode`:

* only encoding sees half a surrogate pair in a text, and that a record is larger than a value may
  be; a model takes both;
* only encoding takes what is not Python's own: other sequences for a list, other mappings for a
  dict, a bytearray, another library's numbers;
* a model turns an int that stands for a double into one before it compares it with its bounds.
"""

import keyword
import math
import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal, Protocol, TypeVar, Union

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

from labline.schemas.avro import Schema
from labline.schemas.constraints import DOUBLE_MAX, Limits, read_limits
from labline.schemas.shape import AvroType, expand

STRICT = ConfigDict(
    strict=True,
    frozen=True,
    extra="forbid",
    allow_inf_nan=False,
    regex_engine="python-re",
    serialize_by_alias=True,
    protected_namespaces=(),
)
_PYTHON: Mapping[str, type | None] = {
    "null": None, "boolean": bool, "int": int, "long": int, "float": float, "double": float,
    "string": str, "bytes": bytes, "fixed": bytes,
}  # fmt: skip
TAKEN = frozenset((*dir(BaseModel), *keyword.kwlist, "Annotated", "Literal", "Field")) | {
    "int", "float", "str", "bytes", "bool", "list", "dict",
}  # fmt: skip

_T = TypeVar("_T")


class Build(Protocol[_T]):
    """What a walk over a schema builds of its parts: types, or the text of types."""

    def value(self, of: type | None, words: Mapping[str, Any]) -> _T:
        """Return a primitive with pydantic's words for its constraints."""

    def literal(self, symbols: list[str]) -> _T:
        """Return an enum."""

    def many(self, of: Literal["list", "dict"], inner: _T) -> _T:
        """Return an array or a map."""

    def union(self, branches: list[_T]) -> _T:
        """Return a union."""

    def record(self, avro: dict[str, Any], types: list[_T]) -> _T:
        """Return a record, whose fields have these types."""


def model_of(schema: Schema) -> type[BaseModel]:
    """Return a model of a schema's records; its `model_dump` is what `Schema.encode` takes.

    Examples
    --------
    >>> schema = Schema.parse({"type": "record", "name": "Flight", "fields": [
    ...     {"name": "id", "type": "string", "max_length": 9},
    ...     {"name": "delay", "type": ["null", "double"], "minimum": -90}]})
    >>> model_of(schema)(id="UA1545", delay=2)
    Flight(id='UA1545', delay=2.0)
    """
    model: type[BaseModel] = build(expand(schema.document), None, _Models())
    return model


def is_value(field: Mapping[str, Any], value: object) -> bool:
    """Tell whether a field of an expanded schema may have a value, by type and constraints.

    Examples
    --------
    >>> field = {"name": "x", "type": ["null", "int"], "minimum": 0}
    >>> is_value(field, None), is_value(field, 1), is_value(field, -1), is_value(field, True)
    (True, True, False, False)
    """
    allowed = build(field["type"], read_limits(field, field["name"]), _Models())
    try:
        create_model("_", __config__=STRICT, value=(allowed, ...)).model_validate({"value": value})
    except ValidationError:
        return False
    return True


def build(avro: AvroType, limits: Limits | None, into: Build[_T]) -> _T:
    """Return what a type is built into; its constraints are those of the field it stands in."""
    if isinstance(avro, list):
        return into.union([build(branch, limits, into) for branch in avro])
    kind = avro if isinstance(avro, str) else avro["type"]
    if isinstance(avro, dict):
        if kind == "array":
            return into.many("list", build(avro["items"], limits, into))
        if kind == "map":
            return into.many("dict", build(avro["values"], limits, into))
        if kind == "enum":
            return into.literal(avro["symbols"])
        if kind == "record":
            fields = avro["fields"]
            limited = [read_limits(field, f"{avro['name']}.{field['name']}") for field in fields]
            types = [build(f["type"], of, into) for f, of in zip(fields, limited, strict=True)]
            return into.record(avro, types)
    assert limits is not None
    size = avro["size"] if isinstance(avro, dict) else None
    return into.value(_PYTHON[kind], _words(kind, limits, size))


def attribute(name: str, taken: Iterable[str] = ()) -> str:
    """Return a field's name as an attribute of a model, which may not be called as freely.

    Examples
    --------
    >>> attribute("id"), attribute("class"), attribute("_id"), attribute("json"), attribute("__1")
    ('id', 'class_', 'id', 'json_', 'f1')
    """
    plain = name.lstrip("_") or "field"
    plain = f"f{plain}" if plain[0].isdigit() else plain
    forbidden = TAKEN.union(taken)
    while plain in forbidden:
        plain += "_"
    return plain


def attributes(avro: Mapping[str, Any], taken: Iterable[str] = ()) -> list[str]:
    """Return the attributes of a record's fields, each once."""
    names = [field["name"] for field in avro["fields"]]
    result: list[str] = []
    for name in names:
        result.append(attribute(name, {*taken, *result, *names} - {name}))
    return result


class _Models:
    """Builds types."""

    def value(self, of: type | None, words: Mapping[str, Any]) -> Any:
        return Annotated[of, Field(**words)] if words else of

    def literal(self, symbols: list[str]) -> Any:
        return Literal[tuple(symbols)]

    def many(self, of: Literal["list", "dict"], inner: Any) -> Any:
        return list[inner] if of == "list" else dict[str, inner]

    def union(self, branches: list[Any]) -> Any:
        return Union[tuple(branches)]  # noqa: UP007  # made of a list

    def record(self, avro: dict[str, Any], types: list[Any]) -> Any:
        name = avro["name"].rpartition(".")[2]
        fields: dict[str, Any] = {
            place: (of, Field(alias=field["name"]))
            for place, field, of in zip(attributes(avro), avro["fields"], types, strict=True)
        }
        return create_model(name, __config__=STRICT, __doc__=avro.get("doc"), **fields)


def _words(kind: str, limits: Limits, size: int | None) -> dict[str, Any]:
    """Return pydantic's words for what a value of a kind must be."""
    if kind in ("int", "long"):
        low, high = limits.bounds(kind) or (-(2**63), 2**63 - 1)
        return {"ge": math.ceil(low), "le": math.floor(high)}
    words: dict[str, Any] = {}
    if kind in ("float", "double"):
        low, high = limits.bounds(kind) or (-math.inf, math.inf)
        if low > -DOUBLE_MAX:
            words["ge"] = _at_least(low)
        if high < DOUBLE_MAX:
            words["le"] = -_at_least(-high)
        return words if limits.finite else {**words, "allow_inf_nan": True}
    lengths = [length for length in (size, limits.max_length) if length is not None]
    if kind in ("string", "bytes", "fixed") and lengths:
        words["max_length"] = min(lengths)
    if size is not None:
        words["min_length"] = size
    if kind == "string" and limits.pattern is not None:
        words["pattern"] = _whole(limits.pattern)
    return words


def _at_least(bound: float) -> float:
    """Return the smallest double that is not below a bound."""
    try:
        near = float(bound)
    except OverflowError:
        return math.inf  # which no double reaches
    return near if near >= bound else math.nextafter(near, math.inf)


def _whole(pattern: str) -> str:
    """Return a pattern that is found only in texts that the given one fits as a whole."""
    flags = re.match(r"(\(\?[aimsux]+\))*", pattern)
    assert flags is not None
    comment_ends = "\n" if re.compile(pattern).flags & re.VERBOSE else ""
    return rf"{flags[0]}\A(?:{pattern[flags.end() :]}{comment_ends})\Z"
