"""A journal folded again: all that it took, or without the records that are not kept."""

from collections import Counter
from collections.abc import Iterator

import pytest

from labline.engine.core.journal import Entry
from labline.engine.core.record import EVENTS, LABELS, Record
from labline.engine.core.refold import Feed, Keep, refold
from labline.engine.core.run import Run
from labline.engine.core.task import Task
from labline.engine.errors import LablineError
from tests.unit.core.test_revisions import entry, spec
from tests.unit.core.test_task import END, event, label, scores

LOG = [event(n, 10 * n) for n in range(6)], [label(n, 10 * n + 5, f"e{n}") for n in range(6)]


def journal() -> tuple[list[Entry], list[Run]]:
    """Return a journal of four entries, and the runs that wrote it."""
    task, runs = Task(spec(7, "m@1"), 3, (0, 0, 0)), []
    runs.append(task.feed((*LOG, ()), END, 4))
    while run := task.feed(((), (), ()), END, 4):
        runs.append(run)
    return [entry(number, 7, run) for number, run in enumerate(runs)], runs


def again(entries: list[Entry], keep: Keep | None = None) -> list[tuple[Run, Task]]:
    def open_source(which: int, start: int) -> Iterator[list[Record]]:
        return iter([LOG[which][start : start + 2], LOG[which][start + 2 :]] if which < 2 else [])

    folded = refold(3, entries, open_source, lambda revision: spec(revision, "m@1"), None, keep)
    return [(run, task) for _, run, task in folded]


def test_a_keep_that_keeps_all_changes_nothing() -> None:
    entries, runs = journal()
    assert len(runs) == 3
    for keep in (None, lambda *_: True):
        folded = again(entries, keep)
        assert [run.digest() for run, _ in folded] == [run.digest() for run in runs]
        assert tuple(folded[-1][1].next_offsets) == runs[-1].next_offsets


def test_each_record_is_asked_for_once_in_the_order_of_the_journal() -> None:
    entries, _ = journal()
    asked: list[tuple[int, int]] = []
    again(entries, lambda which, record: asked.append((which, record[0])) or True)  # type: ignore[func-returns-value]
    assert asked == [(which, n) for n in range(6) for which in (EVENTS, LABELS)]


def test_what_is_left_out_was_never_there_and_the_journal_goes_on_behind_it() -> None:
    entries, runs = journal()
    gone = {(LABELS, 0), (EVENTS, 2), (EVENTS, 3), (LABELS, 5)}
    folded = again(entries, lambda which, record: (which, record[0]) not in gone)
    assert [score["offset"] for run, _ in folded for score in scores(run)] == [0, 1, 4, 5]
    assert tuple(folded[-1][1].next_offsets) == runs[-1].next_offsets, "over what was left out"
    outcomes = sum((run.counts for run, _ in folded), start=Counter[str]())
    assert (outcomes["learned"], outcomes["orphan"]) == (2, 2)


def test_an_entry_of_which_nothing_stays_is_an_empty_run() -> None:
    entries, _ = journal()
    folded = again(entries, lambda *_: False)
    assert [(run.emissions, run.taken) for run, _ in folded] == [([], 0)] * 3


def test_a_gap_and_a_log_that_is_too_short_are_refused() -> None:
    entries, _ = journal()
    with pytest.raises(LablineError) as gap:
        again([entries[0], entries[2]])
    assert gap.value.code == "LL-JOURNAL-GAP"
    with pytest.raises(LablineError, match="input 1 of partition 3") as short:
        Feed(iter([LOG[0][:2]]), "input 1 of partition 3").take(3)
    assert short.value.code == "LL-JOURNAL-INPUT"
