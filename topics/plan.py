"""What would have to be done in Kafka for the declared topics to be there: pure, to be read first.

A plan creates and refuses. It never alters: more partitions would move keys, and a shorter
retention would delete.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from topics.declaration import FOREVER_MS, Topic
from topics.naming import CONTROL_TOPIC, check_name, line_topics

MESSAGE_MAX_BYTES = 1_048_588  # Kafka's default for a record batch
DLQ_MESSAGE_MAX_BYTES = 2 * MESSAGE_MAX_BYTES  # the original, and the headers that say why

#: name -> number of partitions, configuration
Existing: TypeAlias = Mapping[str, tuple[int, Mapping[str, str]]]


@dataclass(frozen=True)
class Declaration:
    """A topic in Kafka's own terms."""

    name: str
    partitions: int
    replication: int
    config: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Create:
    """The topic is not there yet."""

    topic: Declaration

    def __str__(self) -> str:
        retention = self.topic.config["retention.ms"]
        kept = "for ever" if retention == str(FOREVER_MS) else f"{retention} ms"
        return f"create {self.topic.name}: {self.topic.partitions} partitions, kept {kept}"


@dataclass(frozen=True)
class Keep:
    """The topic is there and can be used; `notes` say where it is not as declared."""

    name: str
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"keep {self.name}" + "".join(f"; {note}" for note in self.notes)


@dataclass(frozen=True)
class Refuse:
    """The topic is there and cannot be used as it is."""

    name: str
    reason: str
    remedy: str

    def __str__(self) -> str:
        return f"refuse {self.name}: {self.reason}"


Step: TypeAlias = Create | Keep | Refuse


def plan(declared: Iterable[Declaration], existing: Existing) -> list[Step]:
    """Return one step for each declared topic, in their order; applying it twice is nothing.

    Examples
    --------
    >>> topic = declaration(Topic(name="flights", schema="f.avsc", key="id"))
    >>> print(*plan([topic], {}))
    create flights: 4 partitions, kept for ever
    >>> print(*plan([topic], {"flights": (4, topic.config)}))
    keep flights
    >>> print(*plan([topic], {"flights": (2, topic.config)}))
    refuse flights: it has 2 partitions, 4 are declared
    """
    return [
        _compare(topic, *existing[topic.name]) if topic.name in existing else Create(topic)
        for topic in declared
    ]


def _compare(topic: Declaration, partitions: int, config: Mapping[str, str]) -> Step:
    if partitions != topic.partitions:
        return Refuse(
            topic.name,
            f"it has {partitions} partitions, {topic.partitions} are declared",
            f"declare {partitions}, or republish into a new topic: another count moves keys",
        )
    policy = config.get("cleanup.policy", "delete")
    if policy != topic.config["cleanup.policy"]:
        return Refuse(
            topic.name,
            f"its cleanup.policy is {policy}: records would vanish from the middle of the log",
            "set cleanup.policy=delete on it, if nobody needs it compacted",
        )
    return Keep(topic.name, tuple(_notes(topic.config, config)))


def _notes(declared: Mapping[str, str], found: Mapping[str, str]) -> Iterable[str]:
    """Yield where a topic of somebody else's making differs in what labline relies on."""
    for key in sorted(declared.keys() - {"cleanup.policy"}):
        if key in found and found[key] != declared[key]:
            yield f"{key} is {found[key]}, declared {declared[key]}"


def declaration(topic: Topic) -> Declaration:
    """Return what a declared topic is in Kafka."""
    return Declaration(
        check_name(topic.name), topic.partitions, topic.replication, _config(topic.retention_ms)
    )


def line_topic_declarations(
    line: str, events: Topic, labels: Topic | None = None
) -> list[Declaration]:
    """Return the topics that a line writes, and the control topic.

    Each has the partitions of the event topic and keeps records as long; the journal as long as
    the one of events and labels that is kept longer.

    Examples
    --------
    >>> events = Topic(name="flights", schema="f.avsc", key="id", partitions=2)
    >>> [topic.name for topic in line_topic_declarations("delay", events)][-3:]
    ['delay.journal', 'delay.vitals', 'labline.control']
    """
    names = line_topics(line)
    kept_ms = events.retention_ms
    longest_ms = kept_ms if labels is None else longer(kept_ms, labels.retention_ms)
    configs = {name: _config(kept_ms) for name in names}
    configs[names.journal] = _config(longest_ms)
    configs[names.dlq]["max.message.bytes"] = str(DLQ_MESSAGE_MAX_BYTES)
    made = [
        Declaration(name, events.partitions, events.replication, config)
        for name, config in configs.items()
    ]
    return [*made, control_topic(events.replication)]


def control_topic(replication: int = 1) -> Declaration:
    """Return the control topic: one partition, one order, kept for ever."""
    return Declaration(CONTROL_TOPIC, 1, replication, _config(FOREVER_MS))


def longer(one_ms: int, other_ms: int) -> int:
    """Return the longer of two retentions.

    Examples
    --------
    >>> longer(5, -1), longer(5, 7)
    (-1, 7)
    """
    return FOREVER_MS if FOREVER_MS in (one_ms, other_ms) else max(one_ms, other_ms)


def _config(retention_ms: int) -> dict[str, str]:
    return {
        "cleanup.policy": "delete",
        # by append time: an event of 2013 would else be deleted at the first check, and
        # "seconds behind" is true whoever publishes
        "message.timestamp.type": "LogAppendTime",
        "retention.ms": str(retention_ms),
    }
