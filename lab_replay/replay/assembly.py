"""From the columns of units to one prediction log, by event time: a column in memory at a time."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labline.lab_replay.evaluation.prediction_log import NEVER, Floats, PredictionLog, Slices
from labline.lab_replay.replay.cache import Cache
from labline.lab_replay.replay.rows import Columns
from labline.lab_replay.replay.trial import Trial
from labline.lab_replay.replay.units import Unit


def write_log(
    folder: Path, trial: Trial, store: Cache, units: list[Unit], columns: Mapping[int, Columns]
) -> PredictionLog:
    """Write what units gave as a prediction log, and return it, mapped from the disk.

    Parameters
    ----------
    columns
        By partition, what is known beside the scores.
    """
    partitions = sorted({partition for unit in units for partition in unit.partitions})
    found = [columns[partition] for partition in partitions]
    place = np.repeat(np.array(partitions, np.int32), [len(each.offset) for each in found])
    order = np.lexsort((_joined(found, "offset"), place, _joined(found, "event_time_ms")))
    label_time, label_place = _joined(found, "label_time_ms"), _joined(found, "label_place")
    rows = PredictionLog(
        event_time_ms=_joined(found, "event_time_ms")[order],
        label=_joined(found, "label")[order],
        scores={},
        kind=trial.line.kind,
        classes=trial.line.classes,
        partition=place[order],
        offset=_joined(found, "offset")[order],
        label_time_ms=label_time[order],
        label_order=_ranks(label_time, place, label_place)[order],
        slices={name: _one(each.slices[name] for each in found).rows(order)
                for name in trial.slices},
    )  # fmt: skip
    return PredictionLog.write(folder, rows, _scores(trial, store, units, order))


def _scores(
    trial: Trial, store: Cache, units: list[Unit], order: NDArray[np.intp]
) -> Iterator[tuple[str, Floats]]:
    for name in trial.models:
        yield name, np.concatenate([walked.scores for walked in store.each(units, name)])[order]


def _joined(found: list[Columns], name: str) -> NDArray[Any]:
    return np.concatenate([getattr(columns, name) for columns in found])


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
