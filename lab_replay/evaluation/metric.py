"""What a metric is: a title, which way is better, for which kinds of lines, and how it is computed.

Every module of `metrics` defines one as ``METRIC``. `figures` computes values with it; tables,
headlines and reports read its title and digits. Only `Metric.value` must be written: what is not
said about many moments is computed from it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from labline.lab_replay.evaluation.answers import LabelledAnswers, Table, pieces

Values: TypeAlias = list[float | None]

BEYOND_NUMBERS = "errors are beyond all numbers"


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A metric over all events at once; a subclass says its `value`.

    Parameters
    ----------
    title
        What people call it.
    kinds
        The kinds of lines that it is for.
    lower_is_better
        Whether a lower figure is the better one.
    digits
        How many digits after the point people want.
    undefined
        Why there may be no figure over labelled events that were answered.
    """

    title: str
    kinds: tuple[str, ...]
    lower_is_better: bool
    digits: int = 4
    undefined: str = BEYOND_NUMBERS

    def value(self, answers: LabelledAnswers) -> float | None:
        """Return the figure over these events; None where it is not defined."""
        raise NotImplementedError

    def cumulative(self, answers: LabelledAnswers, ends: Sequence[int]) -> Values:
        """Return the figure over the events before each of `ends`, which ascend.

        A subclass that can do it in one pass over the events does so.
        """
        return [self.value(answers.part(slice(end))) for end in ends]


@dataclass(frozen=True, kw_only=True)
class MeanMetric(Metric):
    """A metric that is the mean of one number an event: a what-if gives it an interval.

    Parameters
    ----------
    per_event
        From answers to each event's number: a loss, or whether the answer was right.
    of_decisions
        Whether the numbers depend on the yes or no alone.
    """

    per_event: Callable[[LabelledAnswers], NDArray[Any]]
    of_decisions: bool = False

    def value(self, answers: LabelledAnswers) -> float | None:
        """Return the mean; None without an event."""
        return mean(self.per_event(answers))

    def cumulative(self, answers: LabelledAnswers, ends: Sequence[int]) -> Values:
        """Return the mean over the events before each of `ends`: sums are added up."""
        return running_means(self.per_event(answers), ends)


@dataclass(frozen=True, kw_only=True)
class TableMetric(Metric):
    """A metric of the confusion table alone.

    Parameters
    ----------
    of_table
        From a table (rows: what was so; columns: what was answered) to the figure.
    """

    of_table: Callable[[Table], float | None]

    def value(self, answers: LabelledAnswers) -> float | None:
        """Return the figure of the table of all these events."""
        return self.of_table(answers.table)

    def cumulative(self, answers: LabelledAnswers, ends: Sequence[int]) -> Values:
        """Return the figure of the tables of the events before each of `ends`."""
        return [self.of_table(table) for table in answers.tables(ends)]


def mean(numbers: NDArray[Any]) -> float | None:
    """Return the mean; None of nothing.

    Examples
    --------
    >>> mean(np.array([1.0, 2.0])), mean(np.array([]))
    (1.5, None)
    """
    return float(numbers.mean()) if len(numbers) else None


def running_means(numbers: NDArray[Any], ends: Sequence[int]) -> Values:
    """Return the mean of the numbers before each of `ends`.

    Examples
    --------
    >>> running_means(np.array([1.0, 2.0, 6.0]), [0, 2, 3])
    [None, 1.5, 3.0]
    """
    sums = np.cumsum([numbers[piece].sum() for piece in pieces(ends)])
    return [float(total) / end if end else None for total, end in zip(sums, ends, strict=True)]
