"""What is known of each answered event of a partition, in columns that grow as it is folded."""

from array import array
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from labline.engine.core.features import Features
from labline.engine.core.kinds import KINDS, Truth
from labline.engine.core.line import Line
from labline.engine.core.record import ANSWER, Record
from labline.engine.core.run import Run
from labline.engine.core.scores import Answer, decode_answer
from labline.lab_replay.evaluation.drift import InputDrift
from labline.lab_replay.evaluation.prediction_log import NEVER, Slices
from labline.lab_replay.evaluation.result import Drift
from labline.lab_replay.replay.trial import Trial
from labline.topics.partitioning import partition_of

NO_LABEL = float("nan")
OTHER = "–"  # the slice of events that lack the feature


class Columns(NamedTuple):
    """The rows of one partition, as arrays; `PredictionLog` says what they hold.

    Attributes
    ----------
    label_place
        Rank of the label among those of the partition.
    append_ms
        Of all events that were read, answered or not: when the broker appended them.
    drift
        Where the features changed.
    """

    event_time_ms: NDArray[np.int64]
    offset: NDArray[np.int64]
    label: NDArray[np.float64]
    label_time_ms: NDArray[np.int64]
    label_place: NDArray[np.int64]
    append_ms: NDArray[np.int64]
    slices: dict[str, Slices]
    drift: tuple[Drift, ...]


class Labels:
    """The labels of a partition's rows, in columns."""

    def __init__(self, line: Line) -> None:
        self._names = line.classes
        self._classes = {name: index for index, name in enumerate(line.classes)}
        self._yes_no = KINDS[line.kind].truth is Truth.YES_NO
        self._label, self._time_ms, self._place = array("d"), array("q"), array("q")
        self._count = 0

    def add(self, row: int, label: Any, time_ms: int) -> None:
        """Note a label, or the correction of one.

        A label may be learned in the very run that scored its event: then the row is not there yet.
        """
        self._fill(row + 1 - len(self._label))
        self._label[row] = float(self._classes[label] if self._classes else label)
        self._time_ms[row] = time_ms
        self._place[row] = self._count
        self._count += 1

    def learned(self, step: tuple[int, int, Features, Any]) -> tuple[int, int, Features, Any]:
        """Note the label of a step, and return the step."""
        time_ms, row, _, label = step
        self.add(row, label, time_ms)
        return step

    def of_row(self, row: int) -> Any:
        """Return a row's label as learners take it; None: it has none."""
        if row >= len(self._label) or (value := self._label[row]) != value:
            return None
        if self._classes:
            return self._names[int(value)]
        return bool(value) if self._yes_no else value

    def columns(
        self, rows: int
    ) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
        """Return label, time and place of so many rows, as `Columns` has them."""
        self._fill(rows - len(self._label))
        return (
            np.frombuffer(self._label, np.float64),
            np.frombuffer(self._time_ms, np.int64),
            np.frombuffer(self._place, np.int64),
        )

    def _fill(self, missing: int) -> None:
        if missing > 0:
            self._label.extend([NO_LABEL] * missing)
            self._time_ms.extend([NEVER] * missing)
            self._place.extend([NEVER] * missing)


class Rows:
    """A partition's rows.

    Attributes
    ----------
    labels
        Of the rows; to be added to as they are learned.

    Parameters
    ----------
    ways
        Into how many partitions the keys would be split; 1: that is not asked.
    """

    def __init__(self, trial: Trial, partition: int, ways: int = 1) -> None:
        self.partition = partition
        self.counts: Counter[str] = Counter()
        self._ways, self._way_of = ways, array("i")
        self.labels = Labels(trial.line)
        self._event_time_ms, self._offset, self._append_ms = array("q"), array("q"), array("q")
        self._slices = {name: _Slicing(name) for name in trial.slices}
        self._drift = InputDrift(trial.detectors)

    def __len__(self) -> int:
        return len(self._offset)

    def read(self, records: list[Record]) -> list[Record]:
        """Note when events were appended, and pass them on."""
        self._append_ms.extend([record[1] for record in records])
        return records

    def answered(self, run: Run, scored: Sequence[Features]) -> None:
        """Note a run's answered events, in their order, with the features that they had."""
        known = len(self._offset)
        for kind, key, value, _ in run.emissions:
            if kind == ANSWER:
                if self._ways > 1:
                    self._way_of.append(partition_of(key or b"", self._ways))
                answer = decode_answer(value)
                assert isinstance(answer, Answer)  # the task wrote it a moment ago
                self._event_time_ms.append(answer.event_time_ms)
                self._offset.append(answer.offset)
        for slicing in self._slices.values():
            slicing.add(scored)
        watch = self._drift.add
        for features, time_ms in zip(scored, self._event_time_ms[known:], strict=True):
            watch(features, time_ms)
        self.counts.update(run.counts)

    def way_of(self, row: int) -> int:
        """Return in which partition a row's key would be."""
        return self._way_of[row]

    def columns(self) -> Columns:
        """Return all rows as arrays."""
        return Columns(
            np.frombuffer(self._event_time_ms, np.int64),
            np.frombuffer(self._offset, np.int64),
            *self.labels.columns(len(self)),
            np.frombuffer(self._append_ms, np.int64),
            {name: slicing.slices() for name, slicing in self._slices.items()},
            self._drift.marks,
        )


class _Slicing:
    """One feature's values as codes, in the order in which they were first seen."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._codes = array("i")
        self._known: dict[Any, int] = {}

    def add(self, scored: Sequence[Features]) -> None:
        known, name = self._known, self._name
        self._codes.extend(
            [known.setdefault(features.get(name, OTHER), len(known)) for features in scored]
        )

    def slices(self) -> Slices:
        return Slices(np.frombuffer(self._codes, np.int32), tuple(map(str, self._known)))
