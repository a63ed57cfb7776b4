"""Revisions between runs: only those under which records were taken may leave a trace."""

import copy
from collections.abc import Iterator, Sequence

from labline.engine.core.journal import Entry
from labline.engine.core.record import ANSWER, Record
from labline.engine.core.refold import refold
from labline.engine.core.run import Run
from labline.engine.core.spec import Slot, Spec
from labline.engine.core.task import Task
from labline.schemas.avro import Schema
from tests.unit.core.test_task import END, EVENT, Remember, event, label, make_task, scores


def spec(revision: int, model: str, events: Schema = EVENT) -> Spec:
    """Return a configuration with a fresh learner in the champion's place."""
    known = vars(make_task().spec)
    slot = Slot("champion", model, Remember())
    return Spec(**{**known, "revision": revision, "champion": slot, "event_schema": events})


def entry(sequence: int, revision: int, run: Run) -> Entry:
    return Entry(
        sequence, revision, "", run.first_offsets, run.next_offsets, run.order, run.digest()
    )


def folded_again(
    entries: Sequence[Entry], log: tuple[list[Record], list[Record]], specs: dict[int, Spec]
) -> list[Run]:
    def open_source(which: int, start: int) -> Iterator[list[Record]]:
        return iter([log[which][start:]] if which < 2 else [])

    return [run for _, run, _ in refold(3, entries, open_source, lambda offset: specs[offset])]


def test_a_promotion_and_its_rollback_without_a_record_between_leave_no_trace() -> None:
    """No journal entry tells of them, so who folds the past again would keep what was learned."""
    specs = {7: spec(7, "m@1"), 8: spec(8, "m@2"), 9: spec(9, "m@1")}
    log = [event(0, 10), event(1, 30)], [label(0, 20, "e0")]
    task = Task(copy.deepcopy(specs[7]), 3, (0, 0, 0))
    first = task.feed((log[0][:1], log[1], ()), END, 9)
    task.configure(copy.deepcopy(specs[8]))
    assert not task.feed(((), (), ()), END, 9)
    task.configure(copy.deepcopy(specs[9]))
    second = task.feed((log[0][1:], (), ()), END, 9)
    assert scores(second)[0]["probability"] == 2 / 3  # m@1, with what it had learned
    again = folded_again([entry(0, 7, first), entry(1, 9, second)], log, specs)
    assert [run.digest() for run in again] == [first.digest(), second.digest()]


def test_what_is_buffered_is_judged_by_the_schema_in_force_when_it_is_taken() -> None:
    """A revision may bring a stricter schema while records of the old one wait in memory."""
    document = copy.deepcopy(EVENT.document)
    document["fields"][2]["maximum"] = 1.5
    specs = {7: spec(7, "m@1"), 8: spec(8, "m@1", Schema.parse(document))}
    log: tuple[list[Record], list[Record]] = ([event(n, 10 * n, 1.0 + n) for n in range(4)], [])
    task = Task(copy.deepcopy(specs[7]), 3, (0, 0, 0))
    first = task.feed((log[0], (), ()), END, 2)
    held = task.buffered_bytes(0)
    task.configure(copy.deepcopy(specs[8]))
    assert task.buffered_bytes(0) == held
    second = task.feed(((), (), ()), END, 2)
    assert [e[0] for e in first.emissions if e[0] != "s"] == [ANSWER, ANSWER]
    assert second.counts == {"dead_letters": 2}
    assert task.buffered_bytes(0) == 0
    again = folded_again([entry(0, 7, first), entry(1, 8, second)], log, specs)
    assert [run.digest() for run in again] == [first.digest(), second.digest()]
