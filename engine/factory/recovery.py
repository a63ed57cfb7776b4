"""The one recovery path: drop memory, fold the journal silently to the committed offsets, go on.

Abort, fencing, lost partitions, crash and restart all end here: the newest snapshot that fits, the
journal from there on. What is recomputed is compared with the journal's digests; a difference
stops the line, it is never scored over.
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
from labline.engine.errors import AbsentError, LablineError
from labline.engine.factory.journal_end import (
    NO_OFFSETS,
    InputOffsets,
    end_is_hidden,
    entries_up_to,
    last_entry,
)
from labline.engine.factory.restoring import Fit, Fitting, newest_fitting
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


class Recovered(NamedTuple):
    """A task at its committed offsets.

    Attributes
    ----------
    place
        The next journal entry's sequence number, and the last entry.
    switch
        How its state came into this environment from another one, to be written down first.
    kept
        Sequence number of the snapshot that it began from; 0: none.
    """

    task: Task
    place: JournalPlace
    switch: str | None = None
    kept: int = 0


def committed_offsets(
    consumer: Consumer, inputs: Sequence[str | None], partition: int
) -> InputOffsets:
    """Return per input the committed offset; -1 where there is none.

    A commit in an open transaction is waited for: its outcome decides.
    """
    places = [TopicPartition(topic, partition) for topic in inputs if topic is not None]
    found = {}
    for place in consumer.committed(places, TIMEOUT_S):
        if place.error is not None:  # not known is not "none"
            raise KafkaException(place.error)
        found[place.topic] = place.offset
    return tuple(max(found[topic], -1) if topic is not None else -1 for topic in inputs)


def recover(
    bootstrap: str,
    control: Control,
    spec: Spec,
    partition: int,
    committed: InputOffsets,
    store: SnapshotStore | None = None,
    spec_of: SpecOf = configuration.spec_of,
) -> Recovered:
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
        return Recovered(Task(spec, partition, _start(bootstrap, spec, partition)), NOWHERE)
    if committed == NO_OFFSETS:
        log.warning("committed offsets are gone; restored from the journal", partition=partition)
    journal = partial(entries_up_to, last, bootstrap, name, partition)
    spec_at = partial(revision_spec, control.history, name, spec_of=spec_of)
    fit = Fit(spec, partition, last, environment_digest())
    found = None if store is None else newest_fitting(store, fit, journal, spec_at)
    entries = journal(-1) if found is None else found.after
    switch, compare_from = _begin(found, entries, fit)
    task, resumed = (found.resumed.task, found.resumed) if found else (None, None)
    past = refold_partition(bootstrap, entries, spec.inputs, partition, spec_at, resumed)
    for entry, run, task in past:  # noqa: B007
        if entry.sequence >= compare_from:
            _compare(name, partition, entry, run)
    assert task is not None
    task.drop_buffers()
    how = "state restored from a snapshot" if found else "state rebuilt from the journal"
    seconds, at = round(time.monotonic() - started, 2), task.next_offsets
    log.info(how, line=name, partition=partition, entries=len(entries), offsets=at, seconds=seconds)
    place = JournalPlace(last.sequence + 1, last.offset, last.digest)
    return Recovered(task, place, switch, resumed.sequence if resumed else 0)


def _begin(found: Fitting | None, entries: list[Entry], fit: Fit) -> tuple[str | None, int]:
    """Return the switch of environment to be written down, and from which entry on to compare."""
    if found is None:
        if fit.last.environment != fit.environment:
            raise environment_changed(fit)
        return None, _own_from(entries, fit)
    switch = None
    if not entries and found.origin == REBUILT:
        switch = REBUILT
    elif not entries and fit.last.environment != fit.environment:
        switch = CARRIED
    return switch, found.resumed.sequence


def _own_from(entries: list[Entry], fit: Fit) -> int:
    """Return from which entry on the past is this environment's own, when it is folded anew."""
    own = entries[0].sequence
    carried_from = None
    for entry in entries:
        if entry.environment != fit.environment:
            own, carried_from = entry.sequence + 1, entry.environment
        elif entry.kind == REBUILT:
            own, carried_from = entry.sequence, None
    if carried_from is None:
        return own
    raise LablineError(
        "LL-STATE-LOST",
        f"{fit.spec.line.name}[{fit.partition}]: at journal entry {own} the state was carried over"
        f" from environment {carried_from}, and no snapshot from there on is left",
        "put the snapshots back, or re-learn under these versions: labline upgrade check"
        f" {fit.spec.line.name} --rebuild",
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


def environment_changed(fit: Fit) -> LablineError:
    """Return the error of a past that other versions wrote, with the choices."""
    name, before = fit.spec.line.name, fit.last.environment
    return LablineError(
        "LL-ENVIRONMENT-CHANGED",
        f"{name}[{fit.partition}]: the state was folded under environment {before}, this is"
        f" {fit.environment}, and no snapshot stands exactly where the journal ends",
        "start the old versions once more and stop them with SIGTERM, which writes one; or"
        f" labline upgrade check {name}: it tells whether these versions give the same",
    )


def _await_journal(
    bootstrap: str, line: str, partition: int, committed: InputOffsets
) -> Entry | None:
    """Return the journal's last entry; one behind the committed offsets is waited for.

    For as long as a transaction hides the journal's end: a process that was frozen in one may have
    lost its tasks and not its transaction, which only time ends.
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
