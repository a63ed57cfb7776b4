"""Where a run is cut never matters, and a journal's order gives the same past again."""

from itertools import chain

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core.record import Record
from engine.core.task import Run, Task
from tests.unit.test_task import END, event, label, make_task

times = st.lists(st.integers(0, 400), max_size=30)


@st.composite
def logs(draw: st.DrawFn) -> tuple[list[Record], list[Record]]:
    """Draw events and labels, some broken, some for strangers, in any order of time."""
    events: list[Record] = []
    for offset, at in enumerate(draw(times)):
        x = draw(st.sampled_from([1.0, 2.0, None]))
        events.append(event(offset, at, x))
        if draw(st.integers(0, 9)) == 0:
            events[-1] = (*events[-1][:3], b"broken", None)
    labels = [
        label(offset, at, f"e{draw(st.integers(0, 30))}", draw(st.booleans()))
        for offset, at in enumerate(draw(times))
    ]
    return events, labels


def fold(
    task: Task, log: tuple[list[Record], list[Record]], cuts: list[int], limit: int
) -> list[Run]:
    """Feed a log at rest in pieces, ends told only when they are reached."""
    runs, at = [], [0, 0]
    pieces = chain(cuts, iter(lambda: 1_000, None))
    while True:
        records = []
        for which in (0, 1):
            size = next(pieces)
            records.append(log[which][at[which] : at[which] + size])
            at[which] += len(records[-1])
        ended = (at[0] == len(log[0]), at[1] == len(log[1]), True)
        run = task.feed((*records, ()), ended, limit)
        runs.append(run)
        if not run and all(ended):
            return runs


def outputs(runs: list[Run]) -> list[object]:
    return [emission for run in runs for emission in run.emissions]


@settings(deadline=None)
@given(logs(), st.lists(st.integers(0, 7), max_size=60), st.integers(1, 9))
def test_cuts_do_not_matter(
    log: tuple[list[Record], list[Record]], cuts: list[int], limit: int
) -> None:
    whole, parts = make_task(), make_task()
    assert outputs(fold(whole, log, [], 1_000)) == outputs(fold(parts, log, cuts, limit))
    assert whole.next_offsets == parts.next_offsets == [len(log[0]), len(log[1]), 0]


@settings(deadline=None)
@given(logs(), st.lists(st.integers(0, 7), max_size=60), st.integers(1, 9))
def test_a_refold_in_the_journals_order_is_equal(
    log: tuple[list[Record], list[Record]], cuts: list[int], limit: int
) -> None:
    runs = fold(make_task(), log, cuts, limit)
    again, at = make_task(), [0, 0, 0]
    for run in runs:
        counts = [sum(count for which, count in run.order if which == i) for i in range(3)]
        records = [log[i][at[i] : at[i] + counts[i]] for i in (0, 1)]
        at = [a + c for a, c in zip(at, counts, strict=True)]
        repeated = again.refeed((*records, ()), run.order)
        assert repeated.digest() == run.digest()
        assert repeated.next_offsets == run.next_offsets


@settings(deadline=None)
@given(logs())
def test_every_record_has_one_outcome(log: tuple[list[Record], list[Record]]) -> None:
    counts = make_task().feed((*log, ()), END, 1_000).counts
    assert counts.get("answers", 0) + counts.get("dead_letters", 0) == len(log[0])
    outcomes = ("learned", "duplicate", "contradicting", "late", "orphan", "dead_labels")
    assert sum(counts.get(name, 0) for name in outcomes) == len(log[1])
