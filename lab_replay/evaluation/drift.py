"""Where the inputs changed, and where a candidate's errors did.

Inputs are compared window with window, not event by event: what goes up and down within a window
(the hour of the day) is no change. Numbers of events, not times, make a window, so that every one
can tell as much.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labline.engine.core.kinds import KINDS
from labline.lab_replay.evaluation.answers import answered
from labline.lab_replay.evaluation.bounded import bounded_losses, loss_of, widest_difference
from labline.lab_replay.evaluation.prediction_log import PredictionLog
from labline.lab_replay.evaluation.result import Drift

WINDOW_EVENTS = 5_000
STABILITY_MAX = 0.25  # of the population stability index: above it, custom calls a shift major
NUMBER_BINS = 10
CATEGORIES_MAX = 20
SHARE_MIN = 1e-4  # an empty bin counts as this much
ERROR_BLOCK = 64  # labels whose mean loss is one value for the detector
DRIFTS_MAX = 100


class InputDrift:
    """Watches features over event time.

    Holds one window of values, and for each feature the shares of its bins in the window that it
    is compared with: the first one since its last change. The index is the population stability
    index over deciles of that window (of text: its commonest values), missing values a bin of
    their own.

    Parameters
    ----------
    names
        The features to watch.

    Examples
    --------
    >>> watched = InputDrift(["wind"], window_events=200)
    >>> for hour in range(800):
    ...     watched.add({"wind": hour % 24 + (0 if hour < 400 else 40)}, hour)
    >>> watched.found
    (Drift(what='wind', event_time_ms=400),)
    """

    def __init__(self, names: Sequence[str], window_events: int = WINDOW_EVENTS) -> None:
        self._names, self._window_events = tuple(names), window_events
        self._values: dict[str, list[Any]] = {name: [] for name in names}
        self._start_ms = 0
        self._events = 0
        self._reference: dict[str, _Shares] = {}
        self._found: list[Drift] = []

    def add(self, features: Mapping[str, Any], event_time_ms: int) -> None:
        """Take an event's features; those missing count as missing."""
        if not self._events:
            self._start_ms = event_time_ms
        self._events += 1
        for name, values in self._values.items():
            values.append(features.get(name))
        if self._events == self._window_events:
            self._close()

    @property
    def found(self) -> tuple[Drift, ...]:
        """The changes so far, each at the start of the window that differed; `DRIFTS_MAX` most."""
        return tuple(self._found[:DRIFTS_MAX])

    def _close(self) -> None:
        for name, values in self._values.items():
            before = self._reference.get(name)
            if before is None or before.index(values) > STABILITY_MAX:
                self._reference[name] = _Shares(values)
                if before is not None and len(self._found) < DRIFTS_MAX:
                    self._found.append(Drift(what=name, event_time_ms=self._start_ms))
            values.clear()
        self._events = 0


class _Shares:
    """How the values of one window spread over bins."""

    def __init__(self, values: Sequence[Any]) -> None:
        there = [value for value in values if value is not None]
        self._numbers = all(isinstance(value, (int, float)) for value in there)
        if self._numbers:
            inner = np.arange(1, NUMBER_BINS) / NUMBER_BINS
            numbers = np.array(there, np.float64)
            self._edges = np.unique(np.quantile(numbers, inner)) if there else np.empty(0)
            self._bins = 2 * len(self._edges) + 2
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


def error_drift(log: PredictionLog, name: str) -> tuple[Drift, ...]:
    """Return where ADWIN saw a candidate's bounded loss change, in the order of labels.

    It is told the means of `ERROR_BLOCK` labels, because single losses that hang together look
    like changes to it. Times are event times, of the last event of the block that showed it.

    Examples
    --------
    >>> label = np.zeros(20_000)
    >>> score = np.where(np.arange(20_000) < 10_000, 0.1, 0.8)
    >>> log = PredictionLog(np.arange(20_000), label, {"linear": score})
    >>> [drift.what for drift in error_drift(log, "linear")]
    ['error rises']
    """
    if not KINDS[log.kind].learns_labels:
        return ()
    import labline.engine.models.lazy_imports  # noqa: F401

    from river.drift import ADWIN

    loss = loss_of(log.kind)
    rows = log.label_rows()
    score, label = log.scores[name][rows], log.label[rows]
    there = answered(score)
    score, label, rows = score[there], label[there], rows[there]
    bound = 1.0
    if KINDS[log.kind].predicts_number and len(rows):
        with np.errstate(over="ignore", invalid="ignore"):  # a model that ran away
            bound = float(np.quantile(np.abs(score - label), 0.99)) or 1.0
        if not np.isfinite(bound):
            return ()
    losses = bounded_losses(score, label, loss, bound) / widest_difference(log.kind, loss, bound)
    whole = len(losses) // ERROR_BLOCK * ERROR_BLOCK
    detector: Any = ADWIN()  # type: ignore[no-untyped-call]
    found: list[Drift] = []
    for block, mean in enumerate(losses[:whole].reshape(-1, ERROR_BLOCK).mean(axis=1).tolist()):
        before = detector.estimation
        detector.update(mean)
        if detector.drift_detected and len(found) < DRIFTS_MAX:
            what = "error rises" if detector.estimation > before else "error falls"
            at = log.event_time_ms[rows[(block + 1) * ERROR_BLOCK - 1]]
            found.append(Drift(what=what, event_time_ms=int(at)))
    return tuple(found)
