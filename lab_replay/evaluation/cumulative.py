"""Metrics over all events up to a moment, at many moments, in about one look at the events.

What can be added up (losses, tables of decisions, squares) is added up window by window. What
needs an order (ROC AUC, calibration) is sorted once; then each window adds its events to a count
by score.
"""

from collections.abc import Callable, Iterator, Sequence

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
from labline.lab_replay.evaluation.metrics import CALIBRATION_BINS

Counts = NDArray[np.int64]
#: Metrics that are a mean of what each event cost (`rmse`: the root of one).
LOSSES: dict[str, Callable[[Floats, Floats], Floats]] = {
    "log_loss": log_losses,
    "brier": brier_losses,
    "mae": absolute_losses,
    "rmse": lambda score, label: np.square(score - label),
}
OF_TABLES = ("accuracy", "f1", "macro_f1", "kappa")
OF_ORDER = ("roc_auc", "calibration_error")


def so_far(
    score: Floats, label: Floats, ends: Sequence[int], metrics: Sequence[str], threshold: float
) -> list[dict[str, float | None]]:
    """Return the metrics over the events before each of `ends`, which ascend.

    Parameters
    ----------
    score, label
        Of events that all have an answer and a label, in the order in which they count.

    Examples
    --------
    >>> score, label = np.array([0.9, 0.2, 0.8, 0.1]), np.array([1.0, 0, 0, 0])
    >>> so_far(score, label, [2, 4], ["accuracy", "roc_auc"], 0.5)
    [{'accuracy': 1.0, 'roc_auc': 1.0}, {'accuracy': 0.75, 'roc_auc': 1.0}]
    """
    by_metric: dict[str, list[float | None]] = {}
    if set(metrics) & set(OF_TABLES):
        by_metric |= _of_tables(score, label, ends, metrics, threshold)
    if set(metrics) & set(OF_ORDER):
        by_metric |= _of_order(score, label, ends, metrics)
    with np.errstate(over="ignore", invalid="ignore"):  # a model that ran away
        for metric in metrics:
            if metric in LOSSES:
                by_metric[metric] = _means(metric, LOSSES[metric](score, label), ends)
            elif metric == "r2":
                by_metric[metric] = _r2(score, label, ends)
    return [{metric: finite(by_metric[metric][n]) for metric in metrics} for n in range(len(ends))]


def _pieces(ends: Sequence[int]) -> Iterator[slice]:
    start = 0
    for end in ends:
        yield slice(start, end)
        start = end


def _means(metric: str, losses: Floats, ends: Sequence[int]) -> list[float | None]:
    sums = np.cumsum([losses[piece].sum() for piece in _pieces(ends)])
    means = [float(total) / end if end else None for total, end in zip(sums, ends, strict=True)]
    if metric == "rmse":
        return [None if mean is None else mean**0.5 for mean in means]
    return means


def _of_tables(
    score: Floats, label: Floats, ends: Sequence[int], metrics: Sequence[str], threshold: float
) -> dict[str, list[float | None]]:
    """Return metrics of decisions: one table grows from window to window."""
    cell, classes = cells(score, label, threshold)
    hits = right(score, label, threshold)
    table, hit = np.zeros((classes, classes), np.int64), 0
    found: dict[str, list[float | None]] = {metric: [] for metric in OF_TABLES}
    for piece, end in zip(_pieces(ends), ends, strict=True):
        table += table_of(cell[piece], classes)
        hit += int(np.count_nonzero(hits[piece]))
        found["accuracy"].append(hit / end if end else None)
        found["f1"].append(f1_of(table))
        found["macro_f1"].append(macro_f1_of(table))
        found["kappa"].append(kappa_of(table))
    return {metric: values for metric, values in found.items() if metric in metrics}


def _of_order(
    score: Floats, label: Floats, ends: Sequence[int], metrics: Sequence[str]
) -> dict[str, list[float | None]]:
    """Return metrics of the order of scores: counts by score grow from window to window."""
    values, place = np.unique(score, return_inverse=True)
    yes, no = np.zeros(len(values), np.int64), np.zeros(len(values), np.int64)
    so = label != 0
    wanted = [metric for metric in OF_ORDER if metric in metrics]
    found: dict[str, list[float | None]] = {metric: [] for metric in wanted}
    for piece in _pieces(ends):
        at, true = place[piece], so[piece]
        yes += np.bincount(at[true], minlength=len(values))
        no += np.bincount(at[~true], minlength=len(values))
        for metric in wanted:
            found[metric].append(
                _roc_auc(yes, no) if metric == "roc_auc" else _calibration_error(values, yes, no)
            )
    return found


def _roc_auc(yes: Counts, no: Counts) -> float | None:
    positives, negatives = int(yes.sum()), int(no.sum())
    if not positives or not negatives:
        return None
    outranked = int((yes * (2 * np.cumsum(no) - no)).sum())  # ties count once, the others twice
    return outranked / (2 * positives * negatives)


def _calibration_error(
    values: Floats, yes: Counts, no: Counts, count: int = CALIBRATION_BINS
) -> float | None:
    """Return the error over bins of about equally many events, as `metrics.bins` cuts them."""
    events = yes + no
    upto = np.cumsum(events)
    total = int(upto[-1]) if len(upto) else 0
    if not total:
        return None
    firsts = np.unique(np.searchsorted(upto, total * np.arange(1, count) // count, side="right"))
    starts = np.concatenate([[0], firsts[upto[firsts] > events[firsts]]])
    gaps = np.add.reduceat(yes, starts) - np.add.reduceat(events * values, starts)
    return float(np.abs(gaps).sum()) / total


def _r2(score: Floats, label: Floats, ends: Sequence[int]) -> list[float | None]:
    """Return shares of explained variance; spreads are joined as Chan, Golub and LeVeque do."""
    count, mean, spread, missed = 0, 0.0, 0.0, 0.0
    found: list[float | None] = []
    near = label - label[:1]  # far from zero, differences of means would lose digits
    for piece in _pieces(ends):
        part = near[piece]
        if len(part):
            missed += float(np.square(score[piece] - label[piece]).sum())
            off = float(part.mean()) - mean
            joined = count + len(part)
            spread += float(np.square(part - part.mean()).sum())
            spread += off * off * count * len(part) / joined
            mean += off * len(part) / joined
            count = joined
        found.append(1.0 - missed / spread if spread else None)
    return found
