"""Metrics over event time, per slice and in money: from the prediction log.

One candidate's column is in memory at a time; borders of windows and parts are found once.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labline.engine.core.kinds import KINDS
from labline.engine.core.line import Costs
from labline.engine.errors import LablineError
from labline.lab_replay.evaluation.figures import figures, figures_by_window, metrics_for
from labline.lab_replay.evaluation.losses import Floats
from labline.lab_replay.evaluation.prediction_log import PredictionLog
from labline.lab_replay.evaluation.result import Money, Part, Window

WINDOWS = 60
WINDOW_EVENTS_MIN = 200
PART_VALUES_MAX = 12
OTHER = "other"
ONE_STRAY_OF = 1_000  # events at either end may have a time that is far from all others


def span(event_time_ms: NDArray[np.int64]) -> tuple[int, int]:
    """Return where ascending event times begin and end, strays left aside.

    One event in `ONE_STRAY_OF`, at either end, may be a stray: written in seconds instead of
    milliseconds, by a clock that was never set. It is one if it is farther from the others than
    these are from each other.

    Examples
    --------
    >>> span(np.array([10, 20, 30, 40])), span(np.array([-9_000, 10, 20, 30, 40]))
    ((10, 40), (10, 40))
    """
    size = len(event_time_ms)
    aside = min(-(-size // ONE_STRAY_OF), (size - 1) // 3)
    first, last = int(event_time_ms[0]), int(event_time_ms[-1])
    low, high = int(event_time_ms[aside]), int(event_time_ms[size - 1 - aside])
    apart_ms = high - low
    return low if low - first > apart_ms else first, high if last - high > apart_ms else last


def stretches(
    event_time_ms: NDArray[np.int64],
    count: int = WINDOWS,
    events_min: int = WINDOW_EVENTS_MIN,
) -> list[slice]:
    """Return about `count` equally long stretches of ascending event times, as slices.

    A stretch with fewer than `events_min` events is joined to the next, the last to the one
    before; all events are in exactly one. Strays (`span`) are in the first or the last.

    Examples
    --------
    >>> stretches(np.array([0, 1, 2, 3, 40, 41, 99]), count=10, events_min=2)
    [slice(0, 4, None), slice(4, 7, None)]
    """
    size = len(event_time_ms)
    if not size:
        return []
    first, last = span(event_time_ms)
    borders = [first + (last - first + 1) * n // count for n in range(1, count)]
    cuts = [0]
    for cut in [*np.searchsorted(event_time_ms, borders).tolist(), size]:
        if cut - cuts[-1] >= events_min:
            cuts.append(cut)
    cuts[max(len(cuts) - 1, 1) :] = [size]
    return [slice(a, b) for a, b in pairwise(cuts)]


def borders_of(event_time_ms: NDArray[np.int64], parts: list[slice]) -> list[tuple[int, int]]:
    """Return when each stretch begins and ends.

    A stray's time is neither: it would draw the others together into one point.

    Examples
    --------
    >>> borders_of(np.array([-9_000, 10, 20, 30, 40]), [slice(0, 3), slice(3, 5)])
    [(10, 20), (30, 40)]
    """
    first, last = span(event_time_ms) if parts else (0, 0)
    return [
        (max(int(event_time_ms[part.start]), first), min(int(event_time_ms[part.stop - 1]), last))
        for part in parts
    ]


def curves(
    log: PredictionLog,
    metrics: Sequence[str] | None = None,
    *,
    count: int = WINDOWS,
    events_min: int = WINDOW_EVENTS_MIN,
    threshold: float = 0.5,
) -> dict[str, tuple[Window, ...]]:
    """Return every candidate's metrics per window of event time, and over all up to its end.

    Windows are the same for all candidates. An event that a candidate had no answer for is left
    out of its figures only.
    """
    rows, label, windows, middles, ends = _windows(log, count, events_min)
    names = metrics_for(log.kind, metrics)
    by_name = {}
    for name in log.scores:
        scored = figures_by_window(log.scores[name][rows], label, windows, names, threshold)
        by_name[name] = tuple(
            Window(middle_ms=m, end_ms=e, events=s.events, metrics=s.metrics, so_far=so_far)
            for (s, so_far), m, e in zip(scored, middles, ends, strict=True)
        )
    return by_name


def parts(
    log: PredictionLog,
    metrics: Sequence[str] | None = None,
    *,
    threshold: float = 0.5,
    values_max: int = PART_VALUES_MAX,
) -> dict[str, dict[str, tuple[Part, ...]]]:
    """Return every candidate's metrics per slice and its commonest values, the others joined.

    Values come by their labelled events, the commonest first; `OTHER` is last. Events that belong
    to no part of a slice are in none.
    """
    names = metrics_for(log.kind, metrics)
    rows = np.flatnonzero(~np.isnan(log.label))
    label = log.label[rows]
    groups = {
        title: _groups(sliced.codes[rows], sliced.names, values_max)
        for title, sliced in log.slices.items()
    }
    by_name: dict[str, dict[str, tuple[Part, ...]]] = {}
    for name in log.scores:
        score = log.scores[name][rows]
        by_name[name] = {}
        for title, members in groups.items():
            scored = {v: figures(score[m], label[m], names, threshold) for v, m in members.items()}
            by_name[name][title] = tuple(
                Part(value=value, events=s.events, metrics=s.metrics) for value, s in scored.items()
            )
    return by_name


def money(
    log: PredictionLog, name: str, costs: Costs, *, threshold: float = 0.5, incumbent: str = "never"
) -> Money | None:
    """Return what a candidate's decisions would have cost, beside those of the rule in use today.

    Both over the labelled events that the candidate had an answer for; an event that an incumbent
    baseline had none for it decides with no. None for lines that do not decide yes or no.

    Raises
    ------
    LablineError
        ``LL-INCUMBENT-UNKNOWN`` naming the rules that there are.

    Examples
    --------
    >>> log = PredictionLog([1, 2, 3], [1, 0, 1], {"linear": [0.9, 0.7, 0.2]})
    >>> money(log, "linear", Costs(false_positive=1, false_negative=5, unit="EUR"))
    Money(total=6.0, incumbent=10.0, unit='EUR')
    """
    if not KINDS[log.kind].decides:
        return None
    rows = np.flatnonzero(~np.isnan(log.label))
    score = log.scores[name][rows]
    there = ~np.isnan(score)
    so = log.label[rows][there] != 0
    if incumbent in ("never", "always"):
        today = np.full(len(so), incumbent == "always")
    elif incumbent in log.scores:
        today = log.scores[incumbent][rows][there] >= threshold
    else:
        raise LablineError(
            "LL-INCUMBENT-UNKNOWN",
            f"nothing here decides as the incumbent {incumbent!r}",
            f"decision.incumbent is one of: never, always, {', '.join(log.scores)}",
        )
    return Money(
        total=_cost(score[there] >= threshold, so, costs),
        incumbent=_cost(today, so, costs),
        unit=costs.unit,
    )


def _cost(said: NDArray[np.bool_], so: NDArray[np.bool_], costs: Costs) -> float:
    false_positives = int(np.count_nonzero(said & ~so))
    false_negatives = int(np.count_nonzero(so & ~said))
    return costs.false_positive * false_positives + costs.false_negative * false_negatives


def _windows(
    log: PredictionLog, count: int, events_min: int
) -> tuple[NDArray[Any], Floats, list[slice], list[int], list[int]]:
    """Return the labelled rows by event time, their labels, windows; middles and ends of those."""
    rows = np.flatnonzero(~np.isnan(log.label))
    times = log.event_time_ms[rows]
    if np.any(times[1:] < times[:-1]):
        order = np.argsort(times, kind="stable")
        rows, times = rows[order], times[order]
    found = stretches(times, count, events_min)
    borders = borders_of(times, found)
    middles = [(start + end) // 2 for start, end in borders]
    return rows, log.label[rows], found, middles, [end for _, end in borders]


def _groups(
    codes: NDArray[np.int32], names: Sequence[str], values_max: int
) -> Mapping[str, NDArray[Any]]:
    """Return the rows of each common value, and of all the others together."""
    counts = np.bincount(codes[codes >= 0], minlength=len(names))
    by_count = [int(c) for c in np.argsort(-counts, kind="stable") if counts[c]]
    common, rest = by_count[:values_max], by_count[values_max:]
    found = {names[code]: np.flatnonzero(codes == code) for code in common}
    if rest:
        title = OTHER if OTHER not in found else f"{OTHER} (joined)"
        found[title] = np.flatnonzero(np.isin(codes, rest))
    return found
