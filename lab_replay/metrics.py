"""Metrics over arrays: probabilities, labels (0 or 1) and event times of scored events."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lab_replay.prediction_log import PredictionLog
from lab_replay.result import MEASURES, Window

Floats: TypeAlias = NDArray[np.float64]
Integers: TypeAlias = NDArray[np.integer[Any]]

LOG_LOSS_CLIP = 1e-15  # probabilities of 0 and 1 count as this far from them
WINDOWS = 60
WINDOW_EVENTS_MIN = 200


def roc_auc(probability: Floats, label: Integers) -> float | None:
    """Return the chance that a positive event outranks a negative one, ties counting half.

    Exact: ranks are counted in integers and divided once. None when a class is missing.

    Examples
    --------
    >>> roc_auc(np.array([0.1, 0.4, 0.35, 0.8]), np.array([0, 0, 1, 1]))
    0.75
    """
    assert not np.isnan(probability).any()
    positives = int(np.count_nonzero(label))
    negatives = len(label) - positives
    if not positives or not negatives:
        return None
    _, group, counts = np.unique(probability, return_inverse=True, return_counts=True)
    twice_rank = 2 * np.cumsum(counts) - counts + 1  # the mean rank of a group of ties, doubled
    of_positives = int(twice_rank[group[label != 0]].sum())
    return (of_positives - positives * (positives + 1)) / (2 * positives * negatives)


def log_loss(probability: Floats, label: Integers) -> float | None:
    """Return the mean logarithmic loss, probabilities clipped by `LOG_LOSS_CLIP`.

    Examples
    --------
    >>> log_loss(np.array([0.5, 0.5]), np.array([1, 0]))
    0.6931471805599453
    """
    if not len(label):
        return None
    right = np.where(label != 0, probability, 1.0 - probability)
    return float(-np.log(np.clip(right, LOG_LOSS_CLIP, 1.0 - LOG_LOSS_CLIP)).mean())


def brier(probability: Floats, label: Integers) -> float | None:
    """Return the mean squared difference of probability and label.

    Examples
    --------
    >>> brier(np.array([1.0, 0.5]), np.array([1, 0]))
    0.125
    """
    return float(np.square(probability - (label != 0)).mean()) if len(label) else None


def accuracy(probability: Floats, label: Integers, threshold: float = 0.5) -> float | None:
    """Return the share of right decisions; a probability at the threshold decides for.

    Examples
    --------
    >>> accuracy(np.array([0.5, 0.4, 0.9]), np.array([1, 0, 0]))
    0.6666666666666666
    """
    if not len(label):
        return None
    return float(((probability >= threshold) == (label != 0)).mean())


class Scored(NamedTuple):
    """A candidate's metrics and the number of events that they rest on."""

    metrics: dict[str, float | None]
    events: int


def evaluate(
    log: PredictionLog,
    metrics: Sequence[str] = tuple(MEASURES),
    *,
    threshold: float = 0.5,
) -> dict[str, Scored]:
    """Return every candidate's metrics over the labelled events that it gave a probability for.

    Examples
    --------
    >>> log = PredictionLog(["a", "b"], np.array([1, 2]), np.array([1, 0]),
    ...                     {"linear": np.array([0.9, 0.2])})
    >>> evaluate(log, ["roc_auc", "accuracy"])
    {'linear': Scored(metrics={'roc_auc': 1.0, 'accuracy': 1.0}, events=2)}
    """
    functions: dict[str, Callable[[Floats, Integers], float | None]] = {
        "roc_auc": roc_auc,
        "log_loss": log_loss,
        "brier": brier,
        "accuracy": lambda p, y: accuracy(p, y, threshold),
    }
    labelled = log.labelled()
    scored = {}
    for name, probability in labelled.probabilities.items():
        there = ~np.isnan(probability)
        p, y = probability[there], labelled.label[there]
        scored[name] = Scored({metric: functions[metric](p, y) for metric in metrics}, len(y))
    return scored


def stretches(
    event_time_ms: NDArray[np.int64],
    count: int = WINDOWS,
    events_min: int = WINDOW_EVENTS_MIN,
) -> list[slice]:
    """Return about `count` equally long stretches of ascending event times, as slices.

    A stretch with fewer than `events_min` events is joined to the next, the last to the one
    before; all events are in exactly one.

    Examples
    --------
    >>> stretches(np.array([0, 1, 2, 3, 40, 41, 99]), count=10, events_min=2)
    [slice(0, 4, None), slice(4, 7, None)]
    """
    size = len(event_time_ms)
    if not size:
        return []
    first, last = int(event_time_ms[0]), int(event_time_ms[-1])
    borders = [first + (last - first + 1) * n // count for n in range(1, count)]
    cuts = [0]
    for cut in [*np.searchsorted(event_time_ms, borders).tolist(), size]:
        if cut - cuts[-1] >= events_min:
            cuts.append(cut)
    cuts[max(len(cuts) - 1, 1) :] = [size]
    return [slice(a, b) for a, b in pairwise(cuts)]


def windows(
    probability: Floats,
    label: Integers,
    event_time_ms: NDArray[np.int64],
    *,
    count: int = WINDOWS,
    events_min: int = WINDOW_EVENTS_MIN,
) -> list[Window]:
    """Return ROC AUC and log loss per window of event time.

    Parameters
    ----------
    probability
        May hold NaN where a candidate had no answer: left out of its window's figures, though the
        windows stay the same, so that curves of several candidates share their times.
    event_time_ms
        Ascending.
    """
    found = []
    for part in stretches(event_time_ms, count, events_min):
        p, y, times = probability[part], label[part], event_time_ms[part]
        there = ~np.isnan(p)
        p, y = p[there], y[there]
        found.append(
            Window(
                middle_ms=(int(times[0]) + int(times[-1])) // 2,
                events=len(y),
                roc_auc=roc_auc(p, y),
                log_loss=log_loss(p, y),
            )
        )
    return found


def curves(
    log: PredictionLog, *, count: int = WINDOWS, events_min: int = WINDOW_EVENTS_MIN
) -> Mapping[str, tuple[Window, ...]]:
    """Return every candidate's windows over the labelled events, at the same times for all."""
    labelled = log.labelled().by_event_time()

    def each() -> Iterator[tuple[str, tuple[Window, ...]]]:
        for name, probability in labelled.probabilities.items():
            found = windows(
                probability,
                labelled.label,
                labelled.event_time_ms,
                count=count,
                events_min=events_min,
            )
            yield name, tuple(found)

    return dict(each())
