"""HDDM_W: a mean of shares in which the newest weigh most, bounded as McDiarmid does."""

from typing import Any, ClassVar, Literal

import labline.engine.models.lazy_imports  # noqa: F401

from pydantic import Field
from river.drift.binary import HDDMW

from labline.engine.drift.detector import Detector, DriftDetector, MeanKept


class HddmW(Detector):
    """HDDM with weighted averages (Frías-Blanco and others, 2015), both ways; for slow changes.

    Parameters
    ----------
    drift_confidence
        Probability of an error at each look.
    lambda_val
        The weight of the newest share.
    """

    values: ClassVar[Literal["any", "numbers", "shares"]] = "shares"

    drift_confidence: float = Field(0.001, gt=0, lt=1)
    lambda_val: float = Field(0.05, gt=0, lt=1)

    def start(self) -> DriftDetector:
        """Return river's detector."""
        river: Any = HDDMW(**self.model_dump(), two_sided_test=True)  # type: ignore[no-untyped-call]
        return MeanKept(river)


DETECTOR = HddmW
