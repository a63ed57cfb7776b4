"""The records of a file's events and labels, in the order in which a line would take them.

`labline.lab_replay.histories.file_history` writes what comes out. Each row is an event of one
partition, its label follows in a topic beside it. Where no column says when a label came, it is
known right after its own event and before the next one: what evaluations without delay assume.
"""

import marshal
from collections.abc import Iterator
from typing import Any, TypeAlias

from labline.engine.core.record import Record
from labline.engine.errors import LablineError
from labline.engine.tables.cells import Cells
from labline.engine.tables.columns import EVENT_TIME
from labline.engine.tables.order import as_due, in_time_order
from labline.engine.tables.proposal import Proposal
from labline.engine.tables.table import Table
from labline.engine.tables.times import time_reader
from labline.schemas.avro import Schema
from labline.schemas.rejection import Rejection, SchemaViolation

LABELS_REMEDY = "fewer rows, or without the labels' times: rename that column"
BEFORE_ALL_MS = -(2**62)

#: When a row happened, its number in the file, its cells.
Timed: TypeAlias = tuple[int, int, list[str]]
#: When a label came, its key, its fields.
Label: TypeAlias = tuple[int, bytes, dict[str, Any]]


class FileRecords:
    """Makes records of a table's rows as a proposal has it.

    Parameters
    ----------
    label_schema
        None: there are no labels.
    """

    def __init__(
        self, table: Table, proposal: Proposal, event_schema: Schema, label_schema: Schema | None
    ) -> None:
        self._table, self._proposal = table, proposal
        self._events, self._labels = event_schema, label_schema
        self._id = proposal.line["id"]
        key = proposal.roles.key
        self._key_place = None if key is None else table.header.index(key)

    def events(self) -> Iterator[Record]:
        """Yield the events in the order of their times.

        Raises
        ------
        LablineError
            ``-ROWS`` for a row that cannot be a record, ``LL-IMPORT-ORDER`` when there are too many
            to sort.
        """
        cells = Cells(self._events, self._table.header)
        for offset, (time_ms, number, row) in enumerate(self._timed()):
            datum = self._datum(cells, row, number)
            assert datum is not None
            datum[EVENT_TIME] = time_ms
            yield offset, time_ms, self._key(datum, row), self._encoded(self._events, datum), None

    def labels(self) -> Iterator[Record]:
        """Yield the labels in the order in which they came.

        Raises
        ------
        LablineError
            As `events`.
        """
        assert self._labels is not None
        for offset, (time_ms, key, datum) in enumerate(self._labels_timed()):
            yield offset, time_ms, key, self._encoded(self._labels, datum), None

    def _labels_timed(self) -> Iterator[Label]:
        proposal = self._proposal
        if proposal.label_form is None or (proposal.in_order and proposal.labels_in_order):
            yield from (label for _, label in self._labels_known())
        elif proposal.labels_after:
            yield from as_due(self._labels_known(), LABELS_REMEDY)
        else:
            yield from in_time_order((label for _, label in self._labels_known()), LABELS_REMEDY)

    def _labels_known(self) -> Iterator[tuple[int, Label]]:
        """Yield labels with their events' times, in the order of these."""
        assert self._labels is not None
        cells = Cells(self._labels, self._table.header)
        for time_ms, number, row in self._timed():
            datum = self._datum(cells, row, number)
            if datum is None:
                continue  # a row without a label
            if self._proposal.label_form is None:
                datum[EVENT_TIME] = time_ms
            yield time_ms, (datum[EVENT_TIME], self._key(datum, row), datum)

    def _timed(self) -> Iterator[Timed]:
        """Yield the rows by time; where labels have no time of their own, no two rows have one."""
        steps = self._proposal.label_form is None
        latest_ms = BEFORE_ALL_MS
        for time_ms, number, row in self._by_time():
            if steps and time_ms <= latest_ms:
                time_ms = latest_ms + 1  # so that its predecessor's label comes before it
            latest_ms = time_ms
            yield time_ms, number, row

    def _by_time(self) -> Iterator[Timed]:
        rows = (
            (number, cells)
            for number, (_, cells) in enumerate(self._table.rows(), start=1)
            if isinstance(cells, list)
        )
        roles, form = self._proposal.roles, self._proposal.time_form
        if roles.time is None or form is None:
            yield from ((number, number, cells) for number, cells in rows)
            return
        read, place = time_reader(form, roles.zone), self._table.header.index(roles.time)
        timed = ((read(cells[place]), number, cells) for number, cells in rows)
        if self._proposal.in_order:
            yield from timed
            return
        # a row as one piece of bytes: as a list of texts it would hold ten times as much memory
        packed = ((time_ms, number, marshal.dumps(cells)) for time_ms, number, cells in timed)
        for time_ms, number, cells in in_time_order(packed):
            yield time_ms, number, marshal.loads(cells)  # noqa: S302  # ours

    def _datum(self, cells: Cells, row: list[str], number: int) -> dict[str, Any] | None:
        datum = cells.datum(row, number)
        if isinstance(datum, Rejection):
            raise self._no_record(f"{number}", datum.message)
        return datum

    def _key(self, datum: dict[str, Any], row: list[str]) -> bytes:
        text = datum[self._id] if self._key_place is None else row[self._key_place]
        return str(text).encode()

    def _encoded(self, schema: Schema, datum: dict[str, Any]) -> bytes:
        try:
            return schema.encoder(datum, schema.head)
        except SchemaViolation as error:  # such as one that is too large
            raise self._no_record(f"with the id {datum[self._id][:40]!r}", str(error)) from error

    def _no_record(self, row: str, why: str) -> LablineError:
        return self._table.refusal(
            "ROWS",
            f"the row {row} cannot be a record: {why}",
            "mend or remove it: no row is left out silently",
        )
