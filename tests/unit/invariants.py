"""What holds for every task, whatever it is fed: checked after each run of each unit test.

Watches from outside: the engine itself has none of it.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

from labline.engine.core.labels import EVICTED, EXPIRED, LABEL_OUTCOMES, LEARNED, NEGATIVE
from labline.engine.core.record import ANSWER, DEAD_LETTER, EVENTS, INPUTS, LABELS, RETRY, SHADOW
from labline.engine.core.run import Run
from labline.engine.core.task import Task


@contextmanager
def watched() -> Iterator[None]:
    """Check every task's runs until the end of the block."""
    folds = Task._fold

    @wraps(folds)
    def checked(task: Task, heads: Any) -> Run:
        before = standing(task)
        waiting = len(task._join)
        run = folds(task, heads)
        check_run(task, run, before)
        check_counts(task, run, heads, len(task._join) - waiting)
        check_memory(task)
        return run

    Task._fold = checked  # type: ignore[method-assign]
    try:
        yield
    finally:
        Task._fold = folds  # type: ignore[method-assign]


def standing(task: Task) -> dict[str, Any]:
    """Return what only ever grows."""
    return {
        "next_offsets": tuple(task.next_offsets),
        "high": tuple(task._high),
        "stream_time_ms": task._stream_time_ms,
    }


def check_run(task: Task, run: Run, before: dict[str, Any]) -> None:
    """Offsets and times never fall, and the run says where it began and ended."""
    after = standing(task)
    assert run.first_offsets == before["next_offsets"]
    assert run.next_offsets == after["next_offsets"]
    for name in ("next_offsets", "high"):
        assert all(a >= b for a, b in zip(after[name], before[name], strict=True)), name
    assert after["stream_time_ms"] >= before["stream_time_ms"]
    assert after["stream_time_ms"] == max(after["high"])
    taken: Counter[int] = Counter()
    for which, count in run.order:
        assert count > 0
        taken[which] += count
    for which in INPUTS:
        moved = after["next_offsets"][which] - before["next_offsets"][which]
        assert moved >= taken[which], "offsets skip markers, never records"
        assert (moved > 0) == (taken[which] > 0)
    assert all(one[0] != other[0] for one, other in zip(run.order, run.order[1:], strict=False))


def check_counts(task: Task, run: Run, heads: Any, waiting: int) -> None:
    """Every record that was taken has exactly one outcome, and every answer its shadow."""
    counts, kinds = run.counts, Counter(emission[0] for emission in run.emissions)
    taken = Counter(head[1] for head in heads)
    assert all(count > 0 for count in counts.values())
    assert counts["answers"] + counts["dead_letters"] == taken[EVENTS] + taken[RETRY]
    outcomes = sum(counts[name] for name in LABEL_OUTCOMES)
    assert outcomes + counts["dead_labels"] == taken[LABELS]
    assert kinds[ANSWER] == counts["answers"]
    assert kinds[DEAD_LETTER] == counts["dead_letters"] + counts["dead_labels"]
    assert kinds[SHADOW] == (counts["answers"] if task.spec.others else 0)
    gone = counts[LEARNED] + counts[EXPIRED] + counts[NEGATIVE] + counts[EVICTED]
    assert 0 <= waiting + gone <= counts["answers"], "what waits was answered once"


def check_memory(task: Task) -> None:
    """Memory is bounded, and in the order in which it will be forgotten."""
    limits, join = task.spec.line.limits, task._join.state()
    pending, remembered = join["pending"], join["remembered"]
    assert len(pending) <= limits.pending_max
    assert len(remembered) <= limits.remembered_max
    assert not {identity for identity, _ in pending} & {identity for identity, _ in remembered}
    for part in (pending, remembered):
        times = [told[0] for _, told in part]
        assert times == sorted(times)
        assert all(time_ms <= task._stream_time_ms for time_ms in times)
    horizon_ms = task.spec.line.label_horizon_ms
    if task._seated and pending:
        assert task._join.due_ms <= pending[0][1][0] + horizon_ms, "expiry would come too late"
    for part in task._history.state().values():
        assert len(part["keys"]) <= limits.history_keys_max
    for buffer in task._buffers:
        assert (buffer.bytes > 0) == bool(buffer.heads)
        order = [head[0] for head in buffer.heads]
        assert order == sorted(order)
