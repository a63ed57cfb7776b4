"""Losses that cannot exceed a bound: what anytime-valid comparisons need.

`compare` takes two candidates' differences from here, `drift` one candidate's losses, and the
early stop of replays the losses of a block of labels. Labels come in the order in which they
arrived, because that is when anybody could have known.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from labline.engine.core.kinds import KINDS
from labline.engine.errors import LablineError
from labline.lab_replay.evaluation.losses import (
    Booleans,
    Floats,
    absolute_losses,
    brier_losses,
    log_losses,
)
from labline.lab_replay.evaluation.prediction_log import PredictionLog

COMPARE_CLIP = 0.01  # of probabilities, for the logarithmic loss: it must be bounded
BOUND_LABELS_MAX = 1_000  # at the beginning: they say how large an absolute error can count
BOUND_MIN, BOUND_MAX = 1e-100, 1e100  # squares of errors, and sums of them, must be numbers
LOSSES = {"binary": ("brier", "log_loss"), "multiclass": ("brier", "log_loss")} | {
    "regression": ("absolute",)
}


def loss_of(kind: str, loss: str | None = None) -> str:
    """Return the bounded loss to compare by on lines of this kind: the one asked for, if it is so.

    Examples
    --------
    >>> loss_of("binary"), loss_of("binary", "log_loss"), loss_of("regression")
    ('brier', 'log_loss', 'absolute')
    """
    known = LOSSES.get(kind, ())
    if not known:
        raise LablineError(
            "LL-COMPARE-LOSS",
            f"{kind} scores promise nothing that a loss could hold against them",
            "compare their ROC AUC in the table of the experiment",
        )
    if loss is not None and loss not in known:
        raise LablineError(
            "LL-COMPARE-LOSS",
            f"there is no bounded loss {loss!r} for {kind} lines",
            f"--loss {' or '.join(known)}",
        )
    return loss or known[0]


def bound_of(bound: float) -> float:
    """Return a bound that was asked for, if it is one.

    Examples
    --------
    >>> bound_of(30.0)
    30.0
    """
    if not BOUND_MIN <= bound <= BOUND_MAX:
        raise LablineError(
            "LL-COMPARE-BOUND",
            f"an error cannot be counted up to {bound:g}",
            f"--bound from {BOUND_MIN:g} to {BOUND_MAX:g}",
        )
    return bound


def range_of_first(label: Floats) -> tuple[float | None, int]:
    """Return the range of the first labels, and how many these are.

    A tenth of them, at most `BOUND_LABELS_MAX`; twice as many, and so on, while they are all the
    same. None if all are, or if the range is beyond `BOUND_MAX`: then all are the first.

    Examples
    --------
    >>> range_of_first(np.arange(100.0)), range_of_first(np.maximum(np.arange(100.0), 30.0))
    ((9.0, 10), (9.0, 40))
    >>> range_of_first(np.full(100, 3.1))
    (None, 100)
    """
    first = min(max(len(label) // 10, 1), BOUND_LABELS_MAX)
    while first < len(label):
        with np.errstate(over="ignore"):
            found = float(np.ptp(label[:first]))
        if found >= BOUND_MIN:
            return (found, first) if found <= BOUND_MAX else (None, len(label))
        first *= 2
    return None, len(label)


def largest_loss(kind: str, loss: str, bound: float = 1.0) -> float:
    """Return how large a loss can be.

    Examples
    --------
    >>> largest_loss("multiclass", "brier"), round(largest_loss("binary", "log_loss"), 3)
    (2.0, 4.605)
    """
    if loss == "brier":
        return 2.0 if KINDS[kind].has_classes else 1.0
    return float(-np.log(COMPARE_CLIP)) if loss == "log_loss" else bound


def widest_difference(kind: str, loss: str, bound: float = 1.0) -> float:
    """Return how far two losses can be apart.

    Examples
    --------
    >>> widest_difference("binary", "brier"), widest_difference("multiclass", "brier")
    (1.0, 2.0)
    >>> round(widest_difference("binary", "log_loss"), 3)
    4.595
    """
    if loss == "log_loss":
        return float(np.log((1 - COMPARE_CLIP) / COMPARE_CLIP))
    return largest_loss(kind, loss, bound)


def bounded_losses(score: Floats, label: Floats, loss: str, bound: float = 1.0) -> Floats:
    """Return the losses of answers to labelled events, bounded as `widest_difference` says.

    Of an event without an answer it is NaN.

    Examples
    --------
    >>> bounded_losses(np.array([0.0, 1.0]), np.array([1.0, 1.0]), "log_loss").round(3).tolist()
    [4.605, 0.01]
    """
    if loss == "brier":
        return brier_losses(score, label)
    if loss == "log_loss":
        return log_losses(score, label, COMPARE_CLIP)
    with np.errstate(over="ignore"):  # a model that ran away
        return absolute_losses(score, label, bound)


class PairedLosses(NamedTuple):
    """How two candidates differ at the labels of the events that both answered.

    Attributes
    ----------
    rows
        Of the log, in the order in which their labels arrived.
    differences
        The loss of the one less that of the other, none further from 0 than `widest`.
    bound
        No loss counts as larger; None where nothing says so, and nothing is compared.
    """

    loss: str
    rows: NDArray[np.intp]
    differences: Floats
    bound: float | None
    widest: float


def paired_losses(
    log: PredictionLog, name: str, other: str, loss: str | None, bound: float | None
) -> PairedLosses:
    """Return the differences of two candidates' bounded losses; parameters as in `compare`.

    Raises
    ------
    LablineError
        ``LL-COMPARE-LOSS``, ``LL-COMPARE-BOUND``.
    """
    loss, rows = loss_of(log.kind, loss), log.label_rows()
    if bound is not None:
        bound = bound_of(bound)
    elif loss == "absolute":
        bound, first = range_of_first(log.label[rows])
        rows = rows[first:]
    limit = 1.0 if bound is None else bound
    widest = widest_difference(log.kind, loss, limit)
    counted_up_to = bound if loss == "absolute" else largest_loss(log.kind, loss)
    one, two = log.scores[name][rows], log.scores[other][rows]
    losses, others, both = losses_of_both(one, two, log.label[rows], loss, limit)
    # a row of probabilities may sum to a rounding more than 1
    differences = np.clip(losses - others, -widest, widest)
    return PairedLosses(loss, rows[both], differences, counted_up_to, widest)


def losses_of_both(
    one: Floats, two: Floats, label: Floats, loss: str, bound: float = 1.0
) -> tuple[Floats, Floats, Booleans]:
    """Return two candidates' losses at the events that both answered, and which these are.

    Examples
    --------
    >>> one, two = np.array([1.0, np.nan]), np.array([0.0, 0.5])
    >>> [each.tolist() for each in losses_of_both(one, two, np.array([1.0, 1.0]), "brier")]
    [[0.0], [1.0], [True, False]]
    """
    losses, others = (bounded_losses(score, label, loss, bound) for score in (one, two))
    both: Booleans = ~(np.isnan(losses) | np.isnan(others))
    return losses[both], others[both], both


def relative_losses(log: PredictionLog, name: str) -> tuple[Floats, NDArray[np.intp]]:
    """Return a candidate's losses as shares of the largest, in the order of labels, and whose.

    An absolute error counts up to the 99th percentile; there is nothing of a model that ran away.
    """
    loss, rows = loss_of(log.kind), log.label_rows()
    score, label, bound = log.scores[name][rows], log.label[rows], 1.0
    if loss == "absolute":
        with np.errstate(over="ignore", invalid="ignore"):  # a model that ran away
            errors = np.abs(score - label)
            errors = errors[~np.isnan(errors)]
            bound = float(np.quantile(errors, 0.99)) or 1.0 if len(errors) else 1.0
        if not np.isfinite(bound):
            return np.empty(0), rows[:0]
    widest = widest_difference(log.kind, loss, bound)
    losses = bounded_losses(score, label, loss, bound) / widest
    there = ~np.isnan(losses)
    return losses[there], rows[there]
