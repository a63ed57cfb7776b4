"""What happened in a recorded past, as steps: an event was scored, a label was learned.

The factory's own task decides what the steps are: decoding, checks, order, label join and expiry
happen once, whatever the number of candidates. In the task's slot sits a `RowRecorder` without a
learner inside, which only writes down what it was asked. Candidates walk over the steps afterwards.
"""

import heapq
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeAlias

from labline.engine.core.features import Features
from labline.engine.core.record import INPUTS, Record
from labline.engine.core.run import Run
from labline.engine.core.task import Task
from labline.lab_replay.replay.row_recorder import RowRecorder
from labline.lab_replay.replay.rows import Rows
from labline.lab_replay.replay.trial import Trial

RUN_RECORDS = 1_000

#: stream time (ms), row, features, label (None: it was scored)
Step: TypeAlias = tuple[int, int, Features, Any]


#: Called with the row, the label and the stream time (ms) of each label that is learned.
OnLabel: TypeAlias = Callable[[int, Any, int], None]


class StepLog:
    """The steps of a task, as the `RowRecorder` in its slot passes them on.

    Attributes
    ----------
    task : Task
        Whose stream time the steps have; known once the log is in its slot.
    """

    task: Task

    def __init__(self, on_label: OnLabel) -> None:
        self._on_label = on_label
        self._steps: list[Step] = []
        self._rows = 0

    def score(self, features: Features, _answer: Any) -> int:
        """Write down that an event was scored."""
        row = self._rows
        self._rows = row + 1
        self._steps.append((self.task.stream_time_ms, row, features, None))
        return row

    def learn(self, row: int, features: Features, label: Any) -> None:
        """Write down that a label was learned."""
        time_ms = self.task.stream_time_ms
        self._on_label(row, label, time_ms)
        self._steps.append((time_ms, row, features, label))

    def take(self) -> list[Step]:
        """Return the steps since the last time."""
        steps, self._steps = self._steps, []
        return steps


def steps_of(
    trial: Trial, rows: Rows, progress: Callable[[int], None] | None = None
) -> Iterator[list[Step]]:
    """Fold a partition of a recording and yield its steps in blocks.

    Parameters
    ----------
    rows
        Of the partition; filled as the fold goes on.
    progress
        Told how many records were taken.
    """
    if trial.delay_ms is not None and trial.line.labels is not None:
        known = Rows(trial, rows.partition)
        for _ in _recorded(trial, known.learned, known, progress):
            pass
        recorded = _recorded(trial, _nothing, rows, None)
        yield from _delayed(recorded, known, rows, trial.delay_ms)
    else:
        yield from _recorded(trial, rows.learned, rows, progress)


def _nothing(row: int, label: Any, time_ms: int) -> None:
    """Note nothing of a label: it will be learned at another time."""


def _recorded(
    trial: Trial, on_label: OnLabel, rows: Rows, progress: Callable[[int], None] | None
) -> Iterator[list[Step]]:
    labels, log = -1 if trial.line.labels is None else 0, StepLog(on_label)
    spec = trial.spec(RowRecorder(trial.line, log))
    log.task = task = Task(spec, rows.partition, (0, labels, -1))
    for run in fold_at_rest(task, _inputs(trial, rows)):
        steps = log.take()
        rows.answered(run, [step[2] for step in steps if step[3] is None])
        if progress is not None:
            progress(run.taken)
        yield steps


def _inputs(trial: Trial, rows: Rows) -> list[Iterator[list[Record]]]:
    """Return a task's inputs from a recording; a recording has no retries."""
    recording, line, partition = trial.recording, trial.line, rows.partition
    return [
        map(rows.read, recording.records(line.events, partition)),
        iter(()) if line.labels is None else recording.records(line.labels, partition),
        iter(()),
    ]


def fold_at_rest(task: Task, inputs: list[Iterator[list[Record]]]) -> Iterator[Run]:
    """Fold inputs that do not grow any more, in their one order, in bounded memory."""
    ended = [False] * len(INPUTS)
    while True:
        batches: list[list[Record]] = [[] for _ in INPUTS]
        for which in INPUTS:
            if not ended[which] and task.is_empty(which):
                batch = next(inputs[which], None)
                ended[which] = batch is None
                batches[which] = batch or []
        run = task.feed(batches, ended, RUN_RECORDS)
        if run:
            yield run
        elif all(ended):
            return


def _delayed(
    blocks: Iterable[list[Step]], known: Rows, rows: Rows, delay_ms: int
) -> Iterator[list[Step]]:
    """Let labels come a fixed time after their events, as river's ``simulate_qa`` does.

    What is due when the next event happens is learned before that is scored, equal times included.
    """
    due: list[tuple[int, int, Features, Any]] = []
    for block in blocks:
        delayed: list[Step] = []
        for step in block:
            time_ms, row, features, learned = step
            if learned is not None:
                continue
            while due and due[0][0] <= time_ms:
                delayed.append(_learn(heapq.heappop(due), rows))
            delayed.append(step)
            label = known.label_of(row)
            if label is not None:
                entry = (time_ms + delay_ms, row, features, label)
                if delay_ms:
                    heapq.heappush(due, entry)  # ends at the row: no two are the same
                else:
                    delayed.append(_learn(entry, rows))
        yield delayed
    if due:
        yield [_learn(heapq.heappop(due), rows) for _ in range(len(due))]


def _learn(step: Step, rows: Rows) -> Step:
    rows.learned(step[1], step[3], step[0])
    return step


def merged(streams: list[Iterator[list[Step]]]) -> Iterator[tuple[list[int], list[Step]]]:
    """Yield the steps of several partitions in one order, in blocks, with each step's stream.

    That order is by (stream time, partition): what a task over all partitions would take.

    Examples
    --------
    >>> one = iter([[(1, 0, {}, None), (5, 0, {}, True)]])
    >>> two = iter([[(3, 0, {}, None)]])
    >>> [list(zip(which, [step[0] for step in steps])) for which, steps in merged([one, two])]
    [[(0, 1), (1, 3), (0, 5)]]
    """

    def each(which: int) -> Iterator[tuple[int, int, int, Step]]:
        place = 0
        for block in streams[which]:
            for step in block:
                yield step[0], which, place, step
                place += 1

    whose: list[int] = []
    steps: list[Step] = []
    for _, which, _, step in heapq.merge(*map(each, range(len(streams)))):
        whose.append(which)
        steps.append(step)
        if len(steps) == RUN_RECORDS:
            yield whose, steps
            whose, steps = [], []
    if steps:
        yield whose, steps
