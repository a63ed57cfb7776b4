"""Replaying a recording: the factory's own fold over history, all candidates in one pass.

A recording is a log at rest, so the design gives it one order; labels come when they really
came. Units of work run on all cores, or on the workers of a Dask cluster.
"""

import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from labline.lab_replay.evaluation.prediction_log import PREDICTIONS, PredictionLog
from labline.lab_replay.evaluation.result import Drift
from labline.lab_replay.replay.assembly import write_log
from labline.lab_replay.replay.cache import Cache
from labline.lab_replay.replay.executors import executor_of, run_units
from labline.lab_replay.replay.trial import Trial
from labline.lab_replay.replay.units import BY_KEY, EACH, SINGLE, Unit, Walk, units_of

WAYS = 4  # into how many partitions the keys of a single one would be split


@dataclass(frozen=True)
class Replayed:
    """The outcome of a trial.

    Attributes
    ----------
    log
        What every model answered, the learners as the line says; mapped from the disk.
    otherwise
        The same rows, the learners the other way: one for all partitions, or one each.
    walks
        By model, what each of its units says beside the scores.
    append_ms
        By partition, when each of its events was appended.
    drift
        By partition, where its features changed.
    pass_s
        CPU of one pass without any model.
    """

    log: PredictionLog
    otherwise: PredictionLog | None
    counts: dict[str, int]
    walks: dict[str, list[Walk]]
    append_ms: dict[int, NDArray[np.int64]]
    drift: dict[int, tuple[Drift, ...]]
    pass_s: float


def replay(
    trial: Trial,
    folder: Path,
    progress: Callable[[int], None] | None = None,
    *,
    learners: str = EACH,
    otherwise: bool = False,
    cache: Path | None = None,
    scheduler: str | None = None,
    cores: int | None = None,
) -> Replayed:
    """Fold a recording's partitions through the trial's models, prequentially.

    Parameters
    ----------
    folder
        Where the predictions are written.
    progress
        Told from time to time how many records were taken since it was told last.
    learners
        ``each`` partition its own, or a ``single`` one over all.
    otherwise
        Replay the other way, too.
    cache
        Folder of what was replayed before; what is done is kept there even when this is cut off.
        None: within `folder`.
    scheduler
        Address of a Dask scheduler, such as ``tcp://10.0.0.5:8786``; None: this machine's cores.
    cores
        How many units run at once; None: as many as there are.

    Raises
    ------
    LablineError
        ``LL-RECORDING-…`` for one that does not fit the line, ``LL-LAB-SCHEDULER``.
    """
    partitions, count = trial.partitions(), cores or os.cpu_count() or 1
    store = Cache(cache or folder / "cache", trial)
    plan = _plan(trial, partitions, learners, count)
    others = _otherwise(trial, partitions, learners, count) if otherwise else []
    todo = [left for unit in (*plan, *others) if (left := store.missing(unit)) is not None]
    with executor_of(trial, todo, count, scheduler) as executor:
        run_units(trial, todo, store, executor, progress)
    rows = {partition: store.rows(partition) for partition in partitions}
    columns = {partition: known.columns for partition, known in rows.items()}
    return Replayed(
        log=write_log(folder / PREDICTIONS, trial, store, plan, columns),
        otherwise=(
            write_log(folder / "otherwise", trial, store, others, columns) if others else None
        ),
        counts=sum((Counter(known.counts) for known in rows.values()), Counter()),
        # not the scores: those of all candidates at once would not stay small
        walks={name: [w.walk for w in store.each(plan, name)] for name in trial.models},
        append_ms={p: known.columns.append_ms for p, known in rows.items()},
        drift={p: known.columns.drift for p, known in rows.items()},
        pass_s=sum(known.pass_s for known in rows.values()),
    )


def records_of(
    trial: Trial, *, learners: str = EACH, otherwise: bool = False, cores: int | None = None
) -> int:
    """Return how many records a replay will take at the most, for a progress bar."""
    partitions, count = trial.partitions(), cores or os.cpu_count() or 1
    plan = _plan(trial, partitions, learners, count)
    if otherwise:
        plan += _otherwise(trial, partitions, learners, count)
    return sum(trial.records(unit.partitions) for unit in plan)


def _plan(trial: Trial, partitions: tuple[int, ...], learners: str, cores: int) -> list[Unit]:
    return units_of(partitions, trial.models, learners, cores, reference=trial.reference)


def _otherwise(trial: Trial, partitions: tuple[int, ...], learners: str, cores: int) -> list[Unit]:
    """Return the units of the other way: the price of partitioning is known before promotion."""
    if learners == SINGLE and len(partitions) == 1:
        redacted = trial.recording.manifest.redacted.get(trial.line.events)
        if redacted is not None and redacted.keys:
            return []  # without its key nobody knows who would be learned with whom
        return units_of(partitions, trial.models, BY_KEY, cores, WAYS)
    if len(partitions) == 1:
        return []
    return units_of(partitions, trial.models, SINGLE if learners == EACH else EACH, cores)
