"""Metrics over arrays: what a candidate answered to labelled events, and what was so.

River's definitions wherever river has one, over all events at once. None where a metric is not
defined: no event, or one class only where it needs two.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from labline.lab_replay.evaluation.confusion import cells, f1_of, kappa_of, macro_f1_of, table_of
from labline.lab_replay.evaluation.losses import (
    Floats,
    absolute_losses,
    brier_losses,
    finite,
    log_losses,
    right,
)
from labline.lab_replay.evaluation.prediction_log import PredictionLog
from labline.lab_replay.evaluation.result import MEASURES, Bin

CALIBRATION_BINS = 10


def roc_auc(score: Floats, label: Floats) -> float | None:
    """Return the chance that a positive event outranks a negative one, ties counting half.

    Exact: ranks are counted in integers and divided once (river's own counts in bins).

    Examples
    --------
    >>> roc_auc(np.array([0.1, 0.4, 0.35, 0.8]), np.array([0.0, 0, 1, 1]))
    0.75
    """
    positives = int(np.count_nonzero(label))
    negatives = len(label) - positives
    if not positives or not negatives:
        return None
    order = np.argsort(score)
    ranked = score[order]
    firsts = np.concatenate([[0], np.flatnonzero(ranked[1:] != ranked[:-1]) + 1])
    ends = np.concatenate([firsts[1:], [len(ranked)]])
    yes = np.add.reduceat((label[order] != 0).astype(np.int64), firsts)
    of_positives = int((yes * (firsts + ends + 1)).sum())  # mean ranks of ties, doubled
    return (of_positives - positives * (positives + 1)) / (2 * positives * negatives)


def log_loss(score: Floats, label: Floats) -> float | None:
    """Return the mean logarithmic loss, probabilities clipped by `losses.LOG_LOSS_CLIP`.

    Examples
    --------
    >>> log_loss(np.array([0.5, 0.5]), np.array([1.0, 0]))
    0.6931471805599453
    """
    return _mean(log_losses(score, label))


def brier(score: Floats, label: Floats) -> float | None:
    """Return the mean squared difference of probability and label, summed over several classes.

    Examples
    --------
    >>> brier(np.array([1.0, 0.5]), np.array([1.0, 0]))
    0.125
    """
    return _mean(brier_losses(score, label))


def accuracy(score: Floats, label: Floats, threshold: float = 0.5) -> float | None:
    """Return the share of right answers; a probability at the threshold is a yes.

    Examples
    --------
    >>> accuracy(np.array([0.5, 0.4, 0.9]), np.array([1.0, 0, 0]))
    0.6666666666666666
    """
    return _mean(right(score, label, threshold))


def f1(score: Floats, label: Floats, threshold: float = 0.5) -> float | None:
    """Return the harmonic mean of precision and recall of yes; None without a yes on either side.

    Examples
    --------
    >>> f1(np.array([0.9, 0.9, 0.1]), np.array([1.0, 0, 0]))
    0.6666666666666666
    """
    return f1_of(table_of(*cells(score, label, threshold)))


def macro_f1(score: Floats, label: Floats, threshold: float = 0.5) -> float | None:
    """Return the mean F1 of the classes that were so or were answered.

    Examples
    --------
    >>> macro_f1(np.eye(3)[[0, 0, 1]], np.array([0.0, 1, 1]))
    0.6666666666666666
    """
    return macro_f1_of(table_of(*cells(score, label, threshold)))


def kappa(score: Floats, label: Floats, threshold: float = 0.5) -> float | None:
    """Return Cohen's kappa: accuracy beyond what chance gives; None where chance gives all.

    Examples
    --------
    >>> kappa(np.array([0.9, 0.9, 0.1, 0.1]), np.array([1.0, 0, 0, 0]))
    0.5
    """
    return kappa_of(table_of(*cells(score, label, threshold)))


def calibration_error(score: Floats, label: Floats) -> float | None:
    """Return how far observed shares are from predicted ones, on average over `bins`.

    Examples
    --------
    >>> round(calibration_error(np.array([0.25, 0.25, 0.75, 0.75]), np.array([0.0, 0, 1, 0])), 6)
    0.25
    """
    found = bins(score, label)
    events = sum(part.events for part in found)
    gaps = sum(part.events * abs(part.observed - part.predicted) for part in found)
    return gaps / events if events else None


def mae(score: Floats, label: Floats) -> float | None:
    """Return the mean absolute error.

    Examples
    --------
    >>> mae(np.array([1.0, 2.0]), np.array([2.0, 4.0]))
    1.5
    """
    return _mean(absolute_losses(score, label))


def rmse(score: Floats, label: Floats) -> float | None:
    """Return the root of the mean squared error.

    Examples
    --------
    >>> rmse(np.array([1.0, 2.0]), np.array([2.0, 3.0]))
    1.0
    """
    mean = _mean(np.square(score - label))
    return None if mean is None else float(np.sqrt(mean))


def r2(score: Floats, label: Floats) -> float | None:
    """Return the share of the labels' variance that is explained; None where they do not vary.

    Examples
    --------
    >>> r2(np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 3.0]))
    1.0
    """
    near = label - label[:1]  # a mean of equal labels may be off in the last digit, that of 0 is 0
    total = float(np.square(near - near.mean()).sum()) if len(label) else 0.0
    return 1.0 - float(np.square(score - label).sum()) / total if total else None


#: By the names of `result.MEASURES`; those of answers as they are, and those of decisions.
OF_ANSWERS: dict[str, Callable[[Floats, Floats], float | None]] = {
    "log_loss": log_loss,
    "roc_auc": roc_auc,
    "brier": brier,
    "calibration_error": calibration_error,
    "mae": mae,
    "rmse": rmse,
    "r2": r2,
}
OF_DECISIONS: dict[str, Callable[[Floats, Floats, float], float | None]] = {
    "accuracy": accuracy,
    "f1": f1,
    "macro_f1": macro_f1,
    "kappa": kappa,
}


class Scored(NamedTuple):
    """A candidate's metrics and the number of events that they rest on."""

    metrics: dict[str, float | None]
    events: int


def evaluate(
    log: PredictionLog, metrics: Sequence[str] | None = None, *, threshold: float = 0.5
) -> dict[str, Scored]:
    """Return every candidate's metrics over the labelled events that it had an answer for.

    Parameters
    ----------
    metrics
        Names; those that are not for the log's kind are left out. None: all for its kind.

    Examples
    --------
    >>> log = PredictionLog([1, 2], [1, 0], {"linear": [0.9, 0.2]})
    >>> evaluate(log, ["roc_auc", "accuracy"])
    {'linear': Scored(metrics={'roc_auc': 1.0, 'accuracy': 1.0}, events=2)}
    """
    wanted = wanted_metrics(log.kind, metrics)
    rows = np.flatnonzero(~np.isnan(log.label))
    label = log.label[rows]
    return {name: figures(log.scores[name][rows], label, wanted, threshold) for name in log.scores}


def figures(score: Floats, label: Floats, metrics: Sequence[str], threshold: float) -> Scored:
    """Return the metrics of one candidate over labelled events; NaN is no answer, left out."""
    there = answered(score)
    if not there.all():
        score, label = score[there], label[there]
    with np.errstate(over="ignore", invalid="ignore"):  # a model that ran away
        found = {
            metric: finite(
                OF_ANSWERS[metric](score, label)
                if metric in OF_ANSWERS
                else OF_DECISIONS[metric](score, label, threshold)
            )
            for metric in metrics
        }
    return Scored(found, len(label))


def answered(score: Floats) -> NDArray[np.bool_]:
    """Return which events have an answer.

    Examples
    --------
    >>> answered(np.array([[0.5, 0.5], [np.nan, np.nan]])).tolist()
    [True, False]
    """
    return ~np.isnan(score if score.ndim == 1 else score[:, 0])


def wanted_metrics(kind: str, metrics: Sequence[str] | None) -> list[str]:
    """Return those of `metrics` (None: of all) that are for this kind of line.

    Examples
    --------
    >>> wanted_metrics("anomaly", None), wanted_metrics("regression", ["f1", "mae"])
    (['roc_auc'], ['mae'])
    """
    return [name for name in metrics or MEASURES if kind in MEASURES[name].kinds]


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


def _mean(values: NDArray[np.floating] | NDArray[np.bool_]) -> float | None:
    return float(values.mean()) if len(values) else None
