"""What every candidate answered to every event, in arrays: metrics are computed from it."""

import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import LablineError

NO_LABEL = -1
FORMAT = 1


@dataclass(frozen=True, slots=True, eq=False)
class PredictionLog:
    """One row an event, in the order in which the events were scored.

    Parameters
    ----------
    ids
        The events' ids.
    event_time_ms
        Event times, int64.
    label
        int8: 0, 1, or `NO_LABEL` where none came.
    probabilities
        Candidate name -> float64 per event; NaN where it had no answer. All lists and arrays are
        converted and of one length.

    Examples
    --------
    >>> log = PredictionLog(["a", "b"], [5, 6], [1, -1], {"linear": [0.9, 0.2]})
    >>> len(log), log.labelled().ids
    (2, ['a'])
    """

    ids: list[str]
    event_time_ms: NDArray[np.int64]
    label: NDArray[np.int8]
    probabilities: dict[str, NDArray[np.float64]]

    def __post_init__(self) -> None:
        def keep(field: str, value: object) -> None:
            object.__setattr__(self, field, value)

        keep("ids", list(self.ids))
        keep("event_time_ms", np.asarray(self.event_time_ms, np.int64))
        keep("label", np.asarray(self.label, np.int8))
        columns = {n: np.asarray(p, np.float64) for n, p in self.probabilities.items()}
        keep("probabilities", columns)
        arrays: list[NDArray[Any]] = [self.event_time_ms, self.label, *columns.values()]
        for column in arrays:
            if column.shape != (len(self.ids),):
                raise ValueError("columns of different lengths")

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def names(self) -> tuple[str, ...]:
        """The candidates' names, in order."""
        return tuple(self.probabilities)

    def labelled(self) -> "PredictionLog":
        """Return the rows that have a label."""
        return self._rows(np.flatnonzero(self.label != NO_LABEL))

    def by_event_time(self) -> "PredictionLog":
        """Return the rows in the order of event time, equals in the order that they have."""
        return self._rows(np.argsort(self.event_time_ms, kind="stable"))

    def between(self, start_ms: int, end_ms: int) -> "PredictionLog":
        """Return the rows whose event time is in ``[start_ms, end_ms)``."""
        times = self.event_time_ms
        return self._rows(np.flatnonzero((times >= start_ms) & (times < end_ms)))

    def save(self, path: Path) -> None:
        """Write the log as ``.npz``, without pickles; the bytes depend on the content alone."""
        encoded = [identity.encode() for identity in self.ids]
        columns: dict[str, NDArray[Any]] = {
            "format": np.array(FORMAT),
            "names": np.array(self.names, dtype=np.str_),
            "id_ends": np.cumsum([len(data) for data in encoded], dtype=np.int64),
            "id_bytes": np.frombuffer(b"".join(encoded), np.uint8),
            "event_time_ms": self.event_time_ms,
            "label": self.label,
        }
        for number, probability in enumerate(self.probabilities.values()):
            columns[f"probability_{number}"] = probability
        partial = path.with_name(f".{path.name}.partial")
        with partial.open("wb") as file:
            np.savez(file, allow_pickle=False, **columns)
        partial.replace(path)

    @classmethod
    def load(cls, path: Path) -> "PredictionLog":
        """Return the log that `save` wrote.

        Raises
        ------
        LablineError
            ``LL-PREDICTIONS-DAMAGED`` naming the file.
        """
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as columns:
                return cls._of(columns)
        except (OSError, KeyError, ValueError, TypeError, EOFError, zipfile.BadZipFile) as error:
            raise LablineError(
                "LL-PREDICTIONS-DAMAGED",
                f"{path} is not a prediction log that this version reads",
                "run the experiment again",
            ) from error

    @classmethod
    def _of(cls, columns: Mapping[str, NDArray[Any]]) -> "PredictionLog":
        if int(columns["format"]) != FORMAT:
            raise ValueError("another format")
        data = columns["id_bytes"].tobytes()
        ends = columns["id_ends"].tolist()
        starts = [0, *ends[:-1]]
        return cls(
            [data[a:b].decode() for a, b in zip(starts, ends, strict=False)],
            columns["event_time_ms"],
            columns["label"],
            {str(name): columns[f"probability_{n}"] for n, name in enumerate(columns["names"])},
        )

    def _rows(self, rows: NDArray[np.intp]) -> "PredictionLog":
        return PredictionLog(
            [self.ids[row] for row in rows.tolist()],
            self.event_time_ms[rows],
            self.label[rows],
            {name: probability[rows] for name, probability in self.probabilities.items()},
        )


def merge(logs: Sequence[PredictionLog]) -> PredictionLog:
    """Return the logs of several partitions as one, by event time, equals in the order given.

    Raises
    ------
    ValueError
        When they are not logs of the same candidates in the same order.
    """
    if len({log.names for log in logs}) != 1:
        raise ValueError("prediction logs of different candidates")
    return PredictionLog(
        [identity for log in logs for identity in log.ids],
        np.concatenate([log.event_time_ms for log in logs]),
        np.concatenate([log.label for log in logs]),
        {n: np.concatenate([log.probabilities[n] for log in logs]) for n in logs[0].names},
    ).by_event_time()
