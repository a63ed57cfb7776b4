"""ADWIN: a window that drops its older part as soon as the means of both parts differ."""

import labline.engine.models.lazy_imports  # noqa: F401

from pydantic import Field
from river.drift import ADWIN

from labline.engine.drift.detector import Detector, DriftDetector


class Adwin(Detector):
    """ADWIN (Bifet and Gavaldà, 2007).

    Parameters
    ----------
    delta
        Probability of an error at each look.
    clock
        It looks at every so many values.
    """

    delta: float = Field(0.002, gt=0, lt=1)
    clock: int = Field(32, ge=1)

    def start(self) -> DriftDetector:
        """Return river's detector."""
        detector: DriftDetector = ADWIN(**self.model_dump())  # type: ignore[no-untyped-call]
        return detector


DETECTOR = Adwin
