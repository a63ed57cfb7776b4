"""What happened in a recorded past, as steps: an event was scored, a label was learned.

The factory's own task decides what the steps are: decoding, checks, order, label join and expiry
happen once, whatever the number of candidates. In the task's slot sits a `RowRecorder` without a
learner inside, which only writes down what it was asked. Candidates walk over the steps afterwards.
"""

import heapq
from array import array
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeAlias

from labline.engine.core.features import Features
from labline.engine.core.record import INPUTS, Record
from labline.engine.core.run import Run
from labline.engine.core.task import Task
from labline.lab_replay.replay.row_recorder import RowRecorder
from labline.lab_replay.replay.rows import Labels, Rows
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
    if trial.delay_ms is None or trial.line.labels is None:
        yield from _recorded(trial, rows.partition, rows.labels.add, rows, progress)
        return
    known = Labels(trial.line)
    for _ in _recorded(trial, rows.partition, known.add, None, progress):
        pass
    recorded = _recorded(trial, rows.partition, _nothing, rows, None)
    yield from _delayed(recorded, known, rows.labels, trial.delay_ms)


def _nothing(row: int, label: Any, time_ms: int) -> None:
    """Note nothing of a label: it will be learned at another time."""


def _recorded(
    trial: Trial,
    partition: int,
    on_label: OnLabel,
    rows: Rows | None,
    progress: Callable[[int], None] | None,
) -> Iterator[list[Step]]:
    """Fold a partition; `rows`, where they are given, take what is known of its events."""
    line, recording, log = trial.line, trial.recording, StepLog(on_label)
    spec = trial.spec(RowRecorder(line, log))
    log.task = task = Task(spec, partition, (0, -1 if line.labels is None else 0, -1))
    events = recording.records(line.events, partition)
    labels = iter(()) if line.labels is None else recording.records(line.labels, partition)
    retries: Iterator[list[Record]] = iter(())  # a recording has none
    for run in fold_at_rest(
        task, [events if rows is None else map(rows.read, events), labels, retries]
    ):
        steps = log.take()
        if rows is not None:
            rows.answered(run, [step[2] for step in steps if step[3] is None])
        if progress is not None:
            progress(run.taken)
        yield steps


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
    blocks: Iterable[list[Step]], known: Labels, labels: Labels, delay_ms: int
) -> Iterator[list[Step]]:
    """Let labels come a fixed time after their events, as river's ``simulate_qa`` does.

    What is due when the next event happens is learned before that is scored, equal times included.
    """
    due: list[tuple[int, int, Features, Any]] = []
    for block in blocks:
        delayed: list[Step] = []
        for step in block:
            time_ms, row, features, recorded_label = step
            if recorded_label is not None:
                continue
            while due and due[0][0] <= time_ms:
                delayed.append(labels.learned(heapq.heappop(due)))
            delayed.append(step)
            label = known.of_row(row)
            if label is not None:
                entry = (time_ms + delay_ms, row, features, label)
                if delay_ms:
                    heapq.heappush(due, entry)  # ends at the row: no two are the same
                else:
                    delayed.append(labels.learned(entry))
        yield delayed
    if due:
        yield [labels.learned(heapq.heappop(due)) for _ in range(len(due))]


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


def blocks_of(streams: list[Iterator[list[Step]]], whose: "array[int]") -> Iterator[list[Step]]:
    """Yield steps in one order; of several partitions note which each scored event is of."""
    if len(streams) == 1:
        yield from streams[0]
        return
    count = len(streams)
    for origins, steps in merged(streams):
        whose.extend([w for w, step in zip(origins, steps, strict=True) if step[3] is None])
        # a row's number must be its own among all partitions
        yield [
            (time_ms, row * count + which, features, label)
            for which, (time_ms, row, features, label) in zip(origins, steps, strict=True)
        ]
