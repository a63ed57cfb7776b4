"""Where the inputs changed, and where a candidate's errors did.

`replay.rows` gives every event's features to `InputDrift` while a history is folded;
`experiments.measure` asks `error_drift` about each candidate. Both take the detector that the
experiment declares; a mark says which one it was, with its parameters.
"""

from collections import deque
from collections.abc import Mapping

from labline.engine.core.features import Features
from labline.engine.core.kinds import KINDS
from labline.engine.drift.detector import Detector
from labline.lab_replay.evaluation.bounded import relative_losses
from labline.lab_replay.evaluation.prediction_log import PredictionLog
from labline.lab_replay.evaluation.result import Drift

ERROR_BLOCK = 64  # labels whose mean loss is one value for the detector
DRIFTS_MAX = 100


class InputDrift:
    """Watches features over event time; at most `DRIFTS_MAX` marks are kept.

    Parameters
    ----------
    detectors
        By feature. One that watches numbers is not shown missing values.

    Examples
    --------
    >>> from labline.engine.drift.declaration import declared_detector

    >>> wind = declared_detector({"detector": "population_stability", "window_events": 200})
    >>> drift = InputDrift({"wind": wind})
    >>> for hour in range(800):
    ...     drift.add({"wind": hour % 24 + (0 if hour < 400 else 40)}, hour)
    >>> [(mark.what, mark.event_time_ms) for mark in drift.marks]
    [('wind', 400)]
    """

    def __init__(self, detectors: Mapping[str, Detector]) -> None:
        self._watched = [(name, each, each.start()) for name, each in detectors.items()]
        self._marks: list[Drift] = []
        delay = max((each.detection_delay for each in detectors.values()), default=0)
        self._times: deque[int] = deque(maxlen=delay + 1)

    def add(self, features: Features, event_time_ms: int) -> None:
        """Take an event's features; those that are not there count as missing."""
        self._times.append(event_time_ms)
        for name, declared, detector in self._watched:
            value = features.get(name)
            if value is None and declared.values != "any":
                continue
            detector.update(value)
            if detector.drift_detected and len(self._marks) < DRIFTS_MAX:
                began_ms = self._times[-1 - declared.detection_delay]
                self._marks.append(Drift(what=name, event_time_ms=began_ms, detector=str(declared)))

    @property
    def marks(self) -> tuple[Drift, ...]:
        """The changes so far, each where it began as far as its detector knows."""
        return tuple(self._marks)


def error_drift(log: PredictionLog, name: str, declared: Detector) -> tuple[Drift, ...]:
    """Return where a detector saw a candidate's bounded loss change, in the order of labels.

    It is shown the means of `ERROR_BLOCK` labels, from 0 to 1, because single losses that hang
    together look like changes to it. Times are event times, of the last event of the block that
    showed the change.

    Examples
    --------
    >>> import numpy as np
    >>> from labline.engine.drift.declaration import declared_detector

    >>> label = np.zeros(20_000)
    >>> score = np.where(np.arange(20_000) < 10_000, 0.1, 0.8)
    >>> log = PredictionLog(np.arange(20_000), label, {"linear": score})
    >>> [drift.what for drift in error_drift(log, "linear", declared_detector("adwin"))]
    ['error rises']
    """
    if not KINDS[log.kind].learns_labels:
        return ()
    losses, rows = relative_losses(log, name)
    whole = len(losses) // ERROR_BLOCK * ERROR_BLOCK
    detector = declared.start()
    marks: list[Drift] = []
    for block, mean in enumerate(losses[:whole].reshape(-1, ERROR_BLOCK).mean(axis=1).tolist()):
        before = detector.estimation
        detector.update(mean)
        if detector.drift_detected and len(marks) < DRIFTS_MAX:
            what = "error rises" if detector.estimation > before else "error falls"
            at = log.event_time_ms[rows[(block + 1) * ERROR_BLOCK - 1]]
            marks.append(Drift(what=what, event_time_ms=int(at), detector=str(declared)))
    return tuple(marks)
