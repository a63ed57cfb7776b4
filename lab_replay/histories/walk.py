"""One pass over a file's rows: what its columns hold, which rows cannot be taken."""

from dataclasses import dataclass, field

from labline.engine.workspace.columns import Column, Seen, field_names
from labline.engine.workspace.inference import IDS_MAX
from labline.engine.workspace.times import FORMS, fitting_forms
from labline.lab_replay.histories.roles import Roles
from labline.lab_replay.histories.tables import Table, bad

BAD_SHOWN = 10


@dataclass
class Walk:
    """What one pass over the rows noticed.

    Attributes
    ----------
    columns
        By their names in the file.
    forms, label_forms
        How times may be written, the likeliest first; none: some cell is no time.
    no_time
        Why the guessed time is none.
    """

    roles: Roles
    columns: dict[str, Column]
    rows: int
    forms: list[str]
    label_forms: list[str]
    no_time: str | None


def walk(table: Table, roles: Roles, given: Roles) -> Walk:
    """Go over all rows once.

    Parameters
    ----------
    given
        What of the roles a person named: the others are guesses that the cells may refute.

    Raises
    ------
    LablineError
        ``LL-IMPORT-ROWS`` with the numbers of rows that cannot be read, ``-ID``.
    """
    walked = _Walker(table, roles, given)
    for number, cells in table.rows():
        walked.take(number, cells)
    walked.refuse_bad_rows()
    if not walked.rows:
        raise bad("ROWS", "the file has no rows", "name another file")
    fields = field_names(table.header)
    columns = {
        seen.header: seen.column(name) for seen, name in zip(walked.seen, fields, strict=True)
    }
    return Walk(roles, columns, walked.rows, walked.forms, walked.label_forms, walked.no_time)


@dataclass
class _Walker:
    table: Table
    roles: Roles
    given: Roles
    rows: int = 0
    no_time: str | None = None  # why the guessed time is none
    ids: dict[str, int] = field(default_factory=dict)
    bad: dict[int, str] = field(default_factory=dict)
    bad_rows: int = 0

    def __post_init__(self) -> None:
        header, roles = self.table.header, self.roles
        self._missing = self.table.missing
        self.seen = [Seen(name, self._missing) for name in header]
        self.forms, self.label_forms = list(FORMS), list(FORMS)
        places = {name: place for place, name in enumerate(header)}
        self._id, self._time, self._label, self._label_time = (
            None if name is None else places[name]
            for name in (roles.id, roles.time, roles.label, roles.label_time)
        )

    def take(self, number: int, cells: list[str] | None) -> None:
        if cells is None:
            self._refuse(number, "cannot be read")
            return
        if len(cells) != len(self.seen):
            self._refuse(number, f"has {len(cells)} cells for {len(self.seen)} columns")
            return
        self.rows += 1
        for seen, cell in zip(self.seen, cells, strict=True):
            seen.add(cell)
        if self._id is not None:
            self._take_id(number, cells[self._id])
        if self._time is not None and self.forms:
            self._take_time(number, cells[self._time])
        if self._label_time is not None and self._label is not None and self.label_forms:
            self._take_label_time(number, cells[self._label], cells[self._label_time])

    def _take_id(self, number: int, cell: str) -> None:
        if cell in self._missing:
            self._refuse(number, f"has no {self.roles.id}")
        elif len(self.ids) < IDS_MAX:
            first = self.ids.setdefault(cell, number)
            if first != number:
                raise bad(
                    "ID",
                    f"{self.roles.id} is the same in {self.table.unit}s {first} and {number}, "
                    "but an id names one event",
                    "name another column with --id",
                )

    def _take_time(self, number: int, cell: str) -> None:
        if cell in self._missing and self.given.time is not None:
            self._refuse(number, f"has no {self.roles.time}")
            return
        forms = [] if cell in self._missing else fitting_forms([cell], self.forms)
        if not forms:
            self.no_time = f"is no time in {self.table.unit} {number} ({cell[:30]!r})"
        self.forms = forms

    def _take_label_time(self, number: int, label: str, cell: str) -> None:
        if label in self._missing:
            return
        if cell in self._missing and self.given.label_time is not None:
            self._refuse(number, f"has a label without {self.roles.label_time}")
            return
        self.label_forms = [] if cell in self._missing else fitting_forms([cell], self.label_forms)

    def _refuse(self, number: int, why: str) -> None:
        self.bad_rows += 1
        if len(self.bad) < BAD_SHOWN:
            self.bad[number] = why

    def refuse_bad_rows(self) -> None:
        if not self.bad_rows:
            return
        unit = self.table.unit
        told = "; ".join(f"{unit} {number} {why}" for number, why in self.bad.items())
        more = self.bad_rows - len(self.bad)
        raise bad(
            "ROWS",
            f"{self.bad_rows:,} of the rows cannot be taken: {told}"
            + (f"; and {more:,} more" if more else ""),
            "mend or remove them: no row is left out silently",
        )
