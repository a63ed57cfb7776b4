"""The population stability index: how the values of one window spread against another's.

Values are compared window with window, not one by one: what goes up and down within a window (the
hour of the day) is no change. Numbers of values, not times, make a window, so that every window
can say as much.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from labline.engine.drift.detector import Detector, DriftDetector

NUMBER_BINS = 10
CATEGORIES_MAX = 20
SHARE_MIN = 1e-4  # an empty bin counts as this much


class PopulationStability(Detector):
    """The index over deciles of a window (of text: its commonest values).

    Missing values are a bin of their own. A window is compared with the first one since the last
    change.

    Parameters
    ----------
    window_events
        How many values make a window.
    index_max
        Above it, a window has changed; custom calls a shift of 0.25 major.

    Examples
    --------
    >>> detector = PopulationStability(window_events=200).start()
    >>> changes = []
    >>> for hour in range(800):
    ...     detector.update(hour % 24 + (0 if hour < 400 else 40))
    ...     if detector.drift_detected:
    ...         changes.append(hour)
    >>> changes
    [599]
    """

    values: ClassVar[Literal["any", "numbers", "shares"]] = "any"

    window_events: int = Field(5_000, ge=2)
    index_max: float = Field(0.25, gt=0)

    @property
    def detection_delay(self) -> int:
        """A window that differs began with its first value."""
        return self.window_events - 1

    def start(self) -> DriftDetector:
        """Return a detector that fills its first window."""
        return _Windows(self.window_events, self.index_max)


class _Windows:
    """The detector at work: it holds one window of values, and the reference's shares."""

    def __init__(self, window_events: int, index_max: float) -> None:
        self._window_events, self._index_max = window_events, index_max
        self._values: list[Any] = []
        self._reference: _Shares | None = None
        self.drift_detected = False

    @property
    def estimation(self) -> float:
        """The mean of the reference's numbers; 0 without any."""
        return 0.0 if self._reference is None else self._reference.mean

    def update(self, x: Any) -> None:
        """Take the next value; None is a missing one."""
        self._values.append(x)
        self.drift_detected = False
        if len(self._values) == self._window_events:
            reference, values = self._reference, self._values
            self.drift_detected = (
                reference is not None and reference.index(values) > self._index_max
            )
            if reference is None or self.drift_detected:
                self._reference = _Shares(values)
            self._values = []


class _Shares:
    """How the values of one window spread over bins."""

    def __init__(self, values: Sequence[Any]) -> None:
        there = [value for value in values if value is not None]
        self.mean = 0.0
        self._numbers = all(isinstance(value, (int, float)) for value in there)
        if self._numbers:
            inner = np.arange(1, NUMBER_BINS) / NUMBER_BINS
            numbers = np.array(there, np.float64)
            self._edges = np.unique(np.quantile(numbers, inner)) if there else np.empty(0)
            self._bins = 2 * len(self._edges) + 2
            self.mean = float(numbers.mean()) if there else 0.0
        else:
            common = Counter(map(str, there)).most_common(CATEGORIES_MAX)
            self._places = {value: place for place, (value, _) in enumerate(common)}
            self._bins = len(self._places) + 2
        self._shares = self._spread(values)

    def index(self, values: Sequence[Any]) -> float:
        """Return the population stability index of other values against these."""
        now = self._spread(values)
        return float(((now - self._shares) * np.log(now / self._shares)).sum())

    def _spread(self, values: Sequence[Any]) -> NDArray[np.float64]:
        """Return the share of each bin; the last is that of missing values."""
        there = [value for value in values if value is not None]
        if self._numbers and all(isinstance(value, (int, float)) for value in there):
            # on an edge is a bin of its own: most of some columns is one value
            numbers = np.array(there, np.float64)
            below = np.searchsorted(self._edges, numbers, side="left")
            bins = below + np.searchsorted(self._edges, numbers, side="right")
        elif self._numbers:
            bins = np.zeros(len(there), np.intp)
        else:
            rest = len(self._places)
            bins = np.array([self._places.get(str(value), rest) for value in there], np.intp)
        counts = np.bincount(bins, minlength=self._bins).astype(np.float64)
        counts[-1] += len(values) - len(there)
        return np.maximum(counts / max(len(values), 1), SHARE_MIN)


DETECTOR = PopulationStability
