"""What every candidate answered to every event, in arrays: metrics are computed from it.

On disk a folder of ``.npy`` files, one a column, mapped into memory when they are looked at: a
year of sixteen candidates need not fit there at once.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from labline.engine.disk.whole_files import whole_file
from labline.engine.errors import LablineError

FORMAT = 2
INDEX = "log.json"
PREDICTIONS = "predictions"  # the folder in that of a run
NEVER = -1  # of a label that did not come, in `label_time_ms` and `label_order`

Floats: TypeAlias = NDArray[np.float64]
Times: TypeAlias = NDArray[np.int64]


class Slices(NamedTuple):
    """Which part of the events each belongs to: an index into the names; -1: to none."""

    codes: NDArray[np.int32]
    names: tuple[str, ...]

    def rows(self, which: NDArray[Any] | slice) -> "Slices":
        """Return some rows."""
        return Slices(self.codes[which], self.names)


@dataclass(frozen=True, slots=True, eq=False)
class PredictionLog:
    """One row an event that was answered, by event time; equal times by partition and offset.

    Parameters
    ----------
    event_time_ms
        int64.
    label
        float64: NaN where none came within the horizon; else 0 or 1 (binary, anomaly), the index
        into `classes` (multiclass), or the value (regression).
    scores
        Candidate name -> what it answered: float64 of shape (n,), for multiclass (n, classes):
        probabilities in the order of `classes`. NaN where it had no answer.
    kind, classes
        As the line declares them.
    partition, offset
        int32, int64: which event it is. Left out: partition 0, offsets from 0 on.
    label_time_ms, label_order
        int64: the stream time at which the label was learned, and its rank among all labels by
        (that time, partition, place). `NEVER`: none. Left out: at once, in the order of rows.
    slices
        Name -> parts of the events.

    Examples
    --------
    >>> log = PredictionLog([5, 6], [1, float("nan")], {"linear": [0.9, 0.2]})
    >>> len(log), log.labelled().event_time_ms.tolist(), log.label_order.tolist()
    (2, [5], [0, -1])
    """

    event_time_ms: Times
    label: Floats
    scores: Mapping[str, Floats]
    kind: str = "binary"
    classes: tuple[str, ...] = ()
    partition: NDArray[np.int32] = None  # type: ignore[assignment]  # __post_init__ makes them
    offset: Times = None  # type: ignore[assignment]
    label_time_ms: Times = None  # type: ignore[assignment]
    label_order: Times = None  # type: ignore[assignment]
    slices: Mapping[str, Slices] = field(default_factory=dict)

    def __post_init__(self) -> None:
        times = np.asarray(self.event_time_ms, np.int64)
        label = np.asarray(self.label, np.float64)
        there = ~np.isnan(label)
        rows: dict[str, Any] = {
            "event_time_ms": times,
            "label": label,
            "partition": _or(self.partition, np.zeros(len(times)), np.int32),
            "offset": _or(self.offset, np.arange(len(times)), np.int64),
            "label_time_ms": _or(self.label_time_ms, np.where(there, times, NEVER), np.int64),
            "label_order": _or(
                self.label_order, np.where(there, np.cumsum(there) - 1, NEVER), np.int64
            ),
        }
        for name, column in rows.items():
            object.__setattr__(self, name, column)
        scores = {name: np.asanyarray(score, np.float64) for name, score in self.scores.items()}
        object.__setattr__(self, "scores", scores)
        columns = [*rows.values(), *scores.values(), *(s.codes for s in self.slices.values())]
        if any(len(column) != len(times) for column in columns):
            raise ValueError("columns of different lengths")

    def __len__(self) -> int:
        return len(self.event_time_ms)

    @property
    def names(self) -> tuple[str, ...]:
        """The candidates' names, in order."""
        return tuple(self.scores)

    def rows(self, which: NDArray[Any] | slice) -> "PredictionLog":
        """Return some rows, in the order in which they are named."""
        return PredictionLog(
            self.event_time_ms[which],
            self.label[which],
            {name: score[which] for name, score in self.scores.items()},
            self.kind,
            self.classes,
            self.partition[which],
            self.offset[which],
            self.label_time_ms[which],
            self.label_order[which],
            {name: parts.rows(which) for name, parts in self.slices.items()},
        )

    def only(self, *names: str) -> "PredictionLog":
        """Return all rows with some candidates' scores."""
        return PredictionLog(
            self.event_time_ms,
            self.label,
            {name: self.scores[name] for name in names},
            self.kind,
            self.classes,
            self.partition,
            self.offset,
            self.label_time_ms,
            self.label_order,
            self.slices,
        )

    def labelled(self) -> "PredictionLog":
        """Return the rows that have a label."""
        return self.rows(np.flatnonzero(~np.isnan(self.label)))

    def label_rows(self) -> NDArray[np.intp]:
        """Return which rows have a label, in the order in which the labels arrived."""
        rows = np.flatnonzero(self.label_order != NEVER)
        return rows[np.argsort(self.label_order[rows], kind="stable")]

    def between(self, start_ms: int, end_ms: int) -> "PredictionLog":
        """Return the rows whose event time is in ``[start_ms, end_ms)``."""
        times = self.event_time_ms
        return self.rows(np.flatnonzero((times >= start_ms) & (times < end_ms)))

    def save(self, folder: Path) -> None:
        """Write the log into a folder; its bytes depend on the content alone."""
        self.write(folder, self, self.scores.items())

    @classmethod
    def write(
        cls, folder: Path, rows: "PredictionLog", scores: Iterable[tuple[str, Floats]]
    ) -> "PredictionLog":
        """Write rows with these scores, one at a time; return them mapped from the disk."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / INDEX).unlink(missing_ok=True)  # what makes it a log comes last
        for name in ROW_COLUMNS:
            save_column(folder / f"{name}.npy", getattr(rows, name))
        for number, parts in enumerate(rows.slices.values()):
            save_column(folder / f"slice-{number}.npy", parts.codes)
        names = []
        for number, (name, score) in enumerate(scores):
            save_column(folder / f"score-{number}.npy", score)
            names.append(name)
        document = {
            "format": FORMAT,
            "kind": rows.kind,
            "classes": rows.classes,
            "scores": names,
            "slices": {name: parts.names for name, parts in rows.slices.items()},
        }
        (folder / INDEX).write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
        return cls.load(folder)

    @classmethod
    def load(cls, folder: Path) -> "PredictionLog":
        """Return the log that `save` wrote, mapped from the disk.

        Raises
        ------
        LablineError
            ``LL-PREDICTIONS-DAMAGED`` naming the folder.
        """
        try:
            document = json.loads((folder / INDEX).read_text(encoding="utf-8"))
            assert document["format"] == FORMAT
            rows = {name: load_column(folder / f"{name}.npy") for name in ROW_COLUMNS}
            return cls(
                scores={
                    name: load_column(folder / f"score-{number}.npy")
                    for number, name in enumerate(document["scores"])
                },
                kind=document["kind"],
                classes=tuple(document["classes"]),
                slices={
                    name: Slices(load_column(folder / f"slice-{number}.npy"), tuple(names))
                    for number, (name, names) in enumerate(document["slices"].items())
                },
                **rows,
            )
        except (OSError, AssertionError, KeyError, ValueError, TypeError, EOFError) as error:
            raise LablineError(
                "LL-PREDICTIONS-DAMAGED",
                f"{folder} is not a prediction log that this version reads",
                "run the experiment again",
            ) from error


ROW_COLUMNS = (
    "event_time_ms", "label", "partition", "offset", "label_time_ms", "label_order",
)  # fmt: skip


def save_column(path: Path, column: NDArray[Any]) -> None:
    """Write a column, whole or not at all."""
    with whole_file(path) as file:
        np.save(file, column, allow_pickle=False)


def load_column(path: Path) -> NDArray[Any]:
    """Map a column into memory (one of no rows cannot be mapped)."""
    with path.open("rb") as file:
        if np.lib.format.read_magic(file) != (1, 0):
            raise ValueError("another format of arrays")
        shape, _, dtype = np.lib.format.read_array_header_1_0(file)
        if dtype.hasobject:
            raise ValueError("objects")
    mapped = bool(np.prod(shape))
    column: NDArray[Any] = np.load(path, mmap_mode="r" if mapped else None, allow_pickle=False)
    return column


def _or(column: Any, default: NDArray[Any], dtype: Any) -> NDArray[Any]:
    return np.asanyarray(default if column is None else column, dtype)
