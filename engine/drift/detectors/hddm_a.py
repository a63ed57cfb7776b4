"""HDDM_A: the mean of all shares since the last change, bounded as Hoeffding does."""

from typing import Any, ClassVar, Literal

import labline.engine.models.lazy_imports  # noqa: F401

from pydantic import Field
from river.drift.binary import HDDMA

from labline.engine.drift.detector import Detector, DriftDetector, MeanKept


class HddmA(Detector):
    """HDDM with averages (Frías-Blanco and others, 2015), both ways; for large changes.

    Parameters
    ----------
    drift_confidence
        Probability of an error at each look.
    """

    values: ClassVar[Literal["any", "numbers", "shares"]] = "shares"

    drift_confidence: float = Field(0.001, gt=0, lt=1)

    def start(self) -> DriftDetector:
        """Return river's detector."""
        river: Any = HDDMA(**self.model_dump(), two_sided_test=True)  # type: ignore[no-untyped-call]
        return MeanKept(river)


DETECTOR = HddmA
