"""Parts of JSON documents as values of Avro types: what formats that carry JSON have in common.

A record reader is made once for each schema and called for each value. What it gives is what Avro's
decoder gives: a ``double`` is a float though the text says 1, a ``float`` has 32 bits. Texts stand
for bytes as in Avro's own JSON (code points up to 255). A union's value stands bare, and the first
branch that takes it reads it. Constraints are not looked at here.
"""

import struct
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from labline.schemas.constraints import INT_MAX, LONG_MAX
from labline.schemas.shape import AvroType

#: A part of a JSON document -> the value that it stands for; raises `MisfitError`.
Read: TypeAlias = Callable[[Any], Any]


class MisfitError(Exception):
    """A part of a document is not what its field has to be. Values are not quoted.

    Attributes
    ----------
    place
        The field, with those that it is in.
    """

    def __init__(self, place: str = "", fault: str = "is of another type") -> None:
        super().__init__(f"{place} {fault}")
        self.place, self._fault = place, fault

    def inside(self, field: str) -> "MisfitError":
        """Return the same about a part of a field."""
        return MisfitError(f"{field}.{self.place}" if self.place else field, self._fault)


def record_reader(record: Mapping[str, Any]) -> Read:
    """Return what reads JSON objects as records of a schema that `expand` wrote out.

    Examples
    --------
    >>> read = record_reader({"name": "R", "fields": [{"name": "x", "type": ["null", "double"]}]})
    >>> read({"x": 1}), read({"x": None, "y": 2})
    ({'x': 1.0}, {'x': None})
    >>> try:
    ...     read({"x": "1"})
    ... except Exception as misfit:
    ...     print(misfit)
    x is of another type
    """
    fields = [
        (
            field["name"],
            (field["name"], *field.get("aliases", ())),
            _value(field["type"]),
            "default" in field,
            field.get("default"),
        )
        for field in record["fields"]
    ]

    def read(part: Any) -> dict[str, Any]:
        if not isinstance(part, dict):
            raise MisfitError
        datum = {}
        for name, names, value, defaulted, default in fields:
            present = next((each for each in names if each in part), None)
            if present is None and not defaulted:
                raise MisfitError(name, "is missing")
            try:
                datum[name] = value(default if present is None else part[present])
            except MisfitError as misfit:
                raise misfit.inside(name) from None
        return datum

    return read


def _value(avro: AvroType) -> Read:
    """Return what reads a value of a type."""
    if isinstance(avro, list):
        return _union([_value(branch) for branch in avro])
    kind = avro if isinstance(avro, str) else avro["type"]
    if isinstance(avro, dict):
        if kind == "record":
            return record_reader(avro)
        if kind == "enum":
            return _enum(avro)
        if kind == "array":
            return _array(_value(avro["items"]))
        if kind == "map":
            return _map(_value(avro["values"]))
        return _fixed(avro["size"])
    return _PRIMITIVES[kind]


def _union(branches: list[Read]) -> Read:
    def read(part: Any) -> Any:
        for branch in branches[:-1]:
            try:
                return branch(part)
            except MisfitError:
                continue
        return branches[-1](part)

    return read


def _enum(avro: Mapping[str, Any]) -> Read:
    symbols, default = frozenset(avro["symbols"]), avro.get("default")

    def read(part: Any) -> Any:
        if isinstance(part, str):
            if part in symbols:
                return part
            if default is not None:
                return default
        raise MisfitError

    return read


def _array(item: Read) -> Read:
    def read(part: Any) -> list[Any]:
        if not isinstance(part, list):
            raise MisfitError
        return [item(each) for each in part]

    return read


def _map(value: Read) -> Read:
    def read(part: Any) -> dict[str, Any]:
        if not isinstance(part, dict):
            raise MisfitError
        return {_string(name): value(each) for name, each in part.items()}

    return read


def _fixed(size: int) -> Read:
    def read(part: Any) -> bytes:
        raw = _bytes(part)
        if len(raw) != size:
            raise MisfitError
        return raw

    return read


def _null(part: Any) -> None:
    if part is not None:
        raise MisfitError


def _boolean(part: Any) -> bool:
    if not isinstance(part, bool):
        raise MisfitError
    return part


def _whole(most: int) -> Read:
    def read(part: Any) -> int:
        if type(part) is not int or not -most - 1 <= part <= most:
            raise MisfitError
        return part

    return read


def _double(part: Any) -> float:
    if type(part) not in (int, float):
        raise MisfitError
    try:
        return float(part)
    except OverflowError:
        raise MisfitError from None


def _float(part: Any) -> float:
    number = _double(part)
    try:
        rounded: float = struct.unpack("<f", struct.pack("<f", number))[0]
    except OverflowError:
        raise MisfitError from None
    return rounded


def _string(part: Any) -> str:
    try:
        if isinstance(part, str) and (part.isascii() or part.encode()):
            return part
    except UnicodeEncodeError:  # half of a surrogate pair
        pass
    raise MisfitError


def _bytes(part: Any) -> bytes:
    try:
        return _string(part).encode("latin-1")
    except UnicodeEncodeError:
        raise MisfitError from None


_PRIMITIVES: dict[str, Read] = {
    "null": _null,
    "boolean": _boolean,
    "int": _whole(INT_MAX),
    "long": _whole(LONG_MAX),
    "float": _float,
    "double": _double,
    "string": _string,
    "bytes": _bytes,
}
