"""Features: what a learner sees of an event, declared by the line."""

from collections.abc import Callable, Mapping
from typing import TypeAlias

from labline.engine.core.line import Line
from labline.schemas.rejection import Rejection

Features: TypeAlias = dict[str, float | int | str]
Extract: TypeAlias = Callable[[Mapping[str, object], int], Features | Rejection]

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
EPOCH_WEEKDAY = 3  # 1970-01-01 was a Thursday; Monday is 0


def extractor(line: Line) -> Extract:
    """Return the function from a decoded event and its event time (ms) to features.

    The features come in declared order: order reaches the learners' sums. A required field
    that is missing makes a `Rejection`, an optional one is left out.

    Examples
    --------
    >>> line = Line.parse({"name": "l", "events": "e", "id": "id",
    ...     "features": {"numeric": ["x"], "categorical": [], "time": ["hour"]}})
    >>> extractor(line)({"id": "a", "x": 2.5}, 5 * HOUR_MS)
    {'x': 2.5, 'hour': 5}
    >>> extractor(line)({"id": "a", "x": None}, 0).reason
    'missing-feature'
    """
    declared = line.features
    fields = (*declared.categorical, *declared.numeric)
    required = frozenset(fields) - frozenset(declared.optional)
    hour, weekday = "hour" in declared.time, "weekday" in declared.time

    def extract(datum: Mapping[str, object], time_ms: int) -> Features | Rejection:
        features: Features = {}
        for name in fields:
            value = datum[name]
            if value is not None:
                features[name] = value  # type: ignore[assignment]  # the schema's check saw it
            elif name in required:
                return Rejection("features", "missing-feature", f"the line requires {name}")
        if hour:
            features["hour"] = time_ms // HOUR_MS % 24
        if weekday:
            features["weekday"] = (time_ms // DAY_MS + EPOCH_WEEKDAY) % 7
        return features

    return extract
