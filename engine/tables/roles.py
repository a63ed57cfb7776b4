"""What the columns of a file are: said by a person, else guessed from their names.

Both ways from a file to a line come here first, with the table and what the person said. Out come
the roles that the walk over the rows then bears out or refutes; a word of the person always stands.
"""

import re
from difflib import get_close_matches
from typing import NamedTuple

from labline.engine.core.kinds import KINDS
from labline.engine.core.line import Kind
from labline.engine.tables.columns import EVENT_TIME, field_names
from labline.engine.tables.csv_text import SEPARATORS_IN_WORDS
from labline.engine.tables.labels import FALSE_WORDS, KIND_NAMES, TRUE_WORDS, YES_NO
from labline.engine.tables.table import Table

ID_NAMES = frozenset({"id", "event_id", "uuid"})
TIME_NAMES = frozenset({"time", "timestamp", "datetime", "date", "event_time", "ts", "created_at"})
LABEL_NAMES = frozenset({"label", "target", "class", "y", "truth", "outcome"})
LABEL_WORDS = ("label", "labeled", "labelled", "truth", "outcome")
LABEL_TIME = re.compile(r"_?(at|time|timestamp|ts|date|datetime)")
#: The roles that are columns, as people say them.
COLUMN_ROLES = ("id", "time", "key", "label", "label_time")


class Roles(NamedTuple):
    """What the columns are, by their names in the file, and how two of them are read.

    Attributes
    ----------
    id
        One or several columns that together name an event; none: the row's number does.
    time, key, label, label_time
        None: no such column; without a time, the row's number stands for it.
    label_true
        The label's word for yes; None: as `labline.engine.tables.labels` knows it.
    kind
        Of the line, one of `KIND_NAMES`; None: as the label's words tell.
    time_format
        Of `time` and `label_time`; None: as their cells tell.
    zone
        Of times that do not tell theirs.
    """

    id: tuple[str, ...] = ()
    time: str | None = None
    key: str | None = None
    label: str | None = None
    label_time: str | None = None
    label_true: str | None = None
    kind: str | None = None
    time_format: str | None = None
    zone: str = "UTC"

    @property
    def columns(self) -> frozenset[str]:
        """The columns that have a role."""
        one = (self.time, self.key, self.label, self.label_time)
        return frozenset(self.id) | {name for name in one if name is not None}


def names_label_time(header: str, label: str) -> bool:
    """Tell whether a column says by its name that it is when the label came.

    As a feature it would tell a learner what the label is, or that there is one.

    Examples
    --------
    >>> [names_label_time(name, "paid") for name in ("labeled_at", "LabelTime", "paid_at", "date")]
    [True, True, True, False]
    """
    name = header.lower()
    stems = (*LABEL_WORDS, label.lower())
    return any(name.startswith(stem) and LABEL_TIME.fullmatch(name[len(stem) :]) for stem in stems)


def kind_of(word: str | None, table: Table) -> Kind | None:
    """Return the kind of line that a word names.

    Raises
    ------
    LablineError
        ``-KIND``.
    """
    kind = next((kind for kind in KIND_NAMES if kind == word), None)
    if word is not None and kind is None:
        raise table.refusal(
            "KIND", f"{word[:40]!r} is no kind of line", f"there are {', '.join(KIND_NAMES)}"
        )
    return kind


def roles_of(table: Table, said: Roles, *, needs_label: bool) -> Roles:
    """Return the roles, those that nobody named guessed from the columns' names.

    Parameters
    ----------
    said
        By a person: columns by their names in the file, or as their fields are called.
    needs_label
        Whether a line without a label is of no use, unless it looks for anomalies: then the last
        column is the label if it says yes and no.

    Raises
    ------
    LablineError
        ``-COLUMN``, ``-LABEL``, ``-KIND``.
    """
    roles = _named(table, said)
    taken = set(roles.columns)

    def guessed(name: str | None, names: frozenset[str]) -> str | None:
        if name is not None:
            return name
        free = (name for name in table.header if name not in taken and name.lower() in names)
        return next(free, None)

    label = guessed(roles.label, LABEL_NAMES)
    if label is None and needs_label and (roles.kind is None or KINDS[roles.kind].learns_labels):
        label = _last_if_truth(table, taken)
    _check_kind(table, roles, label)
    identity = guessed(None, ID_NAMES)
    roles = roles._replace(
        id=roles.id or (() if identity is None else (identity,)),
        time=guessed(roles.time, TIME_NAMES),
        label=label,
    )
    if label is not None and roles.label_time is None:
        roles = roles._replace(label_time=next(iter(label_times(table.header, roles)), None))
    if label in (*roles.id, roles.time, roles.key) and label is not None:
        raise table.refusal(
            "COLUMN",
            f"{label!r} cannot be the label and something else",
            "an event does not know its label: name another column",
        )
    return roles


def label_times(header: list[str], roles: Roles) -> list[str]:
    """Return the columns without a role that say by their names when the label came."""
    if roles.label is None:
        return []
    free = (name for name in header if name not in roles.columns)
    return [name for name in free if names_label_time(name, roles.label or "")]


def _named(table: Table, said: Roles) -> Roles:
    """Return what a person said with every column by its name in the file."""
    fields = dict(zip(field_names(table.header, [EVENT_TIME]), table.header, strict=True))

    def named(name: str) -> str:
        if name == "":
            raise table.refusal(
                "COLUMN", "a column without a name has no role", "name it in the file"
            )
        if name in table.header:
            return name
        if name in fields:
            return fields[name]
        near = get_close_matches(name, table.header, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there is {_some(table.header)}"
        if len(table.header) == 1:
            hint += (
                f"; cells are told apart by {SEPARATORS_IN_WORDS}, or as a first line sep=| says"
            )
        raise table.refusal("COLUMN", f"the file has no column {name!r}", hint)

    def named_or_none(name: str | None) -> str | None:
        return None if name is None else named(name)

    return said._replace(
        id=tuple(dict.fromkeys(map(named, said.id))),
        time=named_or_none(said.time),
        key=named_or_none(said.key),
        label=named_or_none(said.label),
        label_time=named_or_none(said.label_time),
    )


def _check_kind(table: Table, roles: Roles, label: str | None) -> None:
    kind = kind_of(roles.kind, table)
    if kind is None or kind in YES_NO:
        return
    if roles.label_true is not None:
        raise table.refusal(
            "KIND",
            f"--label-true is the yes of a label, and a {kind} label has none",
            "leave out one of --label-true and --kind",
        )
    if label is None:
        raise table.refusal(
            "KIND", f"a {kind} line learns from a label", "name its column: --label COL"
        )


def _last_if_truth(table: Table, taken: set[str]) -> str:
    last = table.header[-1]
    words = set()
    for _, cells in table.rows():
        if isinstance(cells, list) and len(cells) == len(table.header):
            words.add(cells[-1].lower())
            if len(words) > len(TRUE_WORDS | FALSE_WORDS | table.missing):
                break
    words -= {word.lower() for word in table.missing}
    if last in taken or not words or not words <= TRUE_WORDS | FALSE_WORDS:
        raise table.refusal(
            "LABEL",
            "no column tells by its name or as the last one what is to be learned",
            f"name it with --label: {_some(table.header)}",
        )
    return last


def _some(names: list[str]) -> str:
    return ", ".join(names[:20]) + (", …" if len(names) > 20 else "")
