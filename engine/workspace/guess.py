"""What a CSV is said to be, and what it seems to be."""

from dataclasses import dataclass
from typing import NamedTuple

from engine.workspace.columns import Column

FEATURES_MAX = 60
EVENT_TIME = "event_time"


class Roles(NamedTuple):
    """What the person said that the columns are."""

    id: tuple[str, ...]
    time: str
    key: str | None = None
    label: str | None = None
    label_time: str | None = None
    label_true: str | None = None
    time_format: str | None = None
    zone: str = "UTC"


@dataclass(frozen=True)
class Truth:
    """Which words of the label column mean what."""

    true: tuple[str, ...]
    false: tuple[str, ...]
    skip: tuple[str, ...]  # no label in that row


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
    in_order
        Whether no row is older than one before it.
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
    label_lag_max_ms: int
    truth: Truth | None

    def column(self, header: str) -> Column:
        """Return a column by its name in the file."""
        return next(column for column in self.columns if column.header == header)

    @property
    def told(self) -> frozenset[str]:
        """The columns that are something else than a feature."""
        roles = self.roles
        one = {roles.time, roles.label, roles.label_time}
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
