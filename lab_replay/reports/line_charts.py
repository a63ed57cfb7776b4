"""The still charts of a line's page: shares and scores over event time, in pixels.

`line_report` hands over a line's facts and draws the pictures that come back with its template.
Everything is computed here, so that the page needs no script to show them.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from labline.engine.core.kinds import KINDS
from labline.engine.core.moment import moment_of
from labline.lab_replay.evaluation.headline import percent
from labline.lab_replay.reports.line_figures import LineFacts, Window

WIDTH_PX, HEIGHT_PX = 960, 220
LEFT_PX, RIGHT_PX, TOP_PX, BOTTOM_PX = 64, 12, 10, 26
TIMES = 6  # marks of the axis of time
MINUTE_MS, DAY_MS = 60_000, 86_400_000
SPAN_SHARE_MIN, SPAN_MIN = 1e-9, 1e-300  # less, of the largest and at all, is none
FROM_ZERO = 1e6  # of one value from here on one more is too little to be seen
DRAWN_MAX = 1e300
STEPS = (1, 2, 2.5, 5, 10)
SHARE_TITLES = {
    "binary": "Share of events answered yes, from {threshold} on",
    "multiclass": "Share of events whose class had a probability of {threshold} or more",
    "regression": "Share of events answered with {threshold} or more",
    "anomaly": "Share of events at or above the threshold of {threshold}",
}
#: A figure of a stretch; None: the stretch does not have it.
Take: TypeAlias = Callable[[Window], float | None]


class Bar(NamedTuple):
    """The bar of a stretch of time; `words` say what it stands for when it is pointed at."""

    x: float
    y: float
    width: float
    height: float
    words: str


class Curve(NamedTuple):
    """A curve: its name, the style sheet's colour and dash, and its points."""

    name: str
    line: str
    dash: str
    points: str


class Picture(NamedTuple):
    """A chart over event time.

    Attributes
    ----------
    level
        Where the threshold lies; None: nowhere here.
    up, along
        Marks of both axes: where, and what they say.
    """

    title: str
    note: str
    bars: tuple[Bar, ...]
    curves: tuple[Curve, ...]
    level: float | None
    up: tuple[tuple[float, str], ...]
    along: tuple[tuple[float, str], ...]


def pictures(facts: LineFacts) -> list[Picture]:
    """Return what of a line is drawn over event time."""
    if len(facts.windows) < 2:  # one stretch is no course of time
        return []
    charts, kind = list[Picture](), KINDS[facts.result.kind]
    if facts.threshold is not None:
        charts.append(_share(facts))
    if not kind.learns_labels:
        note = "Half of a stretch's scores lie below the lower curve, 99 in 100 below the upper."
        curves: dict[str, Take] = {"median": _middle, "99th percentile": _high}
        charts += _scores(facts, "How odd the events were", note, curves)
    if kind.predicts_number:
        note = "The median answer of each stretch"
        note += ", and the mean of what turned out to be so." if facts.has_labels else "."
        curves = {"answered": _middle, **({"was so": _truth} if facts.has_labels else {})}
        charts += _scores(facts, "What was answered", note, curves)
    return charts


def _middle(window: Window) -> float | None:
    return window.middle


def _high(window: Window) -> float | None:
    return window.high


def _truth(window: Window) -> float | None:
    return window.truth


def _share(facts: LineFacts) -> Picture:
    windows, threshold = facts.windows, f"{facts.threshold:g}"
    shares = [(one.yes or 0) / one.answers for one in windows]
    up = marks(0.0, max(shares))
    at = _scale(up)
    x = _along(windows)
    bars = []
    for one, share in zip(windows, shares, strict=True):
        begin, end = x(one.start_ms), x(one.end_ms)
        when = f"{_when(one.start_ms, DAY_MS - 1)} UTC"
        bars.append(
            Bar(
                round(begin, 1), round(at(share), 1), round(max(end - begin - 1, 1), 1),
                round(at(0.0) - at(share), 1),
                f"from {when}: {one.yes or 0:,} of {one.answers:,}, {percent(share)}",
            )
        )  # fmt: skip
    title = SHARE_TITLES[facts.result.kind].format(threshold=threshold)
    note = f"By event time, UTC, in {len(windows)} stretches; a bar pointed at tells its events."
    return Picture(
        title, note, tuple(bars), (), None,
        tuple((round(at(one), 1), f"{one * 100:g}%") for one in up), _times(windows),
    )  # fmt: skip


def _scores(facts: LineFacts, title: str, note: str, curves: Mapping[str, Take]) -> list[Picture]:
    """Return the picture, or none when a model's answers ran away beyond what can be drawn."""
    windows, x = facts.windows, _along(facts.windows)
    values = [v for take in curves.values() for one in windows if (v := take(one)) is not None]
    if max(map(abs, values)) > DRAWN_MAX:
        return []
    up = marks(min(values), max(values))
    at = _scale(up)
    drawn = []
    for place, (name, take) in enumerate(curves.items()):
        points = " ".join(
            f"{(x(one.start_ms) + x(one.end_ms)) / 2:.1f},{at(value):.1f}"
            for one in windows
            if (value := take(one)) is not None
        )
        drawn.append(Curve(name, f"s{place}", "solid", points))
    level = facts.threshold
    if level is not None and not up[0] <= level <= up[-1]:
        level = None
    picture = Picture(
        title, note, (), tuple(drawn), None if level is None else round(at(level), 1),
        tuple((round(at(one), 1), f"{one:.12g}") for one in up), _times(windows),
    )  # fmt: skip
    return [picture]


def marks(low: float, high: float, count: int = 4) -> list[float]:
    """Return about `count` round numbers from at most `low` to at least `high`.

    Examples
    --------
    >>> marks(0.0, 0.07)
    [0.0, 0.02, 0.04, 0.06, 0.08]
    >>> marks(39.0, 44.5), marks(3.0, 3.0)
    ([38.0, 40.0, 42.0, 44.0, 46.0], [3.0, 3.25, 3.5, 3.75, 4.0])
    """
    largest = max(abs(low), abs(high))
    if high - low <= max(SPAN_SHARE_MIN * largest, SPAN_MIN):
        low, high = (low, low + 1.0) if largest < FROM_ZERO else (min(low, 0.0), max(high, 0.0))
    span = high - low
    size = 10.0 ** math.floor(math.log10(span / count))
    step = next((n * size for n in STEPS if n * size * count >= span), 10 * size)
    first, last = math.floor(low / step), math.ceil(high / step)
    return [float(f"{n * step:.12g}") for n in range(first, max(last, first + 1) + 1)]


def _scale(up: Sequence[float]) -> Callable[[float], float]:
    span = HEIGHT_PX - TOP_PX - BOTTOM_PX
    return lambda value: TOP_PX + (up[-1] - value) / (up[-1] - up[0]) * span


def _along(windows: Sequence[Window]) -> Callable[[int], float]:
    first, last = windows[0].start_ms, windows[-1].end_ms
    span = WIDTH_PX - LEFT_PX - RIGHT_PX
    return lambda time_ms: LEFT_PX + (time_ms - first) / ((last - first) or 1) * span


def _times(windows: Sequence[Window]) -> tuple[tuple[float, str], ...]:
    first, last = windows[0].start_ms, windows[-1].end_ms
    x = _along(windows)
    times = [first + (last - first) * n // (TIMES - 1) for n in range(TIMES)]
    return tuple((round(x(time_ms), 1), _when(time_ms, last - first)) for time_ms in times)


def _when(time_ms: int, span_ms: int) -> str:
    """Return a time as precisely as a span of time needs it.

    Examples
    --------
    >>> _when(1_358_000_000_000, 40 * DAY_MS), _when(1_358_000_000_000, DAY_MS)
    ('12 Jan 2013', '12 Jan 14:13')
    """
    at = moment_of(time_ms)
    if span_ms > 10 * DAY_MS:
        return f"{at.day} {at.month} {at.year}"
    if span_ms > 30 * MINUTE_MS:
        return f"{at.day} {at.month} {at.hour_minute}"
    return f"{at.hour_minute}:{at.second}"
