"""Rows of files as records of a declared topic; what cannot be read is kept with its line.

``labline publish`` and ``labline record --file`` read here: lines or a table and the topic's schema
come in, a row for each line comes out, none is left out.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple, TypeAlias

from labline.engine.errors import LablineError
from labline.engine.tables.cells import Cells, columns_of
from labline.engine.tables.csv_text import BYTE_ORDER_MARK, csv_table
from labline.engine.tables.json_text import cell_of, json_object
from labline.engine.tables.order import SORT_REMEDY, in_time_order
from labline.engine.tables.table import Row as TableRow
from labline.schemas.avro import Schema
from labline.schemas.rejection import Rejection
from labline.schemas.shape import expand

LINE_MAX_CHARACTERS = 1_000_000
#: What a schema says whose records are read from JSON lines with a table's columns.
JSON_LINES, COLUMNS = "json_lines", "columns"
UNTIMED_MS = -(2**63)  # where a row without a time is sorted

#: Is given the columns that are no field of the schema, once, before the first row.
OnUnknown: TypeAlias = Callable[[list[str]], None]

Datum: TypeAlias = dict[str, object] | Rejection | None
#: Makes a record of an object and its number.
ReadObject: TypeAlias = Callable[[dict[str, Any], int], Datum]


class Row(NamedTuple):
    """One row of a file.

    Attributes
    ----------
    line
        Where it ends, counted from 1.
    raw
        Its text; of a table its cells by column.
    datum
        What it says, not yet checked against the schema; why it cannot be read; or None when it
        holds no record of this topic.
    """

    line: int
    raw: str | dict[str, str]
    datum: Datum


def json_rows(lines: Iterable[str], schema: Schema) -> Iterator[Row]:
    r"""Yield a row for every line that is not empty.

    Its names are the fields', and fields that are not there get the schema's default, where it has
    one. A schema with ``"json_lines": "columns"`` takes the names for columns instead, as of a CSV.

    Examples
    --------
    >>> schema = Schema.parse({"type": "record", "name": "R", "fields": [
    ...     {"name": "x", "type": "int"}]})
    >>> for row in json_rows(['{"x": 1}\n', "\n", "{x: 2}\n"], schema):
    ...     print(row.line, row.datum)
    1 {'x': 1}
    3 Rejection(stage='parse', reason='not-json', message='the line is not JSON')
    """
    read = _by_columns(schema) if schema.document.get(JSON_LINES) == COLUMNS else _by_fields(schema)
    number = 0
    for line_number, line in enumerate(lines, start=1):
        text = line.removeprefix(BYTE_ORDER_MARK).strip()
        if text:
            number += 1
            found = _object(text)
            datum = found if isinstance(found, Rejection) else read(found, number)
            yield Row(line_number, text, datum)


def csv_rows(
    lines: Iterable[str], schema: Schema, on_unknown: OnUnknown | None = None
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
    _, header = next(table, (0, []))
    if header:
        yield from table_rows(header, table, schema, on_unknown)


def table_rows(
    header: list[str] | str,
    rows: Iterable[TableRow],
    schema: Schema,
    on_unknown: OnUnknown | None = None,
) -> Iterator[Row]:
    """Yield a row for every one of a table, by its columns.

    Parameters
    ----------
    header
        The names of the columns; the text of a first line that is not CSV.
    on_unknown
        See `csv_rows`.

    Raises
    ------
    LablineError
        ``LL-PUBLISH-COLUMNS``, see `Cells`.
    """
    if isinstance(header, str):
        raise LablineError(
            "LL-PUBLISH-COLUMNS",
            "the first line, which names the columns, is not CSV",
            "mend it: is a quote not closed there?",
        )
    cells = Cells(schema, header)
    if cells.unknown and on_unknown is not None:
        on_unknown(cells.unknown)
    for number, (line, found) in enumerate(rows, start=1):
        if isinstance(found, str):
            yield Row(line, found, _rejected("not-csv", "the line is not CSV"))
        else:
            raw = dict(zip(header, found, strict=False))
            yield Row(line, raw, cells.datum(found, number))


def by_event_time(rows: Iterable[Row], schema: Schema) -> Iterator[Row]:
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
    timed = ((_time_ms(row, name), row) for row in rows)
    yield from (row for _, row in in_time_order(timed, SORT_REMEDY, "LL-PUBLISH-SORT"))


def _time_ms(row: Row, name: str) -> int:
    time = row.datum.get(name) if isinstance(row.datum, dict) else None
    return time if isinstance(time, int) else UNTIMED_MS


def _by_fields(schema: Schema) -> ReadObject:
    fields: list[dict[str, Any]] = expand(schema.document)["fields"]
    defaults = {field["name"]: field["default"] for field in fields if "default" in field}
    return lambda found, _: {**defaults, **found}


def _by_columns(schema: Schema) -> ReadObject:
    header = columns_of(schema)
    cells = Cells(schema, header)
    return lambda found, row: cells.datum([cell_of(found.get(name)) for name in header], row)


def _object(text: str) -> dict[str, Any] | Rejection:
    if len(text) > LINE_MAX_CHARACTERS:
        return _rejected("too-large", f"the line has more than {LINE_MAX_CHARACTERS} characters")
    try:
        found = json_object(text)
    except (ValueError, RecursionError):
        return _rejected("not-json", "the line is not JSON")
    return _rejected("not-an-object", "the line is not a JSON object") if found is None else found


def _rejected(reason: str, message: str) -> Rejection:
    return Rejection("parse", reason, message)
