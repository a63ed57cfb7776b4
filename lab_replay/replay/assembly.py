"""What the cache holds of a replay's units, put together: one prediction log, by event time.

`replay` calls `gathered` when every unit has been walked. Each candidate's file is read once, and
one candidate's column is in memory at a time.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labline.lab_replay.evaluation.prediction_log import (
    NEVER,
    PREDICTIONS,
    Floats,
    PredictionLog,
    Slices,
)
from labline.lab_replay.evaluation.result import Drift
from labline.lab_replay.evaluation.time_kind import Clock, clock_of
from labline.lab_replay.replay.cache import Cache
from labline.lab_replay.replay.rows import Columns
from labline.lab_replay.replay.trial import Trial
from labline.lab_replay.replay.units import Unit, Walk


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

    @cached_property
    def clock(self) -> Clock:
        """What the times of the events are."""
        return clock_of(self.log)


def gathered(
    trial: Trial, store: Cache, plan: list[Unit], others: list[Unit], folder: Path
) -> Replayed:
    """Return what the units of a trial gave, and write the predictions.

    Parameters
    ----------
    plan, others
        The units of the way in which the line learns, and of the other way.
    folder
        Where the predictions are written.
    """
    rows = {p: store.rows(p) for p in sorted({p for unit in plan for p in unit.partitions})}
    columns = {partition: known.columns for partition, known in rows.items()}
    walks: dict[str, list[Walk]] = {name: [] for name in trial.models}
    log = _write_log(folder / PREDICTIONS, trial, store, plan, columns, walks)
    otherwise = None
    if others:
        otherwise = _write_log(folder / "otherwise", trial, store, others, columns, {})
    return Replayed(
        log=log,
        otherwise=otherwise,
        counts=sum((Counter(known.counts) for known in rows.values()), Counter()),
        walks=walks,
        append_ms={partition: each.append_ms for partition, each in columns.items()},
        drift={partition: each.drift for partition, each in columns.items()},
        pass_s=sum(known.pass_s for known in rows.values()),
    )


def _write_log(
    folder: Path,
    trial: Trial,
    store: Cache,
    units: list[Unit],
    columns: Mapping[int, Columns],
    walks: dict[str, list[Walk]],
) -> PredictionLog:
    """Write what units gave as a prediction log, and return it, mapped from the disk.

    Parameters
    ----------
    columns
        By partition, what is known beside the scores.
    walks
        Takes what is said of each candidate beside its scores, as these are read.
    """
    parts = list(columns.values())
    place = np.repeat(np.array(list(columns), np.int32), [len(each.offset) for each in parts])
    order = np.lexsort((_joined(parts, "offset"), place, _joined(parts, "event_time_ms")))
    label_time, label_place = _joined(parts, "label_time_ms"), _joined(parts, "label_place")
    slices = {name: _one(each.slices[name] for each in parts) for name in trial.slices}
    rows = PredictionLog(
        event_time_ms=_joined(parts, "event_time_ms")[order],
        label=_joined(parts, "label")[order],
        scores={},
        kind=trial.line.kind,
        classes=trial.line.classes,
        partition=place[order],
        offset=_joined(parts, "offset")[order],
        label_time_ms=label_time[order],
        label_order=_ranks(label_time, place, label_place)[order],
        slices={name: each.rows(order) for name, each in slices.items()},
    )

    def scores() -> Iterator[tuple[str, Floats]]:
        for name in trial.models:
            walked = list(store.each(units, name))
            walks[name] = [each.walk for each in walked]
            yield name, np.concatenate([each.scores for each in walked])[order]

    return PredictionLog.write(folder, rows, scores())


def _joined(parts: list[Columns], name: str) -> NDArray[Any]:
    return np.concatenate([getattr(columns, name) for columns in parts])


def _ranks(
    time_ms: NDArray[np.int64], partition: NDArray[np.int32], place: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return each label's rank by (stream time, partition, place within the partition)."""
    ranks = np.full(len(time_ms), NEVER, np.int64)
    there = np.flatnonzero(place != NEVER)
    order = np.lexsort((place[there], partition[there], time_ms[there]))
    ranks[there[order]] = np.arange(len(there))
    return ranks


def _one(parts: Iterable[Slices]) -> Slices:
    """Return the slices of several partitions as one, the values in order."""
    given = list(parts)
    names = tuple(sorted({name for part in given for name in part.names}))
    place = {name: code for code, name in enumerate(names)}
    codes = [np.array([place[name] for name in part.names], np.int32)[part.codes] for part in given]
    return Slices(np.concatenate(codes).astype(np.int32), names)
