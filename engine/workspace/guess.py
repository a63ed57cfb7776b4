"""What a CSV is said to be, and what it seems to be."""

import re
from dataclasses import dataclass
from typing import NamedTuple

from labline.engine.core.line import Kind
from labline.engine.workspace.columns import Column

FEATURES_MAX = 60
EVENT_TIME = "event_time"
LABEL_TIME = re.compile(r"_?(at|time|timestamp|ts|date|datetime)")
LABEL_WORDS = ("label", "labeled", "labelled", "truth", "outcome")


def tells_label_time(header: str, label: str) -> bool:
    """Tell whether a column says by its name that it is when the label came.

    As a feature it would tell a learner what the label is, or that there is one.

    Examples
    --------
    >>> [tells_label_time(name, "paid") for name in ("labeled_at", "LabelTime", "paid_at", "date")]
    [True, True, True, False]
    """
    name = header.lower()
    stems = (*LABEL_WORDS, label.lower())
    return any(name.startswith(stem) and LABEL_TIME.fullmatch(name[len(stem) :]) for stem in stems)


class Roles(NamedTuple):
    """What the person said that the columns are."""

    id: tuple[str, ...]
    time: str
    key: str | None = None
    label: str | None = None
    label_time: str | None = None
    label_true: str | None = None
    kind: Kind | None = None  # of the line; None: told from the label
    time_format: str | None = None
    zone: str = "UTC"


@dataclass(frozen=True)
class Truth:
    """What the label column's words mean.

    Attributes
    ----------
    true, false
        Yes and no; none where labels are classes or numbers.
    skip
        No label in that row.
    """

    kind: Kind
    skip: tuple[str, ...]
    true: tuple[str, ...] = ()
    false: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Guess:
    """What a CSV seems to be.

    Attributes
    ----------
    rows
        That have as many cells as columns.
    ragged
        That have not, and will be rejected.
    columns
        All, as the file has them.
    id_name, key_name
        Fields of events and labels.
    time_form, label_time_form
        How times are written, see `time_reader`.
    in_order, labels_in_order
        Whether no row is older than one before it; whether no label is.
    label_lag_max_ms
        How long after its event a label came at most.
    """

    roles: Roles
    rows: int
    ragged: int
    columns: tuple[Column, ...]
    id_name: str
    key_name: str
    time_form: str
    label_time_form: str
    in_order: bool
    labels_in_order: bool
    label_lag_max_ms: int
    truth: Truth | None

    @property
    def kind(self) -> Kind:
        """The kind of line."""
        return self.truth.kind if self.truth else self.roles.kind or "binary"

    def column(self, header: str) -> Column:
        """Return a column by its name in the file."""
        return next(column for column in self.columns if column.header == header)

    @property
    def label_times(self) -> list[str]:
        """Columns whose names say that they tell when the label came, though nobody said so."""
        label = self.roles.label
        if label is None:
            return []
        named = {*self.roles.id, self.roles.time, self.roles.label_time}
        headers = (column.header for column in self.columns if column.header not in named)
        return [header for header in headers if tells_label_time(header, label)]

    @property
    def told(self) -> frozenset[str]:
        """The columns that are something else than a feature."""
        roles = self.roles
        one = {roles.time, roles.label, roles.label_time, *self.label_times}
        return frozenset({*roles.id, *one} - {None})  # type: ignore[arg-type]  # None is out

    @property
    def numeric(self) -> list[Column]:
        """Numbers that a learner sees."""
        key = {self.roles.key}
        found = [c for c in self.columns if c.numeric and c.header not in self.told | key]
        return found[:FEATURES_MAX]

    @property
    def categorical(self) -> list[Column]:
        """Texts with few values that a learner sees; the key may be one."""
        found = [c for c in self.columns if c.categorical and c.header not in self.told]
        return found[:FEATURES_MAX]
