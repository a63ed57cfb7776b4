"""What is made of a file's rows: schemas, a line, and the records of events and labels."""

import marshal
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

from labline.engine.core.line import Kind, Line
from labline.engine.core.record import Record
from labline.engine.workspace.columns import Column, free_name
from labline.engine.workspace.label_kind import TRUE_WORDS
from labline.engine.workspace.times import time_reader
from labline.engine.workspace.unused import why_unused
from labline.lab_replay.histories.order import as_due, in_time_order
from labline.lab_replay.histories.roles import Truth
from labline.lab_replay.histories.tables import Table, bad
from labline.lab_replay.histories.times import Times
from labline.schemas.avro import Schema, SchemaViolation

DAY_MS = 86_400_000
HORIZON_MAX_DAYS = 36_500  # what a line may declare
ROW = "row"
LABELS_REMEDY = "fewer rows, or without the labels' times: rename that column"

#: When a label came, its event's id, its cell, its key.
Label: TypeAlias = tuple[int, str, str, str]


class Made:
    """What is made of a table: schemas, a line, records."""

    def __init__(
        self, table: Table, name: str, columns: dict[str, Column], times: Times, truth: Truth
    ) -> None:
        self.table, self.name, self.times, self.truth = table, name, times, truth
        self.events, self.labels = f"{name}.events", f"{name}.labels"
        self.columns, self.roles = columns, times.roles
        roles = times.roles
        self._places = {header: place for place, header in enumerate(table.header)}
        taken = [column.name for column in columns.values()]
        self.id = columns[roles.id].name if roles.id else free_name(ROW, taken)
        self.time = free_name("event_time", [*taken, self.id])
        rest = [c for header, c in columns.items() if header not in set(roles)]
        if roles.key is not None and roles.key != roles.id:
            rest.append(columns[roles.key])  # it may tell something, too
        known = [c for c in rest if c.longest and c.header not in times.refused]
        self.categorical = [c for c in known if c.kind == "boolean" or _is_category(c)]
        self.numeric = [c for c in known if c.kind in ("long", "double")]
        self.features = [*self.categorical, *self.numeric]
        self.left_out = {
            c.header: times.refused.get(c.header) or why_unused(c)
            for c in rest
            if c not in self.features
        }
        if not self.features:
            raise bad(
                "FEATURES",
                "no column is a number or a text with few values that come again",
                "a learner needs at least one: add a column",
            )
        self.event_schema = Schema.parse(self._event_document())
        self.label_schema = Schema.parse(self._label_document()) if roles.label else None
        self.lag_max_ms = 0  # known when the labels are written

    def line(self) -> Line:
        """Return the line by which it is replayed."""
        labels: dict[str, Any] = {}
        if self.roles.label:
            days = min(max(2, -(-2 * self.lag_max_ms // DAY_MS)), HORIZON_MAX_DAYS)
            column = self.columns[self.roles.label]
            labels = {
                "labels": self.labels, "refers_to": self.id, "label": column.name,
                "label_horizon": f"{days}d",
            }  # fmt: skip
        kind: dict[str, Any] = {} if self.truth.kind == "binary" else {"kind": self.truth.kind}
        if self.truth.classes:
            kind["classes"] = list(self.truth.classes)
        told = {
            "name": self.name, "events": self.events, "id": self.id, "learner": "single",
            **labels, **kind,
            "features": {
                "numeric": [c.name for c in self.numeric],
                "categorical": [c.name for c in self.categorical],
                "optional": [c.name for c in self.features if c.missing],
            },
        }  # fmt: skip
        return Line.parse(told, self.name)

    def event_records(self) -> Iterator[Record]:
        """Yield the events in the order of their times."""
        reads = [(c.name, self._places[c.header], _reader(c)) for c in self.features]
        encode, head = self.event_schema.encoder, self.event_schema.head
        missing = self.table.missing
        key_at = self._places.get(self.roles.key or "")
        for offset, (id_text, time_ms, cells) in enumerate(self._timed()):
            datum: dict[str, object] = {self.id: id_text, self.time: time_ms}
            for name, place, read in reads:
                cell = cells[place]
                datum[name] = None if cell in missing else read(cell)
            key = id_text if key_at is None else cells[key_at]
            yield offset, time_ms, key.encode(), _encoded(encode, datum, head, id_text), None

    def label_records(self) -> Iterator[Record]:
        """Yield the labels in the order in which they came."""
        roles = self.roles
        assert self.label_schema is not None
        assert roles.label is not None
        column = self.columns[roles.label]
        read, place = _truth_reader(self.truth.kind), self._places[roles.label]
        encode, head = self.label_schema.encoder, self.label_schema.head
        key_at = self._places.get(roles.key or "")
        for offset, (time_ms, id_text, cell, key) in enumerate(self._labels_timed(place, key_at)):
            datum = {self.id: id_text, self.time: time_ms, column.name: read(cell)}
            yield offset, time_ms, key.encode(), _encoded(encode, datum, head, id_text), None

    def _labels_timed(self, place: int, key_at: int | None) -> Iterator[Label]:
        missing = self.table.missing
        labelled = (row for row in self._timed() if row[2][place] not in missing)
        known = (
            (ms, (ms, id_text, cells[place], id_text if key_at is None else cells[key_at]), cells)
            for id_text, ms, cells in labelled
        )
        if self.times.label_form is None:
            yield from (label for _, label, _ in known)
            return
        read_time = time_reader(self.times.label_form)
        time_at = self._places[self.roles.label_time or ""]

        def came() -> Iterator[tuple[int, Label]]:
            for time_ms, label, cells in known:
                label_ms = read_time(cells[time_at])
                self.lag_max_ms = max(self.lag_max_ms, label_ms - time_ms)
                yield time_ms, (label_ms, *label[1:])

        if self.times.in_order and self.times.labels_in_order:
            yield from (label for _, label in came())
        elif self.times.labels_after:
            yield from as_due(came(), LABELS_REMEDY)
        else:
            yield from in_time_order((label for _, label in came()), LABELS_REMEDY)

    def _timed(self) -> Iterator[tuple[str, int, list[str]]]:
        """Yield ids, times and cells by time; where labels have none of their own, no two alike."""
        roles, form = self.roles, self.times.form
        id_at = self._places[roles.id] if roles.id else None
        time_at = self._places[roles.time] if roles.time else None
        read = time_reader(form) if form else None
        steps = self.times.label_form is None
        latest_ms = -1 if form is None else -(2**62)
        for number, cells in enumerate(self._rows(read, time_at), start=1):
            time_ms = number if read is None or time_at is None else read(cells[time_at])
            if steps and time_ms <= latest_ms:
                time_ms = latest_ms + 1  # so that its predecessor's label comes before it
            latest_ms = time_ms
            yield str(number) if id_at is None else cells[id_at], time_ms, cells

    def _rows(self, read: Callable[[str], int] | None, time_at: int | None) -> Iterator[list[str]]:
        rows = (cells for _, cells in self.table.rows() if cells is not None)
        if read is None or time_at is None or self.times.in_order:
            yield from rows
            return
        # a row as one piece of bytes: as a list of texts it would hold ten times as much memory
        timed = ((read(cells[time_at]), marshal.dumps(cells)) for cells in rows)
        yield from (marshal.loads(kept) for _, kept in in_time_order(timed))  # noqa: S302  # ours

    def _event_document(self) -> dict[str, Any]:
        fields = [*self._names(), *(_field(column) for column in self.features)]
        return {"type": "record", "name": "Event", "fields": fields}

    def _label_document(self) -> dict[str, Any]:
        column = self.columns[self.roles.label or ""]
        kinds = {"multiclass": "string", "regression": "double"}
        label = {"name": column.name, "type": kinds.get(self.truth.kind, "boolean")}
        return {"type": "record", "name": "Label", "fields": [*self._names(), label]}

    def _names(self) -> list[dict[str, Any]]:
        time = {"name": self.time, "type": "long", "event_time": True}
        return [{"name": self.id, "type": "string"}, time]


def _encoded(
    encode: Callable[[Mapping[str, Any], bytes], bytes],
    datum: Mapping[str, Any],
    head: bytes,
    id_text: str,
) -> bytes:
    try:
        return encode(datum, head)
    except SchemaViolation as error:  # such as one that is too large
        raise bad(
            "ROWS",
            f"the row with the id {id_text[:40]!r} cannot be a record: {error}",
            "mend or remove it: no row is left out silently",
        ) from error


def _is_category(column: Column) -> bool:
    return column.kind == "string" and column.values is not None


def _field(column: Column) -> dict[str, Any]:
    return {"name": column.name, "type": ["null", column.kind] if column.missing else column.kind}


def _reader(column: Column) -> Callable[[str], object]:
    if column.kind == "boolean":
        return lambda cell: cell.lower() == "true"
    return {"long": int, "double": float, "string": str}[column.kind]


def _truth_reader(kind: Kind) -> Callable[[str], object]:
    if kind == "regression":
        return float
    return str if kind == "multiclass" else lambda cell: cell.lower() in TRUE_WORDS
