"""What an experiment's page draws: who is drawn how, and the geometry of its still pictures.

`report` hands over candidates in the order in which they are shown, and gets data for the script's
charts and pixels for the still ones. The same candidates give the same strokes on every page.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from labline.lab_replay.evaluation.metrics import METRICS
from labline.lab_replay.evaluation.result import Bin, Candidate, Drift, Figures, Versus
from labline.lab_replay.evaluation.time_kind import Clock, day_of

COLOURS = 6  # --s0 to --s5 in report.css: told apart by people who do not see red or green
GREYS = 3  # --b0 to --b2
DASHES = ("solid", "dashed", "dotted")
CURVES_MAX = 40  # of a grid of hundreds the best

CALIBRATION_PX, MARGIN_PX = 300, 40
STRIP_PX, STRIP_MARGIN_PX = 220, 8


class Stroke(NamedTuple):
    """How a model's curve is drawn: a colour of the style sheet and a dash."""

    line: str
    dash: str


class Spot(NamedTuple):
    """A point of a picture, in its pixels, with what it stands for in `words`."""

    x: float
    y: float
    radius: float
    words: str


class Interval(NamedTuple):
    """A confidence interval on a strip, in its pixels."""

    low: float
    middle: float
    high: float
    zero: float


def strokes(candidates: Sequence[Candidate]) -> dict[str, Stroke]:
    """Return how each model is drawn: candidates in colours, baselines in grey and broken.

    Examples
    --------
    >>> def one(name, kind):
    ...     return Candidate(name=name, recipe="", kind=kind, metrics={})
    >>> strokes((one("a", "candidate"), one("rate", "baseline")))
    {'a': Stroke(line='s0', dash='solid'), 'rate': Stroke(line='b0', dash='dashed')}
    """
    drawn = {}
    seen = {"candidate": 0, "baseline": 0}
    for candidate in candidates:
        turn = seen[candidate.kind]
        seen[candidate.kind] += 1
        if candidate.kind == "candidate":
            dash = DASHES[turn // COLOURS % len(DASHES)]
            drawn[candidate.name] = Stroke(f"s{turn % COLOURS}", dash)
        else:
            dash = DASHES[1 + turn % 2]
            drawn[candidate.name] = Stroke(f"b{turn % GREYS}", dash)
    return drawn


def curves_of(
    curved: Sequence[Candidate],
    shown: Sequence[Candidate],
    metrics: Sequence[str],
    drawn: dict[str, Stroke],
    inputs_drift: Sequence[Drift],
    clock: Clock = "recorded",
) -> dict[str, Any]:
    """Return what the charts draw, each window's figures and those so far.

    Time is in seconds, as the chart wants it; where rows stand for it, in rows.

    A candidate that was given up has no windows after that: its curve ends there.
    """
    unit_ms = 1 if clock == "rows" else 1_000
    times_ms = window_times(curved)
    ends_ms = window_ends(curved)
    first = {candidate.name for candidate in shown}
    series = []
    for candidate in curved:
        by_middle = {window.middle_ms: window.metrics for window in candidate.windows}
        by_end = {window.end_ms: window.so_far for window in candidate.windows}
        series.append(
            {
                "name": candidate.name,
                "kind": candidate.kind,
                **drawn[candidate.name]._asdict(),
                "shown": candidate.name in first,
                "values": {metric: _column(by_middle, times_ms, metric) for metric in metrics},
                "so_far": {metric: _column(by_end, ends_ms, metric) for metric in metrics},
            }
        )
    marks: list[dict[str, Any]] = [
        {"at": drift.event_time_ms / unit_ms, "what": drift.what, "who": who}
        for who, drifts in ((None, inputs_drift), *((c.name, c.drift) for c in curved))
        for drift in drifts
    ]
    return {
        "clock": clock,
        "times": [time_ms / unit_ms for time_ms in times_ms],
        "ends": [time_ms / unit_ms for time_ms in ends_ms],
        "metrics": [
            {"key": m, "title": METRICS[m].title, "lower": METRICS[m].lower_is_better}
            for m in metrics
        ],
        "series": series,
        "marks": sorted(marks, key=lambda mark: mark["at"]),
    }


def window_times(curved: Sequence[Candidate]) -> list[int]:
    """Return the middles of all windows, ascending."""
    return sorted({window.middle_ms for candidate in curved for window in candidate.windows})


def window_ends(curved: Sequence[Candidate]) -> list[int]:
    """Return the ends of all windows, ascending."""
    return sorted({window.end_ms for candidate in curved for window in candidate.windows})


def _column(
    by_time: Mapping[int, Figures], times_ms: Sequence[int], metric: str
) -> list[float | None]:
    """Return a curve's points with as many digits as can be seen: pages are to stay small."""
    values = (by_time.get(time_ms, {}).get(metric) for time_ms in times_ms)
    return [None if value is None else float(f"{value:.6g}") for value in values]


def calibration_spots(bins: Sequence[Bin]) -> list[Spot]:
    """Return a calibration curve's points; the more events, the larger.

    Examples
    --------
    >>> calibration_spots([Bin(predicted=0.5, observed=0.25, events=40)])[0][:3]
    (190.0, 237.0, 7.0)
    """
    most = max((part.events for part in bins), default=1)
    return [
        Spot(
            round(MARGIN_PX + part.predicted * CALIBRATION_PX, 1),
            round(12 + (1 - part.observed) * CALIBRATION_PX, 1),
            round(2 + 5 * (part.events / most) ** 0.5, 1),
            f"said {part.predicted:.2f}, was {part.observed:.2f}, {part.events:,} events",
        )
        for part in bins
    ]


def interval_scale(versus: Sequence[Versus]) -> float:
    """Return the largest difference that strips have to show."""
    return max((max(abs(one.low), abs(one.high)) for one in versus), default=1.0) or 1.0


def interval(versus: Versus, scale: float) -> Interval:
    """Return a difference of losses on a strip; what is left of zero is better.

    Examples
    --------
    >>> one = Versus(other="a", loss="brier", events=9, difference=-0.5, low=-1, high=0,
    ...     alpha=0.05, verdict="undecided")
    >>> interval(one, 1.0)
    Interval(low=8.0, middle=59.0, high=110.0, zero=110.0)
    """
    half = STRIP_PX / 2

    def at(value: float) -> float:
        return round(half + value / scale * (half - STRIP_MARGIN_PX), 1)

    return Interval(at(versus.low), at(versus.difference), at(versus.high), half)


def strip_spots(values: Sequence[float | None], low: float, high: float) -> list[float | None]:
    """Return where values lie on a strip from `low` to `high`.

    Examples
    --------
    >>> strip_spots([0.0, None, 1.0], 0.0, 1.0)
    [8.0, None, 212.0]
    """
    width = STRIP_PX - 2 * STRIP_MARGIN_PX
    span = (high - low) or 1.0
    return [
        None if value is None else round(STRIP_MARGIN_PX + (value - low) / span * width, 1)
        for value in values
    ]


def bar(value: float, most: float) -> float:
    """Return a bar's length on a strip; the longest fills it."""
    return round(max(value, 0.0) / (most or 1.0) * STRIP_PX, 1)


def drift_marks(
    candidates: Sequence[Candidate], inputs_drift: Sequence[Drift], clock: Clock = "recorded"
) -> list[tuple[str, str]]:
    """Return every change that a detector saw, by time: its day, and what changed."""
    marks = [(d.event_time_ms, d.what) for d in inputs_drift]
    marks += [(d.event_time_ms, f"{c.name}: {d.what}") for c in candidates for d in c.drift]
    return [(day_of(time_ms, clock), what) for time_ms, what in sorted(marks)]
