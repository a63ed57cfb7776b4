"""Where a line's records come from, and what is counted in them without being kept.

`line_facts` takes `kafka_sources` for a broker; tests hand over `Sources` of their own. Records
are committed ones and come in batches; each reader walks over a partition once.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple, TypeAlias

from labline.engine.broker.clients import admin_client
from labline.engine.broker.reader import partition_offsets, read_range
from labline.engine.core.line import Line
from labline.engine.core.record import Record
from labline.schemas.engine_schemas import engine_schema
from labline.topics.apply import existing_topics
from labline.topics.naming import line_topics

#: topic, partition -> its records in batches
Read: TypeAlias = Callable[[str, int], Iterable[list[Record]]]

APPEND_TIME = "LogAppendTime"


class Sources(NamedTuple):
    """Where a line's records come from.

    Attributes
    ----------
    partitions
        Of the event topic, and of all that the line writes.
    appended
        Topics whose times are the broker's own: when a record was appended.
    """

    read: Read
    partitions: range
    appended: frozenset[str] = frozenset()


def kafka_sources(bootstrap: str, line: Line) -> Sources:
    """Return a line's records as a broker has them: committed ones, without a group."""
    own = line_topics(line.name)
    inputs = [line.events, own.retry, *([line.labels] if line.labels else [])]
    names = [*inputs, own.scores, own.shadow, own.dlq, own.vitals]
    offsets = partition_offsets(bootstrap, names)
    topics = existing_topics(admin_client(bootstrap), offsets)

    def read(topic: str, partition: int) -> Iterable[list[Record]]:
        place = offsets[topic].get(partition)
        if place is None:
            return iter(())
        return read_range(bootstrap, topic, partition, place.start, place.stable)

    stamped = {name for name, topic in topics.items()
               if topic.config.get("message.timestamp.type") == APPEND_TIME}  # fmt: skip
    return Sources(read, range(len(offsets[own.scores])), frozenset(stamped))


def letters_of(line: Line, sources: Sources) -> tuple[dict[str, int], int]:
    """Count dead letters of events by stage and reason, and those of labels."""
    letters: Counter[str] = Counter()
    dead_labels = 0
    for record in _each(sources, line_topics(line.name).dlq):
        error = {name: (value or b"").decode("utf-8", "replace") for name, value in record[4] or ()}
        if line.labels is not None and error.get("labline.error.topic") == line.labels:
            dead_labels += 1
        else:
            stage, reason = error.get("labline.error.stage"), error.get("labline.error.reason")
            letters[f"{stage}/{reason}"] += 1
    return dict(letters), dead_labels


def outcomes_of(line: Line, sources: Sources) -> dict[str, int]:
    """Return the sums over a line's vitals of what became of labels."""
    outcomes: Counter[str] = Counter()
    decode = engine_schema("labline.Vitals").decode
    for record in _each(sources, line_topics(line.name).vitals):
        vitals: Any = decode(record[3])
        if isinstance(vitals, dict):
            outcomes.update(vitals["outcomes"])
    return dict(sorted(outcomes.items()))


def _each(sources: Sources, topic: str) -> Iterator[Record]:
    for partition in sources.partitions:
        for batch in sources.read(topic, partition):
            yield from batch
