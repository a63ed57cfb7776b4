"""Calibration error: how far observed shares are from predicted ones, on average over bins."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from labline.lab_replay.evaluation.answers import Counts, LabelledAnswers
from labline.lab_replay.evaluation.calibration import CALIBRATION_BINS, bins
from labline.lab_replay.evaluation.losses import Floats
from labline.lab_replay.evaluation.metric import Metric, Values


@dataclass(frozen=True, kw_only=True)
class CalibrationError(Metric):
    """The mean distance of observed and predicted shares, each bin counting by its events."""

    def value(self, answers: LabelledAnswers) -> float | None:
        """Return the error over all events.

        Examples
        --------
        >>> METRIC.value(LabelledAnswers(
        ...     np.array([0.25, 0.25, 0.75, 0.75]), np.array([0.0, 0, 1, 0])))
        0.25
        """
        parts = bins(answers.score, answers.label)
        events = sum(part.events for part in parts)
        gaps = sum(part.events * abs(part.observed - part.predicted) for part in parts)
        return gaps / events if events else None

    def cumulative(self, answers: LabelledAnswers, ends: Sequence[int]) -> Values:
        """Return the errors over the events before each of `ends`, which are sorted only once."""
        values = answers.distinct_scores
        return [_error(values, yes, no) for yes, no in answers.counts(ends)]


def _error(values: Floats, yes: Counts, no: Counts, count: int = CALIBRATION_BINS) -> float | None:
    """Return the error over bins of about equally many events, as `calibration.bins` cuts them."""
    events = yes + no
    upto = np.cumsum(events)
    total = int(upto[-1]) if len(upto) else 0
    if not total:
        return None
    firsts = np.unique(np.searchsorted(upto, total * np.arange(1, count) // count, side="right"))
    starts = np.concatenate([[0], firsts[upto[firsts] > events[firsts]]])
    gaps = np.add.reduceat(yes, starts) - np.add.reduceat(events * values, starts)
    return float(np.abs(gaps).sum()) / total


METRIC = CalibrationError(title="calibration error", kinds=("binary",), lower_is_better=True)
