"""Replaying a recording: the factory's own fold over history, all candidates in one pass.

A recording is a log at rest, so the design gives it one order; labels come when they really
came. Units of work run on all cores, or on the workers of a Dask cluster.
"""

import os
from collections.abc import Callable
from pathlib import Path

from labline.lab_replay.replay.assembly import Replayed, gathered
from labline.lab_replay.replay.cache import Cache
from labline.lab_replay.replay.executors import executor_of, run_units
from labline.lab_replay.replay.trial import Trial
from labline.lab_replay.replay.units import BY_KEY, EACH, SINGLE, Unit, units_of

WAYS = 4  # into how many partitions the keys of a single one would be split


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
        Replay the other way, too: the price of partitioning is known before promotion.
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
    count = cores or os.cpu_count() or 1
    plan, others = _plan(trial, learners, otherwise, count)
    store = Cache((cache or folder / "cache") / trial.digest, trial.marks_digest)
    todo = [left for unit in (*plan, *others) if (left := store.missing(unit)) is not None]
    with executor_of(todo, count, scheduler) as executor:
        run_units(trial, todo, store, executor, progress)
    return gathered(trial, store, plan, others, folder)


def records_of(
    trial: Trial, *, learners: str = EACH, otherwise: bool = False, cores: int | None = None
) -> int:
    """Return how many records a replay will take at the most, for a progress bar."""
    plan, others = _plan(trial, learners, otherwise, cores or os.cpu_count() or 1)
    return sum(unit.records for unit in (*plan, *others))


def _plan(
    trial: Trial, learners: str, otherwise: bool, cores: int
) -> tuple[list[Unit], list[Unit]]:
    """Return the units of the way in which the line learns, and those of the other way."""
    sizes, models, others = trial.sizes(), trial.models, []
    plan = units_of(sizes, models, learners, cores, reference=trial.reference)
    if otherwise and len(sizes) > 1:
        others = units_of(sizes, models, SINGLE if learners == EACH else EACH, cores)
    elif otherwise and learners == SINGLE:
        redacted = trial.recording.manifest.redacted.get(trial.line.events)
        if redacted is None or not redacted.keys:  # else nobody knows who would learn with whom
            others = units_of(sizes, models, BY_KEY, cores, WAYS)
    return plan, others
