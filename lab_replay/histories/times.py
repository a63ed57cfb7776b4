"""When a file's events happened and when labels came: as named, or as guessed and borne out."""

import math
from dataclasses import dataclass, field

from labline.engine.workspace.columns import Column
from labline.engine.workspace.times import EPOCHS, time_reader, twin
from labline.lab_replay.histories.order import is_ascending
from labline.lab_replay.histories.roles import Roles
from labline.lab_replay.histories.tables import Table, bad
from labline.lab_replay.histories.walk import Walk

GUESSED_FROM_MS = 631_152_000_000  # 1990: small numbers are days or counts, not seconds since 1970
AFTER_SHARE = 0.99  # so many labels are no earlier than their events, or it is no label's time


@dataclass
class Times:
    """How a file's times are taken.

    Attributes
    ----------
    roles
        Without the guesses that were wrong.
    form, label_form
        How times are written; None: there are none, and rows' numbers stand for them.
    in_order
        Whether no row is older than one before it.
    labels_in_order
        Whether, in the order of rows, no label came before one of an earlier row.
    labels_after
        Whether no label came before its own event.
    refused
        Columns that must not be features, and why.
    remarks
        What a person should know of it.
    """

    roles: Roles
    form: str | None = None
    label_form: str | None = None
    in_order: bool = True
    labels_in_order: bool = True
    labels_after: bool = True
    refused: dict[str, str] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)


def times_of(table: Table, walked: Walk, given: Roles) -> Times:
    """Return how a file's times are taken.

    Raises
    ------
    LablineError
        ``LL-IMPORT-TIME``.
    """
    found = Times(walked.roles)
    _settle_time(found, table, walked, given)
    _settle_label_time(found, table, walked, given)
    return found


def _settle_time(found: Times, table: Table, walked: Walk, given: Roles) -> None:
    """Take the events' times as their cells tell, or drop a guess that was wrong."""
    name = found.roles.time
    if name is None:
        return
    form = walked.forms[0] if walked.forms else None
    if given.time is None:
        told = None
        if form is None:
            told = f"{walked.no_time}: mend it, or name another with --time"
        elif form in EPOCHS and not _is_late(walked.columns[name], form):
            told = f"would be before 1990, so it is a number: --time {name!r} takes it as times"
        if told is not None:
            found.roles = found.roles._replace(time=None)
            found.remarks.append(f"{name} {told}")
            if walked.columns[name].kind == "string":
                found.refused[name] = walked.no_time or "no time"
            return
    if form is None:
        raise bad("TIME", f"{name} is no time in every row", _how_times(name))
    if form != twin(form) and twin(form) in walked.forms:
        raise bad(
            "TIME",
            f"{name} does not tell day from month: {form} and {twin(form)} both fit",
            "write times as 2013-12-28",
        )
    found.form = form
    read, place = time_reader(form), table.header.index(name)
    found.in_order = is_ascending(
        read(cells[place]) for _, cells in table.rows() if cells is not None
    )


def _is_late(column: Column, form: str) -> bool:
    return column.low is not None and time_reader(form)(str(column.low)) >= GUESSED_FROM_MS


def _settle_label_time(found: Times, table: Table, walked: Walk, given: Roles) -> None:
    """Take the labels' times; what only seems to be theirs is no feature either."""
    name = found.roles.label_time
    if name is None:
        return
    named = given.label_time is not None
    why = None
    if found.form is None:
        why = "the file has no times of events to set it beside"
    elif not walked.label_forms:
        why = "it is no time in every row with a label"
    elif walked.label_forms[0] != twin(walked.label_forms[0]) in walked.label_forms:
        why = "it does not tell day from month"
    if named and why is not None:
        told = _how_times(name) if found.form else "name the time of events with --time"
        raise bad("TIME", f"{name} cannot be the label's time: {why}", told)
    if why is None:
        before, labels = _labels_before(found, table, walked)
        if named or labels - before >= AFTER_SHARE * labels:
            found.label_form = walked.label_forms[0]
            if before:
                found.remarks.append(
                    f"{before:,} of {labels:,} labels have a time before their events: lost"
                )
            return
        why = f"{before:,} of {labels:,} labels would have come before their events"
    found.roles = found.roles._replace(label_time=None)
    found.refused[name] = f"by its name when the label came, but {why}"


def _labels_before(found: Times, table: Table, walked: Walk) -> tuple[int, int]:
    """Return how many labels came before their events, and how many there are."""
    assert found.form is not None
    header, roles = table.header, found.roles
    read, read_label = time_reader(found.form), time_reader(walked.label_forms[0])
    time, label, label_time = (
        header.index(name or "") for name in (roles.time, roles.label, roles.label_time)
    )
    before = labels = 0
    latest_ms = -math.inf
    for _, cells in table.rows():
        if cells is not None and cells[label] not in table.missing:
            label_ms = read_label(cells[label_time])
            labels += 1
            before += label_ms < read(cells[time])
            found.labels_in_order &= label_ms >= latest_ms
            latest_ms = label_ms
    found.labels_after = not before
    return before, labels


def _how_times(name: str) -> str:
    return f"write {name} as 2013-12-28T06:00:00Z, or as milliseconds since 1970"
