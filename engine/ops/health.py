"""What the doctor looks at, and what it says."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, TypeAlias

from labline.engine.errors import LablineError
from labline.topics.steps import Declaration, Existing

Severity: TypeAlias = Literal["ok", "warn", "error"]


class Finding(NamedTuple):
    """What one check found.

    Attributes
    ----------
    area
        What was checked, in a word or two.
    code
        A stable name to search for.
    fix
        What to do about it; empty when nothing has to be done.
    """

    severity: Severity
    area: str
    code: str
    sentence: str
    fix: str = ""


class Inputs(NamedTuple):
    """What a line reads."""

    events: str
    labels: str | None


class Broker(NamedTuple):
    """A cluster that answers; `version` as far as it tells."""

    bootstrap: str
    brokers: int
    version: str | None


class Replicas(NamedTuple):
    """Partitions of a topic without a leader that answers, and with copies that lag behind."""

    leaderless: int
    out_of_sync: int


class Held(NamedTuple):
    """What an open transaction holds back in a partition; when it began there, by the broker."""

    topic: str
    partition: int
    offsets: int
    since_ms: int


class Sample(NamedTuple):
    """Where the newest records of a topic lie.

    Attributes
    ----------
    records
        So many were looked at.
    keyless
        So many of them have no key.
    elsewhere
        So many lie in another partition than murmur2 gives for their key.
    by_crc32
        So many of these lie where librdkafka's default partitioner puts them.
    """

    records: int
    keyless: int = 0
    elsewhere: int = 0
    by_crc32: int = 0


@dataclass(frozen=True)
class Facts:
    """All that is judged.

    Attributes
    ----------
    unreadable
        What is wrong with files of the workspace.
    drafts, versions
        Schema versions that are not released yet; number of all, None when they were not read.
    unfit
        What is wrong with schemas, here or by the registry; `registry` is where that answers.
    broker
        Or why there is none.
    samples
        By topic; or why it could not be read.
    own
        The topics that the workspace declares itself; `declared` has those of its lines too.
    """

    unreadable: tuple[LablineError, ...] = ()
    lines: Mapping[str, Inputs] = field(default_factory=dict)
    own: tuple[str, ...] = ()
    declared: tuple[Declaration, ...] = ()
    drafts: tuple[str, ...] = ()
    versions: int | None = None
    unfit: tuple[LablineError, ...] = ()
    registry: str | None = None
    broker: Broker | LablineError | None = None
    existing: Existing = field(default_factory=dict)
    replicas: Mapping[str, Replicas] = field(default_factory=dict)
    held: tuple[Held, ...] = ()
    samples: Mapping[str, Sample | str] = field(default_factory=dict)
    now_ms: int = 0
