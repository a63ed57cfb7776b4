"""Answers to labelled events, in arrays: what every metric is computed from.

`figures` makes them of a prediction log, without the events that have no label or no answer.
Metrics read them; what several metrics need (cells of the confusion table, the order of the
scores) is computed at the first use and kept.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from labline.lab_replay.evaluation.losses import Booleans, Floats, decided, right

Table = NDArray[np.int64]
Counts = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class LabelledAnswers:
    """A candidate's answers to events that all have a label.

    Parameters
    ----------
    score
        float64 of shape (n,), of several classes (n, classes); see `PredictionLog`.
    label
        float64: 0 or 1, the index of a class, or a value.
    threshold
        A probability of at least this much is a yes.

    Examples
    --------
    >>> answers = LabelledAnswers(np.array([0.9, 0.9, 0.1]), np.array([1.0, 0, 0]))
    >>> answers.table.tolist(), answers.right.tolist()
    ([[1, 1], [0, 1]], [True, False, True])
    """

    score: Floats
    label: Floats
    threshold: float = 0.5

    def __len__(self) -> int:
        return len(self.label)

    def part(self, which: slice) -> "LabelledAnswers":
        """Return the answers to some of the events."""
        return LabelledAnswers(self.score[which], self.label[which], self.threshold)

    @cached_property
    def right(self) -> Booleans:
        """Which events were answered rightly."""
        return right(self.score, self.label, self.threshold)

    @property
    def classes(self) -> int:
        """How many classes there are; two where the answer is yes or no."""
        return 2 if self.score.ndim == 1 else self.score.shape[1]

    @property
    def table(self) -> Table:
        """How often each class (row) was answered with each (column): the confusion table."""
        return self._table_of(self._cells)

    def tables(self, ends: Sequence[int]) -> Iterator[Table]:
        """Yield the confusion tables of the events before each of `ends`."""
        table = np.zeros((self.classes, self.classes), np.int64)
        for piece in pieces(ends):
            table = table + self._table_of(self._cells[piece])
            yield table

    @cached_property
    def _cells(self) -> NDArray[np.int64]:
        """Each event's cell in the table, counted row by row."""
        single = self.score.ndim == 1
        truth = ((self.label != 0) if single else self.label).astype(np.int64)
        cells: NDArray[np.int64] = truth * self.classes + decided(self.score, self.threshold)
        return cells

    def _table_of(self, cells: NDArray[np.int64]) -> Table:
        return np.bincount(cells, minlength=self.classes**2).reshape(self.classes, self.classes)

    @property
    def distinct_scores(self) -> Floats:
        """The scores that there are, ascending, each once."""
        return self._ranked[0]

    def counts(self, ends: Sequence[int]) -> Iterator[tuple[Counts, Counts]]:
        """Yield how many of the events before each of `ends` are yes and no, by distinct score.

        The arrays grow from one to the next: whoever keeps them copies them.
        """
        values, place = self._ranked
        yes, no = np.zeros(len(values), np.int64), np.zeros(len(values), np.int64)
        positive = self.label != 0
        for piece in pieces(ends):
            places, is_yes = place[piece], positive[piece]
            yes += np.bincount(places[is_yes], minlength=len(values))
            no += np.bincount(places[~is_yes], minlength=len(values))
            yield yes, no

    @cached_property
    def _ranked(self) -> tuple[Floats, NDArray[np.intp]]:
        values, place = np.unique(self.score, return_inverse=True)
        return values, place


def pieces(ends: Sequence[int]) -> Iterator[slice]:
    """Yield the stretches of events between ascending ends.

    Examples
    --------
    >>> list(pieces([2, 5]))
    [slice(0, 2, None), slice(2, 5, None)]
    """
    start = 0
    for end in ends:
        yield slice(start, end)
        start = end
