"""One topic as declared against the same topic in Kafka: pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from labline.topics.declaration import FOREVER_MS
from labline.topics.naming import CONTROL_TOPIC
from labline.topics.steps import (
    Alter,
    Declaration,
    Found,
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


def compare(topic: Declaration, found: Found, words: Words) -> Step:
    """Return what has to be done to a topic that is there."""
    refusal = _refusal(topic, found, words)
    if refusal is not None:
        return refusal
    config: dict[str, str] = {}
    says: list[str] = []
    notes: list[Note] = list(_notes(topic, found, words))
    partitions = None
    if found.partitions < topic.partitions:
        partitions = topic.partitions
        says.append(
            f"grows from {found.partitions} to {partitions} partitions: "
            "most keys move to another one"
        )
    for key, value, sentence in _changes(topic, found, words):
        config[key] = value
        says.append(sentence)
    if says:
        return Alter(topic.name, partitions, config, tuple(says), tuple(notes))
    return Keep(topic.name, tuple(notes))


def _refusal(topic: Declaration, found: Found, words: Words) -> Refuse | None:
    counts = f"it has {found.partitions} partitions, {topic.partitions} are declared"
    whose = f" for {topic.source}" if topic.source else ""
    if found.partitions > topic.partitions:
        return Refuse(
            topic.name,
            f"{counts}; partitions never shrink",
            f"declare {found.partitions}{whose}, or republish into a new topic",
        )
    if found.partitions < topic.partitions and not words.grow & {topic.name, topic.source}:
        return Refuse(
            topic.name,
            counts,
            f"declare {found.partitions}{whose}; or stop its lines and "
            f"labline topics apply --grow {topic.source or topic.name}: keys move away from what "
            "was learned of them, and from the labels they wait for",
        )
    policy, kept_ms = found.config.get(POLICY, "delete"), int(topic.config[KEPT])
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
    found_ms = int(found.config.get(KEPT, kept_ms))
    if shorter(kept_ms, found_ms) and not _engines_own(topic) and topic.name not in words.shorten:
        return Refuse(
            topic.name,
            f"it keeps records {retention_text(found_ms)}, {retention_text(kept_ms)} are declared: "
            "what is older would be deleted",
            f"labline topics apply --shorten {topic.name}, or declare the longer one",
        )
    return None


def _changes(topic: Declaration, found: Found, words: Words) -> Iterator[tuple[str, str, str]]:
    """Yield what is set, to what, and what that means."""
    told, own = topic.config, _engines_own(topic)
    if "compact" in found.config.get(POLICY, "delete"):
        yield POLICY, told[POLICY], "is not compacted any more"
    if KEPT in found.config:
        kept_ms, found_ms = int(told[KEPT]), int(found.config[KEPT])
        kept = retention_text(kept_ms)
        if shorter(found_ms, kept_ms):
            yield KEPT, told[KEPT], f"kept {kept} instead of {retention_text(found_ms)}"
        elif shorter(kept_ms, found_ms) and topic.name in words.shorten:
            yield KEPT, told[KEPT], f"kept {kept} only: what is older is deleted within minutes"
    if own and found.config.get(KEPT_BYTES, told[KEPT_BYTES]) != told[KEPT_BYTES]:
        yield KEPT_BYTES, told[KEPT_BYTES], "kept whatever its size"
    append_timed = found.config.get(STAMP, told[STAMP]) == told[STAMP]
    if not append_timed and (own or topic.name in words.append_time):
        yield STAMP, told[STAMP], "stamped by the broker from now on"
    if SIZE in told and int(found.config.get(SIZE, told[SIZE])) < int(told[SIZE]):
        yield SIZE, told[SIZE], f"takes records of {told[SIZE]} bytes"


def _notes(topic: Declaration, found: Found, words: Words) -> Iterator[Note]:
    """Yield where a topic differs in what labline relies on, and is left so."""
    told, own = topic.config, _engines_own(topic)
    if not own and topic.name not in words.append_time:
        stamp = found.config.get(STAMP, told[STAMP])
        if stamp != told[STAMP]:
            yield Note(
                STAMP,
                f"{STAMP} is {stamp}: how far behind a reader is can only be estimated, and "
                "retention goes by what publishers claim",
                f"labline topics apply --append-time {topic.name}, if nobody needs their stamps",
            )
    if not own and found.config.get(KEPT_BYTES, told[KEPT_BYTES]) != told[KEPT_BYTES]:
        yield Note(
            KEPT_BYTES,
            f"{KEPT_BYTES} is {found.config[KEPT_BYTES]}: records may go before their time",
            f"its owner can set {KEPT_BYTES}=-1",
        )
    kept_ms, found_ms = int(told[KEPT]), int(found.config.get(KEPT, told[KEPT]))
    if own and shorter(kept_ms, found_ms) and topic.name not in words.shorten:
        yield Note(
            KEPT,
            f"it keeps records {retention_text(found_ms)}, longer than what it is made of",
            f"labline topics apply --shorten {topic.name}, if the space is needed",
        )
    if found.replication != topic.replication:
        yield Note(
            REPLICATION,
            f"each partition has {found.replication} copies, {topic.replication} are declared",
            "kafka-reassign-partitions changes that",
        )


def _engines_own(topic: Declaration) -> bool:
    return topic.source is not None or topic.name == CONTROL_TOPIC
