"""What the columns of a file are: named by a person, else guessed from their names and cells."""

from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Literal, NamedTuple, TypeAlias

from engine.errors import LablineError
from engine.workspace.columns import MISSING_WORDS, Column, Seen, field_names
from engine.workspace.inference import FALSE_WORDS, IDS_MAX, TRUE_WORDS
from engine.workspace.times import FORMS, fitting_forms, time_reader, twin
from lab_replay.import_tables import Table, bad

Kind: TypeAlias = Literal["binary", "multiclass", "regression", "anomaly"]
KINDS: tuple[Kind, ...] = ("binary", "multiclass", "regression", "anomaly")

ID_NAMES = frozenset({"id", "event_id", "uuid"})
TIME_NAMES = frozenset({"time", "timestamp", "datetime", "date", "event_time", "ts", "created_at"})
LABEL_NAMES = frozenset({"label", "target", "class", "y", "truth", "outcome"})
CLASSES_MAX = 50
INTEGER_CLASSES_MAX = 20  # whole numbers with more different values are quantities
BAD_SHOWN = 10


class Roles(NamedTuple):
    """What the columns are, by their names in the file; None: there is no such column."""

    id: str | None = None
    time: str | None = None
    key: str | None = None
    label: str | None = None
    label_time: str | None = None


@dataclass
class Walk:
    """What one pass over the rows noticed.

    Attributes
    ----------
    columns
        By their names in the file.
    form, label_form
        How times are written.
    in_order
        Whether no row is older than one before it.
    """

    roles: Roles
    columns: dict[str, Column]
    rows: int
    form: str | None
    label_form: str | None
    in_order: bool


class Truth(NamedTuple):
    """What the label column holds."""

    kind: Kind
    classes: tuple[str, ...] = ()


def named_roles(table: Table, given: Roles, kind: Kind | None) -> Roles:
    """Return the roles with those that nobody named guessed from the columns' names.

    Raises
    ------
    LablineError
        ``LL-IMPORT-COLUMN``, ``-LABEL``.
    """
    for name in given:
        if name is not None and name not in table.header:
            near = get_close_matches(name, table.header, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"there is {_some(table.header)}"
            raise bad("COLUMN", f"the file has no column {name!r}", hint)
    taken = {name for name in given if name is not None}

    def guessed(told: str | None, names: frozenset[str]) -> str | None:
        if told is not None:
            return told
        free = (name for name in table.header if name not in taken and name.lower() in names)
        return next(free, None)

    label = guessed(given.label, LABEL_NAMES)
    if label is None and kind != "anomaly":
        label = _last_if_truth(table, taken)
    roles = given._replace(
        id=guessed(given.id, ID_NAMES), time=guessed(given.time, TIME_NAMES), label=label
    )
    if roles.label in (roles.id, roles.time, roles.key) and roles.label is not None:
        raise bad(
            "COLUMN",
            f"{roles.label!r} cannot be the label and something else",
            "an event does not know its label: name another column",
        )
    return roles


def _last_if_truth(table: Table, taken: set[str]) -> str:
    last = table.header[-1]
    words = set()
    for _, cells in table.rows():
        if cells is not None and len(cells) == len(table.header):
            words.add(cells[-1].lower())
            if len(words) > len(TRUE_WORDS | FALSE_WORDS | MISSING_WORDS):
                break
    words -= {word.lower() for word in MISSING_WORDS}
    if last in taken or not words or not words <= TRUE_WORDS | FALSE_WORDS:
        raise bad(
            "LABEL",
            "no column tells by its name or as the last one what is to be learned",
            f"name it with --label: {_some(table.header)}",
        )
    return last


def walk(table: Table, roles: Roles, *, time_given: bool) -> Walk:
    """Go over all rows once.

    Raises
    ------
    LablineError
        ``LL-IMPORT-ROWS`` with the numbers of rows that cannot be read, ``-ID``, ``-TIME``.
    """
    walked = _Walker(table, roles, time_given)
    for number, cells in table.rows():
        walked.take(number, cells)
    walked.refuse_bad_rows()
    if not walked.rows:
        raise bad("ROWS", "the file has no rows", "name another file")
    form = label_form = None
    if roles.time is not None:
        form = walked.forms[0] if walked.forms else None
        if form is None and time_given:
            raise bad("TIME", f"{roles.time} is no time in every row", _how_times(roles.time))
        if form is None:
            roles = roles._replace(time=None)  # a guess that was wrong
        elif form != twin(form) and twin(form) in walked.forms:
            raise bad(
                "TIME",
                f"{roles.time} does not tell day from month: {form} and {twin(form)} both fit",
                "write times as 2013-12-28",
            )
    if roles.label_time is not None:
        if not walked.label_forms:
            name = roles.label_time
            raise bad("TIME", f"{name} is no time in every row", _how_times(name))
        label_form = walked.label_forms[0]
    in_order = True
    if form is not None:
        in_order = _in_order(table, table.header.index(roles.time or ""), form)
    fields = field_names(table.header)
    columns = {
        seen.header: seen.column(name) for seen, name in zip(walked.seen, fields, strict=True)
    }
    return Walk(roles, columns, walked.rows, form, label_form, in_order)


def truth_of(column: Column, asked: Kind | None) -> Truth:
    """Return what kind of line a label makes.

    Raises
    ------
    LablineError
        ``LL-IMPORT-LABEL``.
    """
    words = sorted(column.values or ())
    lower = {word.lower() for word in words}
    yes_or_no = bool(words) and lower <= TRUE_WORDS | FALSE_WORDS
    number = column.kind in ("long", "double")
    kind = asked
    if kind is None:
        few = column.values is not None and len(words) <= INTEGER_CLASSES_MAX
        if yes_or_no and lower & TRUE_WORDS and lower & FALSE_WORDS:
            kind = "binary"
        elif number and not (few and column.kind == "long"):
            kind = "regression"
        else:
            kind = "multiclass"
    if kind in ("binary", "anomaly") and not yes_or_no:
        raise _label(column, "is to be yes or no (true/false, 1/0, yes/no)")
    if kind == "regression" and not number:
        raise _label(column, "is to be a number")
    if kind == "multiclass" and not 2 <= len(words) <= CLASSES_MAX:
        raise _label(column, f"is to have 2 to {CLASSES_MAX} different values")
    return Truth(kind, tuple(words) if kind == "multiclass" else ())


@dataclass
class _Walker:
    table: Table
    roles: Roles
    time_given: bool
    rows: int = 0
    ids: dict[str, int] = field(default_factory=dict)
    bad: dict[int, str] = field(default_factory=dict)
    bad_rows: int = 0

    def __post_init__(self) -> None:
        header, roles = self.table.header, self.roles
        self.seen = [Seen(name) for name in header]
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
        if cell in MISSING_WORDS:
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
        if cell not in MISSING_WORDS:
            self.forms = fitting_forms([cell], self.forms)
        elif self.time_given:
            self._refuse(number, f"has no {self.roles.time}")
        else:
            self.forms = []  # it was a guess

    def _take_label_time(self, number: int, label: str, cell: str) -> None:
        if label in MISSING_WORDS:
            return
        if cell in MISSING_WORDS:
            self._refuse(number, f"has a label without {self.roles.label_time}")
        else:
            self.label_forms = fitting_forms([cell], self.label_forms)

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


def _in_order(table: Table, place: int, form: str) -> bool:
    read, latest_ms = time_reader(form), None
    for _, cells in table.rows():
        time_ms = read((cells or [])[place])
        if latest_ms is not None and time_ms < latest_ms:
            return False
        latest_ms = time_ms
    return True


def _how_times(name: str) -> str:
    return f"write {name} as 2013-12-28T06:00:00Z, or as milliseconds since 1970"


def _label(column: Column, wanted: str) -> LablineError:
    words = sorted(column.values or ())
    found = ", ".join(repr(word[:30]) for word in words[:5]) or "more than can be listed"
    return bad(
        "LABEL",
        f"the label {column.header} {wanted}, but there is {found}",
        "name another column with --label",
    )


def _some(names: list[str]) -> str:
    return ", ".join(names[:20]) + (", …" if len(names) > 20 else "")
