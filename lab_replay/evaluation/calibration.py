"""Calibration: of the events with about the same probability, how many were so.

The report of an experiment draws the bins; the metric `calibration_error` averages over them.
"""

import numpy as np

from labline.engine.core.kinds import KINDS
from labline.lab_replay.evaluation.losses import Floats
from labline.lab_replay.evaluation.prediction_log import PredictionLog
from labline.lab_replay.evaluation.result import Bin

CALIBRATION_BINS = 10


def calibration(log: PredictionLog, name: str, count: int = CALIBRATION_BINS) -> tuple[Bin, ...]:
    """Return how often events with about the same probability were so; of yes-or-no lines only.

    Examples
    --------
    >>> log = PredictionLog([1, 2], [1, 0], {"linear": [0.9, 0.2]})
    >>> [(part.predicted, part.observed) for part in calibration(log, "linear", count=2)]
    [(0.2, 0.0), (0.9, 1.0)]
    """
    if not KINDS[log.kind].decides:
        return ()
    rows = np.flatnonzero(~np.isnan(log.label))
    score, label = log.scores[name][rows], log.label[rows]
    there = ~np.isnan(score)
    return bins(score[there], label[there], count)


def bins(score: Floats, label: Floats, count: int = CALIBRATION_BINS) -> tuple[Bin, ...]:
    """Return up to `count` bins of about equally many events, by probability.

    Equal probabilities are never parted, so a bin may hold more than its share.

    Examples
    --------
    >>> [(b.predicted, b.observed, b.events) for b in
    ...  bins(np.array([0.1, 0.3, 0.8, 0.8]), np.array([0.0, 0, 1, 0]), count=2)]
    [(0.2, 0.0, 2), (0.8, 0.5, 2)]
    """
    if not len(score):
        return ()
    order = np.argsort(score, kind="stable")
    ranked, label = score[order], label[order]
    shares = (len(ranked) * np.arange(1, count)) // count
    cuts = np.unique(np.searchsorted(ranked, ranked[shares], side="left"))
    starts = np.concatenate([[0], cuts[cuts > 0]])
    sizes = np.diff(np.concatenate([starts, [len(ranked)]]))
    predicted = np.add.reduceat(ranked, starts) / sizes
    observed = np.add.reduceat(label, starts) / sizes
    return tuple(
        Bin(predicted=p, observed=o, events=n)
        for p, o, n in zip(predicted.tolist(), observed.tolist(), sizes.tolist(), strict=True)
    )
