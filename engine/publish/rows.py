"""Rows of files: JSON lines and CSV, what cannot be read kept with its line."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple, NoReturn

from labline.engine.errors import LablineError
from labline.engine.publish.cells import Cells
from labline.engine.workspace.csv_table import BYTE_ORDER_MARK, csv_table
from labline.schemas.avro import Rejection, Schema
from labline.schemas.shape import expand

LINE_MAX_CHARACTERS = 1_000_000
SORT_MAX_ROWS = 1_000_000


class Row(NamedTuple):
    """One row of a file.

    Attributes
    ----------
    line
        Where it ends, counted from 1.
    raw
        Its text; of CSV its cells by column.
    datum
        What it says, not yet checked against the schema; why it cannot be read; or None when it
        holds no record of this topic.
    """

    line: int
    raw: str | dict[str, str]
    datum: dict[str, object] | Rejection | None


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
    fields: list[dict[str, Any]] = expand(schema.document)["fields"]
    defaults = {field["name"]: field["default"] for field in fields if "default" in field}
    for number, line in enumerate(lines, start=1):
        text = line.removeprefix(BYTE_ORDER_MARK).strip()
        if text:
            yield Row(number, text, _json(text, defaults))


def csv_rows(
    lines: Iterable[str], schema: Schema, on_unknown: Callable[[list[str]], None] | None = None
) -> Iterator[Row]:
    r"""Yield a row for every line below the first, which names the columns.

    Parameters
    ----------
    on_unknown
        Told once, before the first row, which columns are no field of the schema: they are left
        out.

    Raises
    ------
    LablineError
        ``LL-PUBLISH-COLUMNS``, see `Cells`.

    Examples
    --------
    >>> schema = Schema.parse({"type": "record", "name": "R", "fields": [
    ...     {"name": "x", "type": ["null", "double"]}, {"name": "s", "type": "string"}]})
    >>> [row.datum for row in csv_rows(["s,x,y\n", "a,1.5,7\n", "b,,8\n"], schema, print)]
    ['y']
    [{'x': 1.5, 's': 'a'}, {'x': None, 's': 'b'}]
    """
    table = csv_table(lines)
    _, header = next(table, (0, None))
    if not header:
        return
    cells = Cells(schema, header)
    if cells.unknown and on_unknown is not None:
        on_unknown(cells.unknown)
    for line, found in table:
        if found is None:
            yield Row(line, "", _rejected("not-csv", "the line is not CSV"))
        else:
            raw = dict(zip(header, found, strict=False))
            yield Row(line, raw, cells.datum(found))


def in_time_order(rows: Iterable[Row], schema: Schema) -> Iterator[Row]:
    """Yield the rows by event time, equal ones as they came; first those that have none.

    Raises
    ------
    LablineError
        ``LL-PUBLISH-SORT`` when the schema has no event time, or the rows are too many.
    """
    name = schema.event_time
    if name is None:
        raise LablineError(
            "LL-PUBLISH-SORT",
            f"no field of {schema.name} is the event time",
            'give the field that tells when it happened "event_time": true in the .avsc',
        )
    kept: list[tuple[int, int, Row]] = []
    for place, row in enumerate(rows):
        if place == SORT_MAX_ROWS:
            raise LablineError(
                "LL-PUBLISH-SORT",
                f"more than {SORT_MAX_ROWS:,} rows are not sorted in memory",
                "sort the file by its time",
            )
        time = row.datum.get(name) if isinstance(row.datum, dict) else None
        kept.append((time if isinstance(time, int) else -(2**63), place, row))
    kept.sort(key=lambda each: each[:2])
    yield from (row for _, _, row in kept)


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


def _rejected(reason: str, message: str) -> Rejection:
    return Rejection("parse", reason, message)
