"""The one recovery path: drop memory, fold the journal silently to the committed offsets, go on.

Called by the scorer for each partition that it is assigned: after an aborted or fenced transaction,
lost partitions, a crash, a restart or a rebalance. What comes in are the group's committed offsets;
what goes out is the task as it was when they were committed. What must stay true: there is no other
way back, and no task scores before its state is known to be the one that the journal vouches for.

Theory of operation
-------------------
*Two records of one fact.* A transaction commits the next offsets of a task's inputs and an entry of
its journal, so both say where the task stands. They disagree for three reasons, and each has its
own answer:

* The journal seems shorter. Commit markers are written per partition, and a transaction that is
  still open hides the journal's end: it is waited for, `MARKER_DEADLINE_S` beyond the last time
  that something was hidden.
* There are no committed offsets, though there is a journal: they expired. The journal is the
  truth; the line goes on from its end.
* They differ for good: somebody's tool moved the offsets. Following them would skip records or
  take them twice, so the line stops, ``LL-OFFSETS-MOVED``, and `labline factory offsets` offers
  both ways out.

*Where to begin.* The journal's last entry is fixed first, and everything else is measured against
it. `labline.engine.factory.restoring` looks for the newest snapshot that leads there; without one
the log's start is where to begin. The entries from there on are folded again, nothing is emitted.

*Which entries are compared.* A fold is a function of its inputs, the line and the environment, so
an entry that this environment wrote must fold to the digest that it has. Entries of another one
need not, and are not compared; what such entries left behind is this environment's only

* in a snapshot exactly at the journal's end: the task goes on from it, and the journal says
  ``carried`` before anything else; or
* from an entry ``rebuilt`` on: the whole past was folded anew here, by `labline upgrade check
  --rebuild`, and its snapshot says so.

Everything else is refused by name: ``LL-ENVIRONMENT-CHANGED`` when other versions wrote the past
and no snapshot stands at its end, ``LL-STATE-LOST`` when the state was carried over once and no
snapshot from there on is left, ``LL-STATE-DIFFERS`` when an entry does not fold to its digest. A
difference stops the line; it is never scored over.

*Refused is not lost.* Each refusal leaves topics, offsets and snapshots as they are, so the old
versions, a snapshot that is put back, or a key that is put back make the line go on.
"""

import time
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import structlog
from confluent_kafka import Consumer, KafkaException, TopicPartition

from labline.engine.broker.positions import start_offsets
from labline.engine.core.journal import CARRIED, REBUILT, Entry
from labline.engine.core.run import Run
from labline.engine.core.spec import Spec
from labline.engine.core.task import Task
from labline.engine.errors import LablineError
from labline.engine.factory.journal_end import (
    NO_OFFSETS,
    InputOffsets,
    end_is_hidden,
    entries_up_to,
    last_entry,
)
from labline.engine.factory.restoring import Goal, SnapshotStart, newest_start
from labline.engine.models.control import configuration
from labline.engine.models.control.configuration import SpecOf
from labline.engine.models.control.control import Control
from labline.engine.models.learning.snapshot_store import SnapshotStore
from labline.engine.models.learning.snapshots import NOWHERE, JournalPlace
from labline.engine.models.state.environment import environment_digest
from labline.engine.rerun.kafka_refold import MARKER_DEADLINE_S, refold_partition
from labline.engine.rerun.revisions import revision_spec

log = structlog.get_logger()

TIMEOUT_S = 30.0


class CommittedTask(NamedTuple):
    """A task at its committed offsets.

    Attributes
    ----------
    task : Task
        Its buffers are empty.
    place : JournalPlace
        The next journal entry's sequence number, and the last entry.
    switch : str or None
        How its state came into this environment from another one, to be written down first.
    snapshot_sequence : int
        Sequence number of the snapshot that it began from; 0: none.
    """

    task: Task
    place: JournalPlace
    switch: str | None = None
    snapshot_sequence: int = 0


def committed_offsets(
    consumer: Consumer, inputs: Sequence[str | None], partition: int
) -> InputOffsets:
    """Return per input the committed offset; -1 where there is none.

    A commit in an open transaction is waited for: its outcome decides.
    """
    partitions = [TopicPartition(topic, partition) for topic in inputs if topic is not None]
    offsets = {}
    for committed in consumer.committed(partitions, TIMEOUT_S):
        if committed.error is not None:  # not known is not "none"
            raise KafkaException(committed.error)
        offsets[committed.topic] = committed.offset
    return tuple(max(offsets[topic], -1) if topic is not None else -1 for topic in inputs)


def recover(
    bootstrap: str,
    control: Control,
    spec: Spec,
    partition: int,
    committed: InputOffsets,
    store: SnapshotStore | None = None,
    spec_of: SpecOf = configuration.spec_of,
) -> CommittedTask:
    """Return the task of a partition as it was when `committed` was committed.

    The newest snapshot that fits is where it begins, or the log's start; from there on the
    journal is folded silently and its digests are compared.

    Raises
    ------
    LablineError
        ``LL-OFFSETS-MOVED`` when committed offsets and journal do not match,
        ``LL-STATE-DIFFERS`` when folding the past gives other bytes than were written,
        ``LL-ENVIRONMENT-CHANGED`` when other versions wrote the past and no snapshot stands
        exactly at its end, ``LL-STATE-LOST`` when one is needed to get there,
        ``LL-LOG-TRUNCATED`` when the inputs no longer reach back to where it would begin,
        ``LL-REVISION-UNKNOWN`` when the journal names one that no trusted key signed.
    """
    started, name = time.monotonic(), spec.line.name
    last = _await_journal(bootstrap, name, partition, committed)
    if last is None:
        return CommittedTask(Task(spec, partition, _start(bootstrap, spec, partition)), NOWHERE)
    if committed == NO_OFFSETS:
        log.warning("committed offsets are gone; restored from the journal", partition=partition)
    journal = partial(entries_up_to, last, bootstrap, name, partition)
    spec_at = partial(revision_spec, control.history, name, spec_of=spec_of)
    goal = Goal(spec, partition, last, environment_digest())
    start = None if store is None else newest_start(store, goal, journal, spec_at)
    entries = journal(-1) if start is None else start.after
    switch, first_compared = _switch(start, entries, goal)
    task, resumed = (start.resumed.task, start.resumed) if start else (None, None)
    past = refold_partition(bootstrap, entries, spec.inputs, partition, spec_at, resumed)
    for entry, run, task in past:  # noqa: B007
        if entry.sequence >= first_compared:
            _compare(name, partition, entry, run)
    assert task is not None
    task.drop_buffers()
    how = "state restored from a snapshot" if start else "state rebuilt from the journal"
    seconds, at = round(time.monotonic() - started, 2), task.next_offsets
    log.info(how, line=name, partition=partition, entries=len(entries), offsets=at, seconds=seconds)
    place = JournalPlace(last.sequence + 1, last.offset, last.digest)
    return CommittedTask(task, place, switch, resumed.sequence if resumed else 0)


def _switch(
    start: SnapshotStart | None, entries: list[Entry], goal: Goal
) -> tuple[str | None, int]:
    """Return the switch of environment to be written down, and the first entry to compare."""
    if start is None:
        if goal.last.environment != goal.environment:
            raise environment_changed(goal)
        return None, _first_own(entries, goal)
    switch = None
    if not entries and start.origin == REBUILT:
        switch = REBUILT
    elif not entries and goal.last.environment != goal.environment:
        switch = CARRIED
    return switch, start.resumed.sequence


def _first_own(entries: list[Entry], goal: Goal) -> int:
    """Return from which entry on the past is this environment's own, when it is folded anew."""
    own = entries[0].sequence
    carried_from = None
    for entry in entries:
        if entry.environment != goal.environment:
            own, carried_from = entry.sequence + 1, entry.environment
        elif entry.kind == REBUILT:
            own, carried_from = entry.sequence, None
    if carried_from is None:
        return own
    raise LablineError(
        "LL-STATE-LOST",
        f"{goal.spec.line.name}[{goal.partition}]: at journal entry {own} the state was carried"
        f" over from environment {carried_from}, and no snapshot from there on is left",
        "put the snapshots back, or re-learn under these versions: labline upgrade check"
        f" {goal.spec.line.name} --rebuild",
    )


def _compare(line: str, partition: int, entry: Entry, run: Run) -> None:
    if run.digest() != entry.digest or run.next_offsets != entry.next_offsets:
        raise LablineError(
            "LL-STATE-DIFFERS",
            f"{line}[{partition}]: folding journal entry {entry.sequence} again gives"
            f" other output than was written (written under environment {entry.environment})",
            f"labline lab parity {line} names the first difference; run the environment"
            " that wrote it, or re-learn the line",
        )


def environment_changed(goal: Goal) -> LablineError:
    """Return the error of a past that other versions wrote, with the choices."""
    name, before = goal.spec.line.name, goal.last.environment
    return LablineError(
        "LL-ENVIRONMENT-CHANGED",
        f"{name}[{goal.partition}]: the state was folded under environment {before}, this is"
        f" {goal.environment}, and no snapshot stands exactly where the journal ends",
        "start the old versions once more and stop them with SIGTERM, which writes one; or"
        f" labline upgrade check {name}: it tells whether these versions give the same",
    )


def _await_journal(
    bootstrap: str, line: str, partition: int, committed: InputOffsets
) -> Entry | None:
    """Return the journal's last entry; a journal behind the committed offsets is waited for.

    It is waited for as long as a transaction hides its end: a process that was frozen in one may
    have lost its tasks and not its transaction, which only time ends.
    """
    deadline = time.monotonic() + MARKER_DEADLINE_S
    while True:
        hidden = end_is_hidden(bootstrap, line, partition)
        last = last_entry(bootstrap, line, partition)
        reached = last.next_offsets if last else NO_OFFSETS
        if committed in (reached, NO_OFFSETS):
            return last
        if hidden:
            deadline = time.monotonic() + MARKER_DEADLINE_S
        elif time.monotonic() > deadline:
            raise LablineError(
                "LL-OFFSETS-MOVED",
                f"{line}[{partition}]: committed offsets are {list(committed)}, the journal ends at"
                f" {list(reached)} (events, labels, retry)",
                f"somebody's tool moved them. labline factory offsets {line} --restore sets them"
                f" back to the journal's; --accept goes on at the moved ones, with the state as is",
            )
        time.sleep(0.1)


def _start(bootstrap: str, spec: Spec, partition: int) -> tuple[int, ...]:
    """Return per input where a line that has no past begins."""
    return tuple(
        -1 if topic is None else start_offsets(bootstrap, topic, spec.line.start)[partition]
        for topic in spec.inputs
    )
