"""Committed offsets that differ from the journal: shown, set back, or accepted.

Called by `labline factory offsets`, while the line does not run. The journal is what the line took;
offsets that somebody's tool moved would skip records or take them twice. Which of both a person
wants is theirs to say. What must stay true: an acceptance is an entry of the journal, so recovery
and parity go the same way; and whatever dies in between, saying it again ends well.
"""

import time
from contextlib import closing
from typing import NamedTuple

from confluent_kafka import (
    Consumer,
    ConsumerGroupTopicPartitions,
    KafkaError,
    KafkaException,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient

from labline.engine.broker.clients import admin_client, consumer_config, producer_config
from labline.engine.broker.members import await_no_members
from labline.engine.broker.positions import start_offsets
from labline.engine.broker.reader import partition_offsets
from labline.engine.core.journal import MOVED, Entry, digest, encode_entry
from labline.engine.core.line import Line
from labline.engine.errors import LablineError
from labline.engine.factory.journal_end import NO_OFFSETS, InputOffsets, last_entry
from labline.engine.factory.recovery import TIMEOUT_S, committed_offsets
from labline.engine.models.state.environment import environment_digest
from labline.engine.rerun.kafka_refold import MARKER_DEADLINE_S
from labline.topics.naming import line_topics

WAIT_S = 0.2


class Standing(NamedTuple):
    """Where a task stands, by its group's committed offsets and by its journal."""

    partition: int
    committed: InputOffsets
    last: Entry | None

    @property
    def journal(self) -> InputOffsets:
        """Return the offsets at which the journal ends; -1: it has none."""
        return self.last.next_offsets if self.last else NO_OFFSETS

    @property
    def is_moved(self) -> bool:
        """Tell whether they differ; those that expired are restored by the line itself."""
        return self.committed not in (self.journal, NO_OFFSETS)


def inputs_of(line: Line) -> tuple[str, str | None, str]:
    """Return a line's inputs: events, labels, retry."""
    return line.events, line.labels, line_topics(line.name).retry


def standings(bootstrap: str, line: Line) -> list[Standing]:
    """Return where each task of a line stands."""
    journal = line_topics(line.name).journal
    partitions = sorted(partition_offsets(bootstrap, [journal])[journal])
    with closing(Consumer(consumer_config(bootstrap, group_id=_group(line)))) as consumer:
        return [_standing(bootstrap, line, consumer, partition) for partition in partitions]


def _standing(bootstrap: str, line: Line, consumer: Consumer, partition: int) -> Standing:
    deadline = time.monotonic() + MARKER_DEADLINE_S
    while True:
        committed = committed_offsets(consumer, inputs_of(line), partition)
        standing = Standing(partition, committed, last_entry(bootstrap, line.name, partition))
        if not standing.is_moved or time.monotonic() > deadline:
            return standing
        time.sleep(WAIT_S)


def restore(bootstrap: str, line: Line) -> list[Standing]:
    """Set a group's offsets back to where the journal ends; return what was moved.

    Raises
    ------
    LablineError
        ``LL-GROUP-BUSY`` while the group has members.
    """
    await_no_members(bootstrap, line.name)
    admin = admin_client(bootstrap)  # in a variable: its futures are lost when it is collected
    moved = [standing for standing in standings(bootstrap, line) if standing.is_moved]
    if any(standing.last is None for standing in moved):
        # a task that has taken nothing has no offsets; single ones cannot be removed. Killed
        # here, the line takes them from its journals, as if they had expired.
        admin.delete_consumer_groups([_group(line)])[_group(line)].result(TIMEOUT_S)
        with_past = [standing for standing in standings(bootstrap, line) if standing.last]
    else:
        with_past = moved
    _commit(admin, line, {standing.partition: standing.journal for standing in with_past})
    return moved


def accept(bootstrap: str, line: Line, revision: int) -> list[Standing]:
    """Let a line go on at its moved offsets, with the state as it is; return what was moved.

    Each acceptance is an entry of the journal, so recovery and parity go the same way.

    Parameters
    ----------
    revision
        In force now: for tasks that have no journal yet.

    Raises
    ------
    LablineError
        ``LL-GROUP-BUSY`` while the group has members, ``LL-JOURNAL-WRITE`` when an entry was
        not acknowledged.
    """
    await_no_members(bootstrap, line.name)
    moved = [standing for standing in standings(bootstrap, line) if standing.is_moved]
    targets = {at.partition: _target(bootstrap, line, at) for at in moved}
    _commit(admin_client(bootstrap), line, targets)  # of an input without a commit, too
    for standing in moved:
        entry = _entry(standing, targets[standing.partition], revision)
        _append(bootstrap, line, standing.partition, entry)
    return moved


def _target(bootstrap: str, line: Line, standing: Standing) -> InputOffsets:
    """Return the committed offsets; where an input has none, the journal's or the line's start."""
    known = standing.journal
    if standing.last is None:
        starts = (t and start_offsets(bootstrap, t, line.start) for t in inputs_of(line))
        known = tuple(start[standing.partition] if start else -1 for start in starts)
    return tuple(
        committed if committed >= 0 else otherwise
        for committed, otherwise in zip(standing.committed, known, strict=True)
    )


def _entry(standing: Standing, target: InputOffsets, revision: int) -> Entry:
    last = standing.last
    if last is None:
        environment = environment_digest()
        return Entry(0, revision, environment, target, target, (), digest(()), MOVED)
    sequence, first = last.sequence + 1, last.next_offsets
    return Entry(sequence, last.revision, last.environment, first, target, (), digest(()), MOVED)


def _append(bootstrap: str, line: Line, partition: int, entry: Entry) -> None:
    failed: list[str] = []

    def report(error: KafkaError | None, _: object) -> None:
        if error is not None:
            failed.append(error.str())

    producer = Producer(producer_config(bootstrap))
    topic = line_topics(line.name).journal
    producer.produce(topic, encode_entry(entry), None, partition, report)
    if producer.flush(TIMEOUT_S) or failed:
        why = failed[0] if failed else "no acknowledgement came"
        raise LablineError(
            "LL-JOURNAL-WRITE",
            f"{line.name}[{partition}]: the acceptance was not written: {why}",
            "look with labline factory offsets, and say it again",
        )


def _commit(admin: AdminClient, line: Line, offsets: dict[int, InputOffsets]) -> None:
    places = [
        TopicPartition(topic, partition, offset)
        for partition, next_offsets in offsets.items()
        for topic, offset in zip(inputs_of(line), next_offsets, strict=True)
        if topic is not None
    ]
    if not places:
        return
    group = _group(line)
    futures = admin.alter_consumer_group_offsets([ConsumerGroupTopicPartitions(group, places)])
    for place in futures[group].result(TIMEOUT_S).topic_partitions:
        if place.error is not None:
            raise KafkaException(place.error)


def _group(line: Line) -> str:
    return f"labline.{line.name}"
