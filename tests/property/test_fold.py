"""Where a run is cut never matters, and a journal's order gives the same past again."""

from dataclasses import replace
from itertools import chain, pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from labline.engine.core.record import Record
from labline.engine.core.run import Run
from labline.engine.core.state_digest import state_digest
from labline.engine.core.task import Task
from labline.engine.models.state.unpickle import dump, load
from tests.unit.core.test_task import END, Remember, event, label, make_task
from tests.unit.invariants import watched

times = st.lists(st.integers(0, 400), max_size=30)

#: A line as most are, and two that use everything; the last as another revision may change it.
PAST = [
    {"name": "x_before", "kind": "previous", "field": "x", "per": "x"},
    {"name": "times", "kind": "count", "per": "x"},
]
LINES: list[dict[str, Any]] = [
    {},
    {"on_expiry": "negative", "features": {"numeric": ["x"], "history": PAST},
     "limits": {"pending_max": 4, "remembered_max": 4, "history_keys_max": 1}},
    {"on_expiry": "negative", "features": {"numeric": ["x"], "history": PAST[1:]},
     "label_horizon": "30ms", "limits": {"pending_max": 4, "remembered_max": 4}},
]  # fmt: skip
lines = st.sampled_from(LINES)


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
@given(logs(), lines, st.lists(st.integers(0, 7), max_size=60), st.integers(1, 9))
def test_cuts_do_not_matter(
    log: tuple[list[Record], list[Record]], line: dict[str, Any], cuts: list[int], limit: int
) -> None:
    whole, parts = make_task(**line), make_task(**line)
    assert outputs(fold(whole, log, [], 1_000)) == outputs(fold(parts, log, cuts, limit))
    assert whole.next_offsets == parts.next_offsets == [len(log[0]), len(log[1]), 0]
    assert state_digest(whole.state()) == state_digest(parts.state())


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


def revived(learned: Any) -> Remember:
    """Return the tests' learner with what it had learned."""
    learner = Remember()
    learner.learned = learned
    return learner


@settings(deadline=None)
@given(
    logs(),
    st.lists(st.tuples(st.sampled_from(LINES[1:]), st.booleans()), min_size=1),
    st.integers(1, 9),
)
def test_a_restart_from_state_changes_nothing(
    log: tuple[list[Record], list[Record]],
    turns: list[tuple[dict[str, Any], bool]],
    limit: int,
) -> None:
    """Neither before a new revision nor after it, be it that no record was taken under it."""
    live, other = make_task(**LINES[1]), make_task(**LINES[1])
    for number, (line, restarts) in enumerate(turns, start=8):
        spec, again = (replace(make_task(**line).spec, revision=number) for _ in range(2))
        live.configure(spec)
        other.configure(again)
        if restarts:
            state, at = load(dump(other.state())), other.next_offsets
            other = Task(again, other.partition, at)
            other.restore(state, revived)
            assert state_digest(other.state()) == state_digest(live.state())
        runs = []
        for task in (live, other):
            task.drop_buffers()
            rest = [log[i][task.next_offsets[i] :] for i in (0, 1)]
            runs.append(task.feed((*rest, ()), END, limit if number % 3 else 0))
        assert runs[0] == runs[1]
        assert state_digest(other.state()) == state_digest(live.state())


@settings(deadline=None)
@given(logs(), lines, st.integers(1, 9))
def test_every_record_has_one_outcome(
    log: tuple[list[Record], list[Record]], line: dict[str, Any], limit: int
) -> None:
    with watched():
        runs = fold(make_task(**line), log, [], limit)
    counts = sum((run.counts for run in runs), start=runs[0].counts.__class__())
    assert counts["answers"] + counts["dead_letters"] == len(log[0])
    outcomes = ("learned", "duplicate", "contradicting", "late", "orphan", "corrected")
    assert sum(counts[name] for name in (*outcomes, "dead_labels")) == len(log[1])
    for before, after in pairwise(runs):
        assert before.next_offsets == after.first_offsets
