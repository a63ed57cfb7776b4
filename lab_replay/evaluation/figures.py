"""Figures of candidates: every metric that is asked for, over the events that have a label.

Called by the curves, the report of a line, a what-if and the demo, with a prediction log or with
arrays. A figure is None where its metric is not defined, or beyond all numbers.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from labline.lab_replay.evaluation.answers import LabelledAnswers
from labline.lab_replay.evaluation.losses import Booleans, Floats, finite
from labline.lab_replay.evaluation.metrics import METRICS
from labline.lab_replay.evaluation.prediction_log import PredictionLog


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
    names = metrics_for(log.kind, metrics)
    rows = np.flatnonzero(~np.isnan(log.label))
    label = log.label[rows]
    return {name: figures(log.scores[name][rows], label, names, threshold) for name in log.scores}


def figures(score: Floats, label: Floats, metrics: Sequence[str], threshold: float) -> Scored:
    """Return the metrics of one candidate over labelled events; NaN is no answer, left out."""
    there = answered(score)
    if not there.all():
        score, label = score[there], label[there]
    answers = LabelledAnswers(score, label, threshold)
    with np.errstate(over="ignore", invalid="ignore"):  # a model that ran away
        values = {metric: finite(METRICS[metric].value(answers)) for metric in metrics}
    return Scored(values, len(label))


def cumulative_figures(
    answers: LabelledAnswers, ends: Sequence[int], metrics: Sequence[str]
) -> list[dict[str, float | None]]:
    """Return the metrics over the events before each of `ends`, which ascend.

    Parameters
    ----------
    answers
        To events that all have an answer, in the order in which they count.

    Examples
    --------
    >>> answers = LabelledAnswers(np.array([0.9, 0.2, 0.8, 0.1]), np.array([1.0, 0, 0, 0]))
    >>> cumulative_figures(answers, [2, 4], ["accuracy", "roc_auc"])
    [{'accuracy': 1.0, 'roc_auc': 1.0}, {'accuracy': 0.75, 'roc_auc': 1.0}]
    """
    with np.errstate(over="ignore", invalid="ignore"):  # a model that ran away
        columns = {metric: METRICS[metric].cumulative(answers, ends) for metric in metrics}
    return [
        {metric: finite(values[moment]) for metric, values in columns.items()}
        for moment in range(len(ends))
    ]


def figures_by_window(
    score: Floats, label: Floats, windows: Sequence[slice], metrics: Sequence[str], threshold: float
) -> list[tuple[Scored, dict[str, float | None]]]:
    """Return the metrics of one candidate in each window, and over all events up to its end.

    A window that the candidate answered nothing in has no figures at all.

    Parameters
    ----------
    windows
        One behind the other, from the first of the events on.
    """
    there = answered(score)
    ends = np.cumsum(there)[[window.stop - 1 for window in windows]].tolist() if windows else []
    answers = LabelledAnswers(score[there], label[there], threshold)
    totals = cumulative_figures(answers, ends, metrics)
    scored = [figures(score[window], label[window], metrics, threshold) for window in windows]
    return [
        (one, total if one.events else dict.fromkeys(total))
        for one, total in zip(scored, totals, strict=True)
    ]


def answered(score: Floats) -> Booleans:
    """Return which events have an answer.

    Examples
    --------
    >>> answered(np.array([[0.5, 0.5], [np.nan, np.nan]])).tolist()
    [True, False]
    """
    there: Booleans = ~np.isnan(score if score.ndim == 1 else score[:, 0])
    return there


def metrics_for(kind: str, metrics: Sequence[str] | None = None) -> list[str]:
    """Return those of `metrics` (None: of all) that are for this kind of line.

    Examples
    --------
    >>> metrics_for("anomaly"), metrics_for("regression", ["f1", "mae"])
    (['roc_auc'], ['mae'])
    """
    return [name for name in metrics or METRICS if kind in METRICS[name].kinds]
