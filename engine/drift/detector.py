"""What a drift detector is.

Experiments name detectors for the inputs and for the errors of candidates. Every module of
`detectors` defines one as ``DETECTOR``, a subclass of `Detector`: its fields are the parameters,
and `Detector.start` gives a detector at work, with river's protocol (`update`, `drift_detected`).
"""

from collections import deque
from typing import Any, ClassVar, Literal, Protocol

from pydantic import BaseModel, ConfigDict

RECENT_VALUES = 30  # whose mean is the present one right after a change


class DriftDetector(Protocol):
    """A detector at work over one series: river's protocol, and the present mean."""

    @property
    def drift_detected(self) -> bool:
        """Whether the last value showed a change."""

    @property
    def estimation(self) -> float:
        """The mean of the values that are taken for the present ones."""

    def update(self, x: Any) -> Any:
        """Take the next value."""


class Detector(BaseModel):
    """A drift detector as declared; its text names it with all its parameters.

    Attributes
    ----------
    values
        What it watches: values of ``any`` kind with gaps, ``numbers``, or ``shares`` (numbers from
        0 to 1).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    values: ClassVar[Literal["any", "numbers", "shares"]] = "numbers"

    @property
    def detection_delay(self) -> int:
        """How many values before the one that shows a change this begins."""
        return 0

    def start(self) -> DriftDetector:
        """Return a detector that has seen nothing yet."""
        raise NotImplementedError

    def __str__(self) -> str:
        name = type(self).__module__.rpartition(".")[2]
        return f"{name}({', '.join(f'{field}={value}' for field, value in self)})"


class MeanKept:
    """One of river's detectors that does not tell the present mean by itself.

    Parameters
    ----------
    detector
        river's.
    """

    def __init__(self, detector: Any) -> None:
        self._detector = detector
        self._recent: deque[float] = deque(maxlen=RECENT_VALUES)
        self._total, self._count = 0.0, 0

    @property
    def drift_detected(self) -> bool:
        """Whether the last value showed a change."""
        return bool(self._detector.drift_detected)

    @property
    def estimation(self) -> float:
        """The mean of the values since the last change."""
        return self._total / self._count if self._count else 0.0

    def update(self, x: float) -> None:
        """Take the next value."""
        self._detector.update(x)
        self._recent.append(x)
        if self._detector.drift_detected:
            self._total, self._count = sum(self._recent), len(self._recent)
        else:
            self._total, self._count = self._total + x, self._count + 1
