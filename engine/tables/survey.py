"""What a file is taken for: roles borne out by its cells, times, and what its label says.

Called by `labline.engine.tables.proposal` with a table and what a person said of it. A guess that
the cells refute is dropped, with a remark; a person's word that they refute is an error.
"""

from dataclasses import dataclass, field

from labline.engine.errors import LablineError
from labline.engine.tables.columns import Column
from labline.engine.tables.labels import Truth, truth_of
from labline.engine.tables.roles import COLUMN_ROLES, Roles, kind_of, label_times, roles_of
from labline.engine.tables.scope import Scope
from labline.engine.tables.table import Table
from labline.engine.tables.time_column import TimeColumn
from labline.engine.tables.times import EPOCHS, time_reader, twin
from labline.engine.tables.walk import Delays, Walk

GUESSED_FROM_MS = 631_152_000_000  # 1990: small numbers are days or counts, not seconds since 1970
AFTER_SHARE = 0.99  # so many labels are no earlier than their events, or it is no label's time


@dataclass
class Survey:
    """What a file is taken for.

    Attributes
    ----------
    roles
        Without the guesses that were wrong.
    said
        What of them a person named.
    columns
        By their names in the file.
    truth
        What the label says; None: there is none.
    rows
        With as many cells as there are columns.
    time_form, label_form
        How times are written; None: there are none, and rows' numbers stand for them.
    in_order
        Whether no row is older than one before it.
    labels_in_order
        Whether, in the order of rows, no label came before one of an earlier row.
    delays
        How labels come after their events; of none where they have no times.
    bad_rows
        What is wrong with rows that cannot be taken; None: nothing.
    refused
        Columns that must not be features, and why.
    remarks
        What a person should know of it.
    """

    table: Table
    roles: Roles
    said: Roles
    columns: dict[str, Column]
    truth: Truth | None
    rows: int
    time_form: str | None = None
    label_form: str | None = None
    in_order: bool = True
    labels_in_order: bool = True
    delays: Delays = field(default_factory=Delays)
    bad_rows: str | None = None
    refused: dict[str, str] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)

    @property
    def guessed(self) -> tuple[str, ...]:
        """The roles that nobody named."""
        empty = (None, ())
        both = zip(COLUMN_ROLES, self.roles, self.said, strict=False)
        return tuple(role for role, name, said in both if name not in empty and said in empty)


def survey(table: Table, said: Roles, scope: Scope) -> Survey:
    """Go over a file's rows once; return what it is taken for.

    Parameters
    ----------
    scope
        Whether a label is needed, and whether every row has to be taken.

    Raises
    ------
    LablineError
        ``-COLUMN``, ``-KIND``, ``-ROWS``, ``-ID``, ``-TIME``, ``-LABEL`` of the table's family,
        with what was found and what to write instead; ``LL-TIME-ZONE``.

    Examples
    --------
    >>> rows = [["2012-01-01", "12.8", "no"], ["2012-01-02", "", "yes"]]
    >>> from labline.engine.tables.scope import REPLAY
    >>> table = Table(["day", "temp", "rain"], lambda: iter(enumerate(rows, start=2)))
    >>> found = survey(table, Roles(id=("day",), time="day"), REPLAY)
    >>> found.time_form, found.roles.label, found.truth.true, found.columns["temp"].missing
    ('iso', 'rain', ('yes',), ('',))
    """
    roles = roles_of(table, said, needs_label=scope.needs_label)
    walk = Walk(table, roles, said)
    for number, cells in table.rows():
        walk.take(number, cells)
    bad_rows = _bad_rows(walk)
    if bad_rows and scope.every_row:
        raise table.refusal("ROWS", bad_rows, "mend or remove them: no row is left out silently")
    if not walk.rows:
        raise table.refusal(
            "ROWS", bad_rows or "the file has no rows below its first line", "name another file"
        )
    columns = walk.columns
    found = Survey(table, roles, said, columns, None, walk.rows, bad_rows=bad_rows)
    _settle_time(found, walk)
    _settle_label_time(found, walk)
    if found.roles.label is not None:
        found.truth = _truth(table, columns[found.roles.label], found.roles)
    for name in label_times(table.header, found.roles):
        found.refused.setdefault(name, "by its name when the label came")
    return found


def _bad_rows(walk: Walk) -> str | None:
    if not walk.bad_rows:
        return None
    unit, more = walk.table.unit, walk.bad_rows - len(walk.bad)
    reasons = "; ".join(f"{unit} {number} {why}" for number, why in walk.bad.items())
    rest = f"; and {more:,} more" if more else ""
    return f"{walk.bad_rows:,} of the rows cannot be taken: {reasons}{rest}"


def _settle_time(found: Survey, walk: Walk) -> None:
    """Take the events' times as their cells tell, or drop a guess that was wrong."""
    name, form = found.roles.time, walk.time.form
    if name is None:
        return
    if found.said.time is None:
        why = None
        if walk.no_time is not None or form is None:
            why = f"{walk.no_time or 'is empty'}: mend it, or name another with --time"
        elif form in EPOCHS and not _is_late(found.columns[name], form):
            why = f"would be before 1990, so it is a number: --time {name!r} takes it as times"
        if why is not None:
            found.roles = found.roles._replace(time=None)
            found.remarks.append(f"{name} {why}")
            if found.columns[name].kind == "string":
                found.refused[name] = walk.no_time or "no time"
            return
    if walk.no_time is not None:
        raise _no_time(found, f"{name} {walk.no_time}")
    if form is None:
        raise _no_time(found, f"{name} has no time in any row")
    _check_days(found, walk.time, name)
    found.time_form, found.in_order = form, walk.time.ascends


def _is_late(column: Column, form: str) -> bool:
    return column.low is not None and time_reader(form)(str(column.low)) >= GUESSED_FROM_MS


def _settle_label_time(found: Survey, walk: Walk) -> None:
    """Take the labels' times; what only seems to be theirs is no feature either."""
    name, form = found.roles.label_time, walk.label_time.form
    if name is None:
        found.labels_in_order = found.in_order
        return
    said = found.said.label_time is not None
    why = None
    if found.time_form is None:
        why = "the file has no times of events to set it beside"
    elif walk.no_label_time is not None or form is None:
        why = "it is no time in every row with a label"
    if said and why is not None:
        raise _no_time(found, f"{name} cannot be the label's time: {why}")
    if why is None and walk.label_time.is_ambiguous:
        if said:
            _check_days(found, walk.label_time, name)
        why = "it does not tell day from month"
    delays = walk.delays
    late_enough = delays.labels - delays.before >= AFTER_SHARE * delays.labels
    if why is None and (said or late_enough):
        found.label_form, found.delays = form, delays
        found.labels_in_order = walk.label_time.ascends
        if delays.before:
            count = f"{delays.before:,} of {delays.labels:,}"
            found.remarks.append(f"{count} labels have a time before their events: lost")
        return
    why = (
        why or f"{delays.before:,} of {delays.labels:,} labels would have come before their events"
    )
    found.roles = found.roles._replace(label_time=None)
    found.labels_in_order = found.in_order
    found.refused[name] = f"by its name when the label came, but {why}"


def _check_days(found: Survey, times: TimeColumn, name: str) -> None:
    form = times.form
    if times.is_ambiguous and form is not None:
        raise found.table.refusal(
            "TIME",
            f"{name} does not tell day from month: {form} and {twin(form)} both fit",
            f"say which: --time-format '{form}' or --time-format '{twin(form)}'",
        )


def _no_time(found: Survey, message: str) -> LablineError:
    if found.time_form is None and found.roles.time is None:
        return found.table.refusal("TIME", message, "name the time of events with --time")
    written = found.roles.time_format or "%d.%m.%Y"
    return found.table.refusal(
        "TIME",
        message,
        "mend it, name another column, or say how times are written there: "
        f"--time-format {written!r}",
    )


def _truth(table: Table, label: Column, roles: Roles) -> Truth:
    truth = truth_of(label, kind_of(roles.kind, table), roles.label_true)
    if isinstance(truth, Truth):
        return truth
    words = sorted(label.values or ())
    seen = ", ".join(repr(word[:30]) for word in words[:10]) + (", …" if len(words) > 10 else "")
    if not words:
        seen = "more than can be listed" if label.values is None else "no value"
    raise table.refusal(
        "LABEL",
        f"the label {label.header} {truth}, but there is {seen}",
        f"say which one is yes: --label-true {words[0][:30] if words else 'VALUE'!r}, all others"
        " that are there now are no; or name another column with --label; a line of more classes"
        ' is written by hand: kind = "multiclass", classes = [...], the label a string',
    )
