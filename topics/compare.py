"""One topic as declared against the same topic in Kafka; pure.

The plan asks for each declared topic that is already there. Out comes one step: keep, alter or
refuse, with notes on what differs and stays. What would lose records or move keys is refused
unless a word allows it.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from labline.topics.declaration import FOREVER_MS
from labline.topics.naming import CONTROL_TOPIC
from labline.topics.steps import (
    Alter,
    BrokerTopic,
    Declaration,
    Keep,
    Note,
    Refuse,
    Step,
    retention_text,
    shorter,
)

POLICY, STAMP = "cleanup.policy", "message.timestamp.type"
KEPT, KEPT_BYTES = "retention.ms", "retention.bytes"
SIZE = "max.message.bytes"
REPLICATION = "replication"


@dataclass(frozen=True)
class Words:
    """What was allowed explicitly, by the names of topics.

    Attributes
    ----------
    grow
        May get more partitions; an event topic takes those of its lines with it.
    shorten
        May lose what is older than its declared retention.
    append_time
        May change from its publishers' timestamps to the broker's.
    """

    grow: frozenset[str] = frozenset()
    shorten: frozenset[str] = frozenset()
    append_time: frozenset[str] = frozenset()


NO_WORDS = Words()


def compare(topic: Declaration, real: BrokerTopic, words: Words) -> Step:
    """Return what has to be done to a topic that is there."""
    refusal = _refusal(topic, real, words)
    if refusal is not None:
        return refusal
    config: dict[str, str] = {}
    says: list[str] = []
    notes: list[Note] = list(_notes(topic, real, words))
    partitions = None
    if real.partitions < topic.partitions:
        partitions = topic.partitions
        says.append(
            f"grows from {real.partitions} to {partitions} partitions: "
            "most keys move to another one"
        )
    for key, value, sentence in _changes(topic, real, words):
        config[key] = value
        says.append(sentence)
    if says:
        return Alter(topic.name, partitions, config, tuple(says), tuple(notes))
    return Keep(topic.name, tuple(notes))


def _refusal(topic: Declaration, real: BrokerTopic, words: Words) -> Refuse | None:
    counts = f"it has {real.partitions} partitions, {topic.partitions} are declared"
    whose = f" for {topic.source}" if topic.source else ""
    if real.partitions > topic.partitions:
        return Refuse(
            topic.name,
            f"{counts}; partitions never shrink",
            f"declare {real.partitions}{whose}, or republish into a new topic",
        )
    if real.partitions < topic.partitions and not words.grow & {topic.name, topic.source}:
        return Refuse(
            topic.name,
            counts,
            f"declare {real.partitions}{whose}; or stop its lines and "
            f"labline topics apply --grow {topic.source or topic.name}: keys move away from what "
            "was learned of them, and from the labels they wait for",
        )
    policy, kept_ms = real.config.get(POLICY, "delete"), int(topic.config[KEPT])
    if "compact" in policy and (topic.lines or _engines_own(topic)):
        return Refuse(
            topic.name,
            f"its cleanup.policy is {policy}: records vanish from the middle of the log",
            "republish into a new topic what is still there; compaction cannot be undone",
        )
    if policy == "compact" and kept_ms != FOREVER_MS:
        return Refuse(
            topic.name,
            f"it is compacted; as declared, all that is older than {retention_text(kept_ms)} "
            "would be deleted",
            'declare retention = "forever", or another topic',
        )
    real_ms = int(real.config.get(KEPT, kept_ms))
    if shorter(kept_ms, real_ms) and not _engines_own(topic) and topic.name not in words.shorten:
        return Refuse(
            topic.name,
            f"it keeps records {retention_text(real_ms)}, {retention_text(kept_ms)} are declared: "
            "what is older would be deleted",
            f"labline topics apply --shorten {topic.name}, or declare the longer one",
        )
    return None


def _changes(topic: Declaration, real: BrokerTopic, words: Words) -> Iterator[tuple[str, str, str]]:
    """Yield what is set, to what, and what that means."""
    config, own = topic.config, _engines_own(topic)
    if "compact" in real.config.get(POLICY, "delete"):
        yield POLICY, config[POLICY], "is not compacted any more"
    if KEPT in real.config:
        kept_ms, real_ms = int(config[KEPT]), int(real.config[KEPT])
        kept = retention_text(kept_ms)
        if shorter(real_ms, kept_ms):
            yield KEPT, config[KEPT], f"kept {kept} instead of {retention_text(real_ms)}"
        elif shorter(kept_ms, real_ms) and topic.name in words.shorten:
            yield KEPT, config[KEPT], f"kept {kept} only: what is older is deleted within minutes"
    if own and real.config.get(KEPT_BYTES, config[KEPT_BYTES]) != config[KEPT_BYTES]:
        yield KEPT_BYTES, config[KEPT_BYTES], "kept whatever its size"
    append_timed = real.config.get(STAMP, config[STAMP]) == config[STAMP]
    if not append_timed and (own or topic.name in words.append_time):
        yield STAMP, config[STAMP], "stamped by the broker from now on"
    if SIZE in config and int(real.config.get(SIZE, config[SIZE])) < int(config[SIZE]):
        yield SIZE, config[SIZE], f"takes records of {config[SIZE]} bytes"


def _notes(topic: Declaration, real: BrokerTopic, words: Words) -> Iterator[Note]:
    """Yield where a topic differs in what labline relies on, and is left so."""
    config, own = topic.config, _engines_own(topic)
    if not own and topic.name not in words.append_time:
        stamp = real.config.get(STAMP, config[STAMP])
        if stamp != config[STAMP]:
            yield Note(
                STAMP,
                f"{STAMP} is {stamp}: how far behind a reader is can only be estimated, and "
                "retention goes by what publishers claim",
                f"labline topics apply --append-time {topic.name}, if nobody needs their stamps",
            )
    if not own and real.config.get(KEPT_BYTES, config[KEPT_BYTES]) != config[KEPT_BYTES]:
        yield Note(
            KEPT_BYTES,
            f"{KEPT_BYTES} is {real.config[KEPT_BYTES]}: records may go before their time",
            f"its owner can set {KEPT_BYTES}=-1",
        )
    kept_ms, real_ms = int(config[KEPT]), int(real.config.get(KEPT, config[KEPT]))
    if own and shorter(kept_ms, real_ms) and topic.name not in words.shorten:
        yield Note(
            KEPT,
            f"it keeps records {retention_text(real_ms)}, longer than what it is made of",
            f"labline topics apply --shorten {topic.name}, if the space is needed",
        )
    if real.replication != topic.replication:
        yield Note(
            REPLICATION,
            f"each partition has {real.replication} copies, {topic.replication} are declared",
            "kafka-reassign-partitions changes that",
        )


def _engines_own(topic: Declaration) -> bool:
    return topic.source is not None or topic.name == CONTROL_TOPIC
