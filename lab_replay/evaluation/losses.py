"""What one answer to one event cost, in arrays: what metrics and comparisons average.

Labels are float64: 0 or 1, the index of a class, or a value. Probabilities of several classes are
one row an event. Every row has a label and an answer; whoever calls leaves out the others.
"""

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Booleans: TypeAlias = NDArray[np.bool_]

LOG_LOSS_CLIP = 1e-15  # probabilities of 0 and 1 count as this far from them; river's own


def decided(score: Floats, threshold: float = 0.5) -> NDArray[Any]:
    """Return what was answered: yes (from the threshold on) or no, or the index of a class.

    Of classes that are equally probable, the first.

    Examples
    --------
    >>> decided(np.array([0.5, 0.4])).tolist(), decided(np.array([[0.2, 0.4, 0.4]])).tolist()
    ([True, False], [1])
    """
    return score >= threshold if score.ndim == 1 else score.argmax(axis=1)


def right(score: Floats, label: Floats, threshold: float = 0.5) -> Booleans:
    """Return which events were answered rightly.

    Examples
    --------
    >>> right(np.array([0.5, 0.4, 0.9]), np.array([1.0, 0, 0])).tolist()
    [True, True, False]
    """
    found: Booleans = decided(score, threshold) == label
    return found


def of_truth(score: Floats, label: Floats) -> Floats:
    """Return the probability that was given to what turned out to be so.

    Examples
    --------
    >>> of_truth(np.array([0.75, 0.75]), np.array([1.0, 0])).tolist()
    [0.75, 0.25]
    """
    if score.ndim == 1:
        return np.where(label != 0, score, 1.0 - score)
    found: Floats = score[np.arange(len(label)), label.astype(np.intp)]
    return found


def log_losses(score: Floats, label: Floats, clip: float = LOG_LOSS_CLIP) -> Floats:
    """Return logarithmic losses, probabilities clipped to ``[clip, 1 - clip]``.

    Examples
    --------
    >>> log_losses(np.array([0.5, 1.0]), np.array([0.0, 0]), clip=0.01).round(4).tolist()
    [0.6931, 4.6052]
    """
    losses: Floats = -np.log(of_truth(np.clip(score, clip, 1.0 - clip), label))
    return losses


def brier_losses(score: Floats, label: Floats) -> Floats:
    """Return squared differences of probability and label: of yes, or summed over the classes.

    Examples
    --------
    >>> brier_losses(np.array([1.0, 0.5]), np.array([1.0, 0])).tolist()
    [0.0, 0.25]
    >>> brier_losses(np.array([[0.5, 0.5, 0.0]]), np.array([0.0])).tolist()
    [0.5]
    """
    if score.ndim == 1:
        return np.square(score - label)
    truth = of_truth(score, label)
    losses: Floats = np.square(score).sum(axis=1) - np.square(truth) + np.square(1.0 - truth)
    return losses


def absolute_losses(score: Floats, label: Floats, bound: float = np.inf) -> Floats:
    """Return absolute errors, none larger than `bound`.

    Examples
    --------
    >>> absolute_losses(np.array([1.0, 5.0]), np.array([2.0, 50.0]), bound=10).tolist()
    [1.0, 10.0]
    """
    return np.minimum(np.abs(score - label), bound)


def finite(value: float | None) -> float | None:
    """Return a figure, or None for one that is beyond all numbers.

    Examples
    --------
    >>> finite(0.5), finite(float("inf")), finite(None)
    (0.5, None, None)
    """
    return value if value is not None and np.isfinite(value) else None
