"""Cells of a row as fields of a record: by the field's name, or as its ``csv`` attribute says.

``"csv"`` stands at a field in the ``.avsc`` and means nothing to Avro: ``columns`` (joined with
``/`` when there are several), ``row`` (the row's number from 1, not a column), ``missing`` (texts
that stand for no value), ``time`` and ``zone`` (of a time in a ``long``), ``true`` and
``false``, ``skip`` (a row with one of these here is no record of this topic, such as one whose
label is not known). Publishing, recording a file and replaying one all read cells here.
"""

import json
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any, NamedTuple, TypeAlias

from pydantic import BaseModel, ConfigDict

from labline.engine.errors import LablineError
from labline.engine.tables.times import time_reader
from labline.schemas.avro import Schema
from labline.schemas.declarations import checked
from labline.schemas.rejection import Rejection
from labline.schemas.shape import expand

TRUE, FALSE = frozenset({"true", "1"}), frozenset({"false", "0"})
JOIN = "/"

Read: TypeAlias = Callable[[str], object]


class FromCsv(BaseModel):
    """A field's ``csv`` attribute."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    columns: list[str] | None = None
    row: bool = False
    missing: list[str] = []
    time: str | None = None
    zone: str = "UTC"
    true: list[str] | None = None
    false: list[str] | None = None
    skip: list[str] = []


class _Plan(NamedTuple):
    """How one field is read."""

    name: str
    place: int
    others: tuple[int, ...]  # of columns that are joined to the first
    missing: frozenset[str]
    nullable: bool
    skip: frozenset[str]
    read: Read


class Cells:
    """Makes records of a CSV's rows.

    Parameters
    ----------
    header
        The names of the columns.

    Attributes
    ----------
    unknown
        Columns that no field takes.

    Raises
    ------
    LablineError
        ``LL-PUBLISH-COLUMNS`` when a field that must be there has no column, or two.

    Examples
    --------
    >>> cells = Cells(Schema.parse({"type": "record", "name": "R", "fields": [
    ...     {"name": "id", "type": "string", "csv": {"columns": ["Station", "Day"]}},
    ...     {"name": "x", "type": ["null", "double"], "csv": {"missing": ["NA"]}}]}),
    ...     ["Station", "Day", "x", "Remark"])
    >>> cells.datum(["A", "1", "NA", ""]), cells.unknown
    ({'id': 'A/1', 'x': None}, ['Remark'])
    >>> cells.datum(["A", "1", "much", ""]).message
    'x is not of its type'
    """

    def __init__(self, schema: Schema, header: list[str]) -> None:
        self.header = header
        fields: list[dict[str, Any]] = expand(schema.document)["fields"]
        sources = [(field, _from_csv(schema, field)) for field in fields]
        places = {name: place for place, name in enumerate(header)}
        plans, taken = [], set()
        absent = []
        for field, source in sources:
            if source.row:
                continue
            columns = source.columns or [field["name"]]
            lost = [name for name in columns if name not in places]
            taken.update(columns)
            if not lost:
                plans.append(_plan(field, source, tuple(places[name] for name in columns)))
            elif "default" not in field:
                absent += lost
        twice = sorted(name for name in taken if header.count(name) > 1)
        self.unknown = [name for name in header if name not in taken]
        if absent or twice:
            raise _columns(schema, absent, twice, self.unknown)
        self._plans = tuple(plans)
        self._skips = [(plan.place, plan.others, plan.skip) for plan in plans if plan.skip]
        self._numbers = [
            (field["name"], str if field["type"] == "string" else int)
            for field, source in sources
            if source.row
        ]
        self._defaults = {f["name"]: f["default"] for f in fields if "default" in f}

    def datum(self, cells: list[str], row: int = 0) -> dict[str, object] | Rejection | None:
        """Return the record that a row says, why it says none, or None for a row to skip.

        Parameters
        ----------
        row
            The row's number in its file, from 1.
        """
        if len(cells) != len(self.header):
            return _rejected("cells", "the line has not as many cells as there are columns")
        if any(_joined(cells, place, others) in words for place, others, words in self._skips):
            return None  # before anything is read: such a row may lack the label's time, too
        datum = dict(self._defaults)
        for name, number in self._numbers:
            datum[name] = number(row)
        for name, place, others, missing, nullable, _, read in self._plans:
            cell = cells[place]
            absent = cell in missing
            if others:
                absent = absent or any(cells[other] in missing for other in others)
                cell = _joined(cells, place, others)
            if absent:
                if not nullable:
                    return _rejected("missing-cell", f"{name} is missing")
                datum[name] = None
                continue
            try:
                datum[name] = read(cell)
            except (ValueError, RecursionError):
                return _rejected("unreadable-cell", f"{name} is not of its type")
        return datum


def columns_of(schema: Schema) -> list[str]:
    """Return the columns that a schema's fields are read from."""
    names: dict[str, None] = {}
    for field in expand(schema.document)["fields"]:
        source = _from_csv(schema, field)
        if not source.row:
            names.update(dict.fromkeys(source.columns or [field["name"]]))
    return list(names)


def _joined(cells: list[str], place: int, others: tuple[int, ...]) -> str:
    return JOIN.join((cells[place], *(cells[other] for other in others)))


def _from_csv(schema: Schema, field: Mapping[str, Any]) -> FromCsv:
    return checked(FromCsv, field.get("csv", {}), f"{schema.name}.{field['name']}: csv")


def _plan(field: Mapping[str, Any], source: FromCsv, places: tuple[int, ...]) -> _Plan:
    branches = field["type"] if isinstance(field["type"], list) else [field["type"]]
    kinds = [branch if isinstance(branch, str) else branch["type"] for branch in branches]
    nullable = "null" in kinds
    missing = frozenset(source.missing) | (frozenset({""}) if nullable else frozenset())
    if source.time is not None:
        read: Read = time_reader(source.time, source.zone)
    elif source.true is not None or source.false is not None:
        read = _words(source.true or [], source.false or [])
    else:
        read = _first_that_reads([_OF_KIND.get(k, json.loads) for k in kinds if k != "null"])
    return _Plan(
        field["name"], places[0], places[1:], missing, nullable, frozenset(source.skip), read
    )


def _first_that_reads(readers: list[Read]) -> Read:
    if len(readers) == 1:
        return readers[0]

    def read(cell: str) -> object:
        for reader in readers:
            try:
                return reader(cell)
            except ValueError:
                continue
        raise ValueError("no branch reads it")

    return read


def _words(true: list[str], false: list[str]) -> Read:
    meaning = {**dict.fromkeys(false, False), **dict.fromkeys(true, True)}

    def read(cell: str) -> bool:
        if cell not in meaning:
            raise ValueError("neither true nor false")
        return meaning[cell]

    return read


def _truth(cell: str) -> bool:
    word = cell.lower()
    if word in TRUE or word in FALSE:
        return word in TRUE
    raise ValueError("neither true nor false")


_OF_KIND: dict[str, Read] = {
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


def _columns(
    schema: Schema, absent: list[str], twice: list[str], unknown: list[str]
) -> LablineError:
    if twice:
        return LablineError(
            "LL-PUBLISH-COLUMNS",
            f"two columns are called {twice[0]!r}",
            "give each its own name in the file's first line",
        )
    near = get_close_matches(absent[0], unknown, n=1)
    hint = f"is it {near[0]!r}? " if near else ""
    return LablineError(
        "LL-PUBLISH-COLUMNS",
        f"{schema.name} needs columns that the file has not: "
        + ", ".join(repr(name) for name in absent[:10]),
        f'{hint}a field names its columns in the .avsc: "csv": {{"columns": [...]}}',
    )


def _rejected(reason: str, message: str) -> Rejection:
    return Rejection("parse", reason, message)
