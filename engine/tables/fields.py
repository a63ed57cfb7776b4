"""Fields of Avro schemas for what a file's columns hold, each with the cells that it is read from.

`labline.engine.tables.proposal` asks for them; `labline.engine.tables.cells` reads rows by their
``csv`` attributes. What a file happens to hold is ``suggested``, and checked by nobody.
"""

from collections.abc import Sequence
from typing import Any, TypeAlias

from labline.engine.tables.columns import EVENT_TIME, Column
from labline.engine.tables.times import EPOCHS

Field: TypeAlias = dict[str, Any]
ROW_NUMBER: Field = {"row": True}


def column_field(column: Column) -> Field:
    """Return a field for what a column holds.

    Examples
    --------
    >>> from labline.engine.tables.columns import Seen
    >>> column_field(Seen("Size (cm)").column("size_cm"))
    {'name': 'size_cm', 'type': 'string', 'csv': {'columns': ['Size (cm)']}}
    """
    field: Field = {"name": column.name, "type": column.kind}
    csv: Field = {}
    if column.missing:
        field["type"] = ["null", column.kind]
    if column.header != column.name:
        csv["columns"] = [column.header]
    if words := [word for word in column.missing if word]:
        csv["missing"] = words
    if csv:
        field["csv"] = csv
    if column.low is not None:
        field["suggested"] = {"minimum": column.low, "maximum": column.high}
    elif column.kind == "string" and column.longest:
        field["suggested"] = {"max_length": column.longest}
        if column.pattern:
            field["suggested"]["pattern"] = column.pattern
    return field


def text_field(name: str, columns: Sequence[Column], doc: str) -> Field:
    """Return a field that takes cells as they are, and must be there; of none the row's number."""
    if not columns:
        return {"name": name, "type": "string", "csv": ROW_NUMBER, "doc": doc}
    missing = sorted({"", *(word for column in columns for word in column.missing)})
    suggested: Field = {"max_length": sum(c.longest for c in columns) + len(columns) - 1}
    if len(columns) == 1 and columns[0].pattern:
        suggested["pattern"] = columns[0].pattern
    csv = {"columns": [column.header for column in columns], "missing": missing}
    return {"name": name, "type": "string", "csv": csv, "suggested": suggested, "doc": doc}


def time_field(header: str | None, form: str | None, zone: str) -> Field:
    """Return the field of the event time; without a column the row's number stands for it."""
    csv = ROW_NUMBER
    if header is not None and form is not None:
        csv = {"columns": [header], "time": form} | ({} if form in EPOCHS else {"zone": zone})
    doc = "When it happened, milliseconds UTC."
    return {"name": EVENT_TIME, "type": "long", "event_time": True, "csv": csv, "doc": doc}


def record_schema(name: str, what: str, fields: list[Field]) -> dict[str, Any]:
    """Return the schema of a topic's records.

    Examples
    --------
    >>> record_schema("2nd-rides", "Event", [])["name"]
    'W2ndRidesEvent'
    """
    words = "".join(letter if letter.isalnum() else " " for letter in name).split()
    plain = "".join(word.capitalize() for word in words) + what
    return {
        "type": "record",
        "name": plain if plain[0].isalpha() else f"W{plain}",
        "fields": fields,
    }
