"""What must be true after a run: exactly once, gapless, equal to a fold of the same past."""

from collections import Counter
from typing import Any, NamedTuple

from labline.engine.core.dead_letter import ERROR_PREFIX
from labline.engine.core.journal import Entry, decode_entry
from labline.engine.core.record import (
    ANSWER,
    DEAD_LETTER,
    EVENTS,
    INPUTS,
    LABELS,
    RETRY,
    SHADOW,
    Emission,
)
from labline.engine.core.refold import refold
from labline.engine.core.run import Run
from labline.engine.core.state_digest import state_digest
from labline.engine.core.task import Task
from labline.engine.factory.transactions import Work, vitals
from labline.schemas.engine_schemas import engine_schema
from labline.topics.naming import line_topics
from tests.simulation.inputs import NAME, TOPICS
from tests.simulation.log import COMMITTED, Place
from tests.simulation.reader import record
from tests.simulation.reference import Reference
from tests.simulation.world import World

OUTPUTS = line_topics(NAME)
BY_KIND = {ANSWER: OUTPUTS.scores, SHADOW: OUTPUTS.shadow, DEAD_LETTER: OUTPUTS.dlq}
END = (True, True, True)


def check(world: World) -> None:
    """Assert all of it."""
    assert not world.broker.torn, "a part of a transaction was committed"
    for partition in range(world.partitions):
        past = Past(world, partition)
        past.is_gapless()
        past.is_what_was_written()
        past.answers_each_once()
        past.counts_each_label()
        past.is_what_it_should_be()
        past.state_is_held()
        if world.shape.at_rest:
            past.is_undisturbed()


class Folded(NamedTuple):
    """A journal entry, folded again."""

    entry: Entry
    run: Run
    state: str


class Past:
    """One partition's committed past, as a reader sees it."""

    def __init__(self, world: World, partition: int) -> None:
        self.world, self.partition = world, partition
        self.journal = [decode_entry(v[3], v[0]) for v in self._records(OUTPUTS.journal)]
        self._folded: list[Folded] = []
        revisions = {told.offset: told for told in world.revisions}
        self._spec_of = lambda offset: world.declared.spec(revisions[offset])
        past = refold(partition, self.journal, self._source, self._spec_of)
        snapshots = self._snapshots()
        for entry, run, task in past:
            wanted = entry.sequence + 1 in snapshots or entry is self.journal[-1]
            state = state_digest(task.state()) if wanted else ""
            self._folded.append(Folded(entry, run, state))

    def _records(self, topic: str) -> list[Any]:
        log = self.world.broker.log(Place(topic, self.partition))
        return [record(i, item) for i, item in enumerate(log) if item.state == COMMITTED]

    def _source(self, which: int, start: int) -> Any:
        return iter([[r for r in self._records(TOPICS[which]) if r[0] >= start]])

    def is_gapless(self) -> None:
        at = tuple(self.world.broker.committed.get(Place(t, self.partition), 0) for t in TOPICS)
        assert [e.sequence for e in self.journal] == list(range(len(self.journal)))
        for before, after in zip(self.journal, self.journal[1:], strict=False):
            assert after.first_offsets == before.next_offsets
        assert at == (self.journal[-1].next_offsets if self.journal else (0, 0, 0))

    def is_what_was_written(self) -> None:
        for entry, run, _ in self._folded:
            assert run.digest() == entry.digest, f"journal entry {entry.sequence}"
            assert run.next_offsets == entry.next_offsets
        self._are_written([e for folded in self._folded for e in folded.run.emissions])
        told = [
            engine_schema("labline.Vitals").encode(
                vitals(Work(self.partition, entry.sequence, entry.revision, run))
            )
            for entry, run, _ in self._folded
        ]
        assert told == [r[3] for r in self._records(OUTPUTS.vitals)], "vitals"

    def _are_written(self, emissions: list[Emission]) -> None:
        for kind, topic in BY_KIND.items():
            expected = [e[1:] for e in emissions if e[0] == kind]
            assert [r[2:] for r in self._records(topic)] == expected, topic

    def answers_each_once(self) -> None:
        found: Counter[tuple[str, int]] = Counter()
        for r in self._records(OUTPUTS.scores):
            score: Any = engine_schema("labline.Score").decode(r[3])
            found[score["topic"], score["offset"]] += 1
        for r in self._records(OUTPUTS.dlq):
            told = dict(r[4])
            place = (told[ERROR_PREFIX + "topic"].decode(), int(told[ERROR_PREFIX + "offset"]))
            if place[0] != TOPICS[LABELS]:
                found[place] += 1
        wanted = {(TOPICS[i], r[0]): 1 for i in (EVENTS, RETRY) for r in self._records(TOPICS[i])}
        assert dict(found) == wanted, "exactly one answer or dead letter"

    def counts_each_label(self) -> None:
        labels = 0
        for r in self._records(OUTPUTS.vitals):
            told: Any = engine_schema("labline.Vitals").decode(r[3])
            labels += told["labels"]
        assert labels == len(self._records(TOPICS[LABELS])), "one outcome for each label"

    def is_what_it_should_be(self) -> None:
        """Compare baseline's scores and counts with a fold that knows nothing of the engine's."""
        line = self.world.declared.line
        reference = Reference(
            negative=line.on_expiry == "negative", pending_max=line.limits.pending_max
        )
        feeds = [iter(self._records(topic)) for topic in TOPICS]
        counts: Counter[str] = Counter()
        for entry, run, _ in self._folded:
            counts += run.counts
            for which, count in entry.order:
                for _ in range(count):
                    r = next(feeds[which])
                    place = Place(TOPICS[which], self.partition)
                    reference.take(which, r[1], self.world.writers.said[place, r[0]])
        shadows: list[Any] = [
            engine_schema("labline.Shadow").decode(r[3]) for r in self._records(OUTPUTS.shadow)
        ]
        assert [s["scores"][0]["probability"] for s in shadows] == reference.scores, "base rates"
        assert {n: c for n, c in counts.items() if c} == reference.counts, "counts"

    def _snapshots(self) -> dict[int, str]:
        store = self.world.store
        if store is None:
            return {}
        found = {named.sequence: store.read(named) for named in store.names(NAME, self.partition)}
        return {n: s.header.state_digest for n, s in found.items() if not isinstance(s, str)}

    def state_is_held(self) -> None:
        states = {folded.entry.sequence + 1: folded.state for folded in self._folded}
        for sequence, digest in self._snapshots().items():
            assert states.get(sequence) == digest, f"snapshot before entry {sequence}"
        owners = [s.scorer._tasks for s in self.world.slots if s.scorer is not None]
        held = [tasks[self.partition] for tasks in owners if self.partition in tasks]
        assert len(held) == 1, "one owner"
        if self._folded:
            assert held[0].place.sequence == len(self._folded)
            assert state_digest(held[0].task.state()) == self._folded[-1].state, "state"

    def is_undisturbed(self) -> None:
        """Compare with one fold of all that was there, by nobody who could be disturbed."""
        task = Task(self._spec_of(0), self.partition, (0, 0, 0))
        run = task.feed([self._records(TOPICS[which]) for which in INPUTS], END, 1_000_000)
        self._are_written(run.emissions)
        if self._folded:
            assert state_digest(task.state()) == self._folded[-1].state, "undisturbed state"
