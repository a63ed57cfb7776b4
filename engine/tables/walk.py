"""The one pass over a file's rows: what columns hold, how times are written, which rows are bad.

`labline.engine.tables.survey` gives the roles that were said and guessed, and judges by what comes
out. Nothing is refused here but an id that names two events, as its lines are known only here.
"""

from dataclasses import dataclass, field

from labline.engine.tables.columns import EVENT_TIME, Column, Seen, field_names
from labline.engine.tables.roles import Roles
from labline.engine.tables.table import Table
from labline.engine.tables.time_column import TimeColumn

BAD_SHOWN = 10
IDS_MAX = 2_000_000  # so many ids are compared


@dataclass
class Delays:
    """How labels come after their events, as one reading of both times has it.

    Attributes
    ----------
    labels
        With a time of their own.
    before
        Of these, before their events.
    max_ms
        The longest delay.
    """

    labels: int = 0
    before: int = 0
    max_ms: int = 0

    def add(self, delay_ms: int) -> None:
        """Take the delay of one label."""
        self.labels += 1
        self.before += delay_ms < 0
        self.max_ms = max(self.max_ms, delay_ms)


@dataclass
class Walk:
    """Takes a file's rows one by one.

    Attributes
    ----------
    said
        What of the roles a person named: the others are guesses that the cells may refute.
    rows
        With as many cells as there are columns.
    time, label_time
        What their columns hold; without a cell where there is no such role.
    no_time, no_label_time
        What is wrong with the first cell that is no time; None: all are.
    bad
        The first rows that cannot be taken, by their numbers, and why.
    bad_rows
        How many these are.
    """

    table: Table
    roles: Roles
    said: Roles
    rows: int = 0
    no_time: str | None = None
    no_label_time: str | None = None
    bad: dict[int, str] = field(default_factory=dict)
    bad_rows: int = 0

    def __post_init__(self) -> None:
        header, roles, form = self.table.header, self.roles, self.roles.time_format
        self._missing = self.table.missing
        self._seen = [Seen(name, self._missing) for name in header]
        self.time = TimeColumn(form, roles.zone)
        self.label_time = TimeColumn(form, roles.zone, firm=self.said.label_time is not None)
        self._delays: dict[tuple[str, str], Delays] = {}
        self._ids: dict[str, int] = {}
        places = {name: place for place, name in enumerate(header)}
        self._id = [places[name] for name in roles.id]
        self._time, self._label, self._label_time = (
            None if name is None else places[name]
            for name in (roles.time, roles.label, roles.label_time)
        )

    @property
    def columns(self) -> dict[str, Column]:
        """What the columns hold, by their names in the file."""
        fields = field_names(self.table.header, [EVENT_TIME])
        return {
            seen.header: seen.column(name) for seen, name in zip(self._seen, fields, strict=True)
        }

    @property
    def delays(self) -> Delays:
        """How labels come after their events, as the likeliest forms of both times have it."""
        forms = (self.time.form or "", self.label_time.form or "")
        return self._delays.get(forms, Delays())

    def take(self, number: int, cells: list[str] | str) -> None:
        """Take a row.

        Raises
        ------
        LablineError
            ``-ID`` for an id that was there before.
        """
        if isinstance(cells, str):
            self._refuse(number, "cannot be read")
            return
        if len(cells) != len(self._seen):
            self._refuse(number, f"has {len(cells)} cells for {len(self._seen)} columns")
            return
        self.rows += 1
        for seen, cell in zip(self._seen, cells, strict=True):
            seen.add(cell)
        if self._id:
            self._take_id(number, [cells[place] for place in self._id])
        if self._time is not None and self._take_time(number, cells[self._time]):
            self._take_label_time(number, cells)

    def _take_id(self, number: int, parts: list[str]) -> None:
        gap = next(
            (n for n, p in zip(self.roles.id, parts, strict=True) if p in self._missing), None
        )
        if gap is not None:
            self._refuse(number, f"has no {gap}")
        elif len(self._ids) < IDS_MAX:
            first = self._ids.setdefault("/".join(parts), number)
            if first != number:
                raise self._twice(first, number)

    def _twice(self, first: int, second: int) -> Exception:
        ids = self.roles.id
        return self.table.refusal(
            "ID",
            f"{' and '.join(ids)} {'is' if len(ids) == 1 else 'are'} the same in "
            f"{self.table.unit}s {first} and {second}, but an id names one event",
            "name the columns that tell events apart, as many as it takes: "
            + " ".join(f"--id {name!r}" for name in ids)
            + " --id ANOTHER",
        )

    def _take_time(self, number: int, cell: str) -> bool:
        """Take the event's time; tell whether it is one."""
        if cell in self._missing and self.said.time is not None:
            self._refuse(number, f"has no {self.roles.time}")
            return False
        if self.no_time is not None:
            return False
        if cell in self._missing or not self.time.add(cell):
            self.no_time = f"is no time in {self.table.unit} {number} ({cell[:30]!r})"
        return self.no_time is None

    def _take_label_time(self, number: int, cells: list[str]) -> None:
        if self._label is None or self._label_time is None or self.no_label_time is not None:
            return
        if cells[self._label] in self._missing:
            return
        cell = cells[self._label_time]
        if cell in self._missing and self.said.label_time is not None:
            self._refuse(number, f"has a label without {self.roles.label_time}")
            return
        if cell in self._missing or not self.label_time.add(cell):
            self.no_label_time = f"is no time in {self.table.unit} {number} ({cell[:30]!r})"
            return
        for form, time_ms in self.time.last_ms.items():
            for label_form, label_ms in self.label_time.last_ms.items():
                delays = self._delays.setdefault((form, label_form), Delays())
                delays.add(label_ms - time_ms)

    def _refuse(self, number: int, why: str) -> None:
        self.bad_rows += 1
        if len(self.bad) < BAD_SHOWN:
            self.bad[number] = why
