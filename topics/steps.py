"""The steps of a plan, and how they read.

`compare` and `plan` make them, `apply` carries them out, the command line prints them as text. A
step holds all that is needed to do it, so what was printed is what is done.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from labline.topics.declaration import FOREVER_MS

_HOUR_MS = 3_600_000
_DAY_MS = 24 * _HOUR_MS


@dataclass(frozen=True)
class Declaration:
    """A topic in Kafka's own terms.

    Attributes
    ----------
    lines
        Those that fold over it: they pair its partitions with those of their other topics.
    source
        Of a topic that a line writes: the event topic, whose partitions it follows.
    carries
        Topics whose records it has to take, wrapped in more headers.
    """

    name: str
    partitions: int
    replication: int
    config: Mapping[str, str] = field(default_factory=dict)
    lines: tuple[str, ...] = ()
    source: str | None = None
    carries: tuple[str, ...] = ()


class BrokerTopic(NamedTuple):
    """A topic as Kafka has it; `replication` is that of its partition with the fewest copies."""

    partitions: int
    config: Mapping[str, str]
    replication: int = 1


Existing: TypeAlias = Mapping[str, BrokerTopic]


class Note(NamedTuple):
    """Where a topic is not as declared and is left so, and who could change that how.

    Attributes
    ----------
    about
        A configuration key of Kafka's, or ``replication``.
    """

    about: str
    text: str
    remedy: str

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Create:
    """The topic is not there yet."""

    topic: Declaration

    @property
    def name(self) -> str:
        """The topic's name."""
        return self.topic.name

    def __str__(self) -> str:
        count = self.topic.partitions
        kept = retention_text(int(self.topic.config["retention.ms"]))
        return f"create {self.name}: {count} partition{'s' * (count > 1)}, kept {kept}"


@dataclass(frozen=True)
class Alter:
    """The topic is there and becomes as declared.

    Attributes
    ----------
    partitions
        How many it grows to; None when their number stays.
    config
        What is set.
    says
        What that means, a sentence for each change.
    """

    name: str
    partitions: int | None
    config: Mapping[str, str]
    says: tuple[str, ...]
    notes: tuple[Note, ...] = ()

    def __str__(self) -> str:
        return f"alter {self.name}: " + "; ".join([*self.says, *map(str, self.notes)])


@dataclass(frozen=True)
class Keep:
    """The topic is there and can be used; `notes` say where it is not as declared."""

    name: str
    notes: tuple[Note, ...] = ()

    def __str__(self) -> str:
        return "; ".join([f"keep {self.name}", *map(str, self.notes)])


@dataclass(frozen=True)
class Refuse:
    """The topic cannot be used as it is or as it is declared."""

    name: str
    reason: str
    remedy: str

    def __str__(self) -> str:
        return f"refuse {self.name}: {self.reason}"


Step: TypeAlias = Create | Alter | Keep | Refuse


def retention_text(retention_ms: int) -> str:
    """Return how long records are kept, as declarations write it.

    Examples
    --------
    >>> [retention_text(ms) for ms in (-1, 172_800_000, 5_400_000, 7_200_000)]
    ['for ever', '2d', '5400000 ms', '2h']
    """
    if retention_ms == FOREVER_MS:
        return "for ever"
    if retention_ms % _DAY_MS == 0:
        return f"{retention_ms // _DAY_MS}d"
    if retention_ms % _HOUR_MS == 0:
        return f"{retention_ms // _HOUR_MS}h"
    return f"{retention_ms} ms"


def shorter(one_ms: int, other_ms: int) -> bool:
    """Tell whether one retention is shorter than another.

    Examples
    --------
    >>> shorter(5, -1), shorter(-1, 5), shorter(-1, -1)
    (True, False, False)
    """
    return one_ms != FOREVER_MS and (other_ms == FOREVER_MS or one_ms < other_ms)
