"""The one recovery path: drop memory, fold the journal silently to the committed offsets, go on.

Abort, fencing, lost partitions, crash and restart all end here. What is recomputed is compared
with the journal's digests; a difference stops the line, it is never scored over.
"""

import time
from collections.abc import Sequence
from functools import partial

import structlog
from confluent_kafka import Consumer, TopicPartition

from engine.broker.past import read_journal, refold_partition
from engine.broker.positions import start_offsets
from engine.core.journal import Entry
from engine.core.spec import Spec
from engine.core.task import Task
from engine.errors import LablineError
from engine.models.configuration import spec_of
from engine.models.control import Control
from topics.naming import line_topics

log = structlog.get_logger()

TIMEOUT_S = 30.0
JOURNAL_DEADLINE_S = 10.0  # commit markers are per partition: the journal's may come a moment later


class Recovered:
    """A task at its committed offsets, and the sequence number of its next journal entry."""

    def __init__(self, task: Task, sequence: int) -> None:
        self.task = task
        self.sequence = sequence


def committed_offsets(
    consumer: Consumer, inputs: Sequence[str | None], partition: int
) -> tuple[int, ...]:
    """Return per input the committed offset; -1 where there is none.

    A commit in an open transaction is waited for: its outcome decides.
    """
    places = [TopicPartition(topic, partition) for topic in inputs if topic is not None]
    found = {tp.topic: tp.offset for tp in consumer.committed(places, TIMEOUT_S)}
    return tuple(max(found[topic], -1) if topic is not None else -1 for topic in inputs)


def recover(
    bootstrap: str,
    control: Control,
    spec: Spec,
    partition: int,
    committed: tuple[int, ...],
) -> Recovered:
    """Return the task of a partition as it was when `committed` was committed.

    Raises
    ------
    LablineError
        ``LL-OFFSETS-MOVED`` when committed offsets and journal do not match,
        ``LL-STATE-DIFFERS`` when folding the past gives other bytes than were written,
        ``LL-REVISION-UNKNOWN`` when the journal names one that no trusted key signed.
    """
    line = spec.line
    entries = _journal_until(bootstrap, line.name, partition, committed)
    if not entries:
        return Recovered(Task(spec, partition, _start(bootstrap, spec, partition)), 0)
    if committed == (-1, -1, -1):
        log.warning("committed offsets are gone; restored from the journal", partition=partition)
    started = time.monotonic()
    past = refold_partition(
        bootstrap, iter(entries), spec.inputs, partition, partial(_spec_at, control, line.name)
    )
    task: Task | None = None
    for entry, run, task in past:  # noqa: B007
        if run.digest() != entry.digest or run.next_offsets != entry.next_offsets:
            raise LablineError(
                "LL-STATE-DIFFERS",
                f"{line.name}[{partition}]: folding journal entry {entry.sequence} again gives"
                f" other output than was written (written under environment {entry.environment})",
                f"labline lab parity {line.name} names the first difference; run the environment"
                " that wrote it, or re-learn the line",
            )
    assert task is not None
    task.drop_buffers()
    log.info(
        "state rebuilt from the journal",
        line=line.name,
        partition=partition,
        entries=len(entries),
        offsets=task.next_offsets,
        seconds=round(time.monotonic() - started, 2),
    )
    return Recovered(task, entries[-1].sequence + 1)


def _journal_until(
    bootstrap: str, line: str, partition: int, committed: tuple[int, ...]
) -> list[Entry]:
    """Read the journal; one that is behind the committed offsets is waited for, to a deadline."""
    deadline = time.monotonic() + JOURNAL_DEADLINE_S
    while True:
        entries = list(read_journal(bootstrap, line_topics(line).journal, partition))
        reached = entries[-1].next_offsets if entries else (-1, -1, -1)
        if committed in (reached, (-1, -1, -1)):
            return entries
        if time.monotonic() > deadline:
            raise LablineError(
                "LL-OFFSETS-MOVED",
                f"{line}[{partition}]: committed offsets are {list(committed)}, the journal ends at"
                f" {list(reached)} (events, labels, retry)",
                "somebody's tool moved the group's offsets: set them back to the journal's with"
                " kafka-consumer-groups --reset-offsets, or start a line of another name",
            )
        time.sleep(0.1)


def _spec_at(control: Control, line: str, offset: int) -> Spec:
    revision = control.history.get(offset)
    if revision is None:
        raise LablineError(
            "LL-REVISION-UNKNOWN",
            f"the journal of line {line} names revision {offset}, which no trusted key signed",
            "put the public key that signed it back into keys/, or re-learn the line",
        )
    return spec_of(revision)


def _start(bootstrap: str, spec: Spec, partition: int) -> tuple[int, ...]:
    """Return per input where a line that has no past begins."""
    return tuple(
        -1 if topic is None else start_offsets(bootstrap, topic, spec.line.start)[partition]
        for topic in spec.inputs
    )
