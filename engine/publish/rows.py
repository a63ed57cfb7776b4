"""Rows of people's files as data: JSON lines and CSV, what cannot be read kept with its line."""

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple, NoReturn, TypeAlias

from schemas.avro import Rejection, Schema
from schemas.shape import expand

LINE_MAX_CHARACTERS = 1_000_000
TRUE, FALSE = frozenset({"true", "1"}), frozenset({"false", "0"})

Coerce: TypeAlias = Callable[[str], object]


class Row(NamedTuple):
    """One row of a file.

    Attributes
    ----------
    line
        Where it ends, counted from 1.
    raw
        Its text; of CSV its cells as JSON.
    datum
        What it says, not yet checked against the schema, or why it cannot be read.
    """

    line: int
    raw: str
    datum: dict[str, object] | Rejection


def json_rows(lines: Iterable[str], schema: Schema) -> Iterator[Row]:
    r"""Yield a row for every line that is not empty.

    Fields that are not there get the schema's default, where it has one.

    Examples
    --------
    >>> schema = Schema.parse({"type": "record", "name": "R", "fields": [
    ...     {"name": "x", "type": "int"}]})
    >>> for row in json_rows(['{"x": 1}\n', "\n", "{x: 2}\n"], schema):
    ...     print(row.line, row.datum)
    1 {'x': 1}
    3 Rejection(stage='parse', reason='not-json', message='the line is not JSON')
    """
    defaults = _defaults(schema)
    for number, line in enumerate(lines, start=1):
        text = line.strip()
        if text:
            yield Row(number, text, _json(text, defaults))


def csv_rows(lines: Iterable[str], schema: Schema) -> Iterator[Row]:
    r"""Yield a row for every line below the first, which names the columns.

    An empty cell is null where the schema allows it; numbers and truth values are read as the
    schema says.

    Examples
    --------
    >>> schema = Schema.parse({"type": "record", "name": "R", "fields": [
    ...     {"name": "x", "type": ["null", "double"]}, {"name": "s", "type": "string"}]})
    >>> [row.datum for row in csv_rows(["s,x\n", "a,1.5\n", "b,\n"], schema)]
    [{'s': 'a', 'x': 1.5}, {'s': 'b', 'x': None}]
    """
    coerce = {field["name"]: _coercion(field["type"]) for field in _fields(schema)}
    defaults = _defaults(schema)
    number = 0

    def counted() -> Iterator[str]:
        nonlocal number  # csv's own count stands still at a line that it cannot read
        for number, line in enumerate(lines, start=1):  # noqa: B007  # read by the loop below
            yield line

    reader = csv.DictReader(counted(), strict=True)
    while True:
        try:
            cells = next(reader, None)
        except csv.Error:
            yield Row(number, "", _rejected("not-csv", "the line is not CSV"))
            continue
        if cells is None:
            return
        raw = json.dumps({str(name): cell for name, cell in cells.items()}, ensure_ascii=False)
        yield Row(number, raw, _from_cells(cells, coerce, defaults))


def _json(text: str, defaults: Mapping[str, object]) -> dict[str, object] | Rejection:
    if len(text) > LINE_MAX_CHARACTERS:
        return _rejected("too-large", f"the line has more than {LINE_MAX_CHARACTERS} characters")
    try:
        found = json.loads(text, parse_constant=_no_constant, object_pairs_hook=_each_once)
    except (ValueError, RecursionError):
        return _rejected("not-json", "the line is not JSON")
    if not isinstance(found, dict):
        return _rejected("not-an-object", "the line is not a JSON object")
    return {**defaults, **found}


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name is there twice")
    return found


def _from_cells(
    cells: Mapping[str, Any], coerce: Mapping[str, Coerce], defaults: Mapping[str, object]
) -> dict[str, object] | Rejection:
    datum = dict(defaults)
    for name, cell in cells.items():
        if name is None or cell is None:  # csv's words for too many cells, and for too few
            return _rejected("cells", "the line has not as many cells as there are columns")
        if name not in coerce:
            return _rejected("unknown-column", "a column is not a field of the schema")
        try:
            datum[name] = coerce[name](cell)
        except (ValueError, RecursionError):
            return _rejected("unreadable-cell", f"{name} is not of its type")
    return datum


def _coercion(avro: Any) -> Coerce:  # an Avro type as JSON has it
    """Return what makes a cell a value of a type."""
    branches = avro if isinstance(avro, list) else [avro]
    kinds = [branch if isinstance(branch, str) else branch["type"] for branch in branches]
    readers: list[Coerce] = [_OF_KIND.get(kind, json.loads) for kind in kinds if kind != "null"]
    nullable = "null" in kinds

    def coerce(cell: str) -> object:
        if nullable and cell == "":
            return None
        for read in readers:
            try:
                return read(cell)
            except ValueError:
                continue
        raise ValueError("no branch reads it")

    return coerce


def _truth(cell: str) -> bool:
    word = cell.lower()
    if word in TRUE or word in FALSE:
        return word in TRUE
    raise ValueError("neither true nor false")


_OF_KIND: dict[str, Coerce] = {
    "boolean": _truth,
    "int": int,
    "long": int,
    "float": float,
    "double": float,
    "string": str,
    "enum": str,
    "bytes": lambda cell: cell.encode(),
    "fixed": lambda cell: cell.encode(),
}


def _fields(schema: Schema) -> list[dict[str, Any]]:
    fields: list[dict[str, Any]] = expand(schema.document)["fields"]
    return fields


def _defaults(schema: Schema) -> dict[str, object]:
    return {field["name"]: field["default"] for field in _fields(schema) if "default" in field}


def _rejected(reason: str, message: str) -> Rejection:
    return Rejection("parse", reason, message)
