"""What the columns of a file are: named by a person, else guessed from their names and cells."""

from difflib import get_close_matches
from typing import NamedTuple

from labline.engine.core.line import Kind
from labline.engine.errors import LablineError
from labline.engine.workspace.columns import Column
from labline.engine.workspace.guess import tells_label_time
from labline.engine.workspace.label_kind import FALSE_WORDS, TRUE_WORDS, LabelKind, label_kind
from labline.lab_replay.histories.tables import Table, bad

ID_NAMES = frozenset({"id", "event_id", "uuid"})
TIME_NAMES = frozenset({"time", "timestamp", "datetime", "date", "event_time", "ts", "created_at"})
LABEL_NAMES = frozenset({"label", "target", "class", "y", "truth", "outcome"})


class Roles(NamedTuple):
    """What the columns are, by their names in the file; None: there is no such column."""

    id: str | None = None
    time: str | None = None
    key: str | None = None
    label: str | None = None
    label_time: str | None = None


#: What the label column holds.
Truth = LabelKind


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
    if label is not None and given.label_time is None:
        free = (name for name in table.header if name not in roles)
        named = (name for name in free if tells_label_time(name, label))
        roles = roles._replace(label_time=next(named, None))
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
            if len(words) > len(TRUE_WORDS | FALSE_WORDS | table.missing):
                break
    words -= {word.lower() for word in table.missing}
    if last in taken or not words or not words <= TRUE_WORDS | FALSE_WORDS:
        raise bad(
            "LABEL",
            "no column tells by its name or as the last one what is to be learned",
            f"name it with --label: {_some(table.header)}",
        )
    return last


def truth_of(column: Column, asked: Kind | None) -> Truth:
    """Return what kind of line a label makes.

    Raises
    ------
    LablineError
        ``LL-IMPORT-LABEL``.
    """
    found = label_kind(column, asked)
    if isinstance(found, str):
        raise _label(column, found)
    return found


def _label(column: Column, wanted: str) -> LablineError:
    words = sorted(column.values or ())
    found = ", ".join(repr(word[:30]) for word in words[:5])
    found = found or ("more than can be listed" if column.values is None else "no value")
    return bad(
        "LABEL",
        f"the label {column.header} {wanted}, but there is {found}",
        "name another column with --label",
    )


def _some(names: list[str]) -> str:
    return ", ".join(names[:20]) + (", …" if len(names) > 20 else "")
