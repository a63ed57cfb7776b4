"""Replaying a recording: the factory's own fold over history, all candidates in one pass.

A recording is a log at rest, so the design gives it one order; labels come when they really
came. Partitions run on all cores, as independent of each other as they are in the factory.
"""

import multiprocessing
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from engine.core.line import Line
from engine.core.record import ANSWER, INPUTS, SHADOW, Record
from engine.core.run import Run
from engine.core.spec import Slot, Spec
from engine.core.task import Task
from engine.errors import LablineError
from engine.models.configuration import CANDIDATE
from engine.models.learner import cold
from lab_replay.prediction_log import NO_LABEL, PredictionLog, merge
from lab_replay.recording import Recording
from schemas.avro import Schema
from schemas.engine_schemas import engine_schema
from schemas.framing import Codec, Heads

RUN_RECORDS = 5_000
REFRESH_S = 0.2
NO_REVISION = -1


@dataclass(frozen=True)
class Trial:
    """What to replay: a line over a recording, with models by name.

    Attributes
    ----------
    models
        Recipes by name: candidates and baselines alike.
    writers
        By frame head, the versions that records may be written with.
    """

    recording: Recording
    line: Line
    event_schema: Schema
    label_schema: Schema
    models: Mapping[str, str]
    writers: Heads = field(default_factory=dict)

    def spec(self) -> Spec:
        """Return the task configuration: every model in a slot of its own, cold."""
        slots = [Slot(CANDIDATE, name, cold(r)) for name, r in self.models.items()]
        return Spec(
            line=self.line,
            revision=NO_REVISION,
            inputs=(self.line.events, self.line.labels, ""),
            event_schema=self.event_schema,
            label_schema=self.label_schema,
            champion=slots[0],
            others=tuple(slots[1:]),
            writers=self.writers,
        )


@dataclass(frozen=True)
class Replayed:
    """The outcome of a trial."""

    log: PredictionLog
    counts: dict[str, int]


def replay(trial: Trial, progress: Callable[[int], None] | None = None) -> Replayed:
    """Fold a recording's partitions through the trial's models, prequentially.

    Parameters
    ----------
    progress
        Told from time to time how many records were taken since it was told last.
    """
    partitions = trial.recording.partitions(trial.line.events)
    context = multiprocessing.get_context("spawn")
    done = context.Value("q", 0)
    told = 0
    with ProcessPoolExecutor(
        min(len(partitions), context.cpu_count()),
        mp_context=context,
        initializer=_share,
        initargs=(done,),
    ) as pool:
        futures = [pool.submit(_replay_partition, trial, partition) for partition in partitions]
        pending: set[Future[tuple[PredictionLog, dict[str, int]]]] = set(futures)
        while pending:
            _, pending = wait(pending, REFRESH_S)
            if progress is not None:
                told, before = done.value, told
                progress(told - before)
        results = [future.result() for future in futures]
    counts: Counter[str] = Counter()
    for _, counted in results:
        counts.update(counted)
    return Replayed(merge([log for log, _ in results]), dict(counts))


_done: Any = None  # in a worker process: the count that all of them share


def _share(done: Any) -> None:
    global _done
    _done = done


def _replay_partition(trial: Trial, partition: int) -> tuple[PredictionLog, dict[str, int]]:
    task = Task(trial.spec(), partition, (0, 0, -1))
    predictions = _Predictions(list(trial.models))
    counts: Counter[str] = Counter()
    for run in fold_at_rest(task, sources(trial.recording, trial.line, partition)):
        predictions.add(run)
        counts.update(run.counts)
        if _done is not None:
            with _done.get_lock():
                _done.value += run.taken
    return predictions.log(_truth(trial, partition)), dict(counts)


def sources(recording: Recording, line: Line, partition: int) -> list[Iterator[list[Record]]]:
    """Return a task's inputs from a recording; a recording has no retries."""
    if line.labels is None:
        raise LablineError(
            "LL-LAB-LABELS", f"line {line.name} has no labels to learn from", "declare labels"
        )
    return [
        recording.records(line.events, partition),
        recording.records(line.labels, partition),
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


class _Predictions:
    """Collects the probabilities of a partition's runs, in the order of its events."""

    def __init__(self, names: list[str]) -> None:
        self._names = names
        self._ids: list[str] = []
        self._times: list[int] = []
        self._columns: list[list[float]] = [[] for _ in names]

    def add(self, run: Run) -> None:
        """Decode a run's answers, and the shadow scores that follow each."""
        answer_of, shadow_of = (
            engine_schema("labline.Score").decode,
            engine_schema("labline.Shadow").decode,
        )
        for kind, _, value, _ in run.emissions:
            if kind == ANSWER:
                answer: Any = answer_of(value)
                self._ids.append(answer["id"])
                self._times.append(answer["event_time_ms"])
                self._columns[0].append(answer["probability"])
            elif kind == SHADOW:
                shadow: Any = shadow_of(value)
                for column, score in zip(self._columns[1:], shadow["scores"], strict=True):
                    probability = score["probability"]
                    column.append(float("nan") if probability is None else probability)

    def log(self, truth: Mapping[str, bool]) -> PredictionLog:
        """Return the log, with each event's first label where it has one."""
        labels = [truth.get(identity, NO_LABEL) for identity in self._ids]
        return PredictionLog(
            ids=self._ids,
            event_time_ms=np.array(self._times, dtype=np.int64),
            label=np.array(labels, dtype=np.int8),
            probabilities={
                name: np.array(column)
                for name, column in zip(self._names, self._columns, strict=True)
            },
        )


def _truth(trial: Trial, partition: int) -> dict[str, bool]:
    line, decode = trial.line, Codec(trial.label_schema, trial.writers).decode
    assert line.labels is not None
    identity, field = line.refers_to or "", line.label or ""
    truth: dict[str, bool] = {}
    for batch in trial.recording.records(line.labels, partition):
        for record in batch:
            label = decode(record[3], record[4])
            if isinstance(label, dict):
                truth.setdefault(label[identity], label[field])
    return truth
