"""KSWIN: the newest values against a sample of the window before them (Kolmogorov-Smirnov)."""

import labline.engine.models.lazy_imports  # noqa: F401

from pydantic import Field, model_validator
from river.drift import KSWIN

from labline.engine.drift.detector import Detector, DriftDetector, MeanKept

SEED = 1  # of the sample: the same values always give the same marks


class Kswin(Detector):
    """KSWIN (Raab, Heusinger and Schleif, 2020).

    Parameters
    ----------
    alpha
        Probability of an error at each test; tests come with every value.
    window_size
        How many values are kept.
    stat_size
        How many of them are the newest ones.
    """

    alpha: float = Field(0.005, gt=0, lt=1)
    window_size: int = Field(100, ge=2)
    stat_size: int = Field(30, ge=1)

    @model_validator(mode="after")
    def _fits(self) -> "Kswin":
        if 2 * self.stat_size > self.window_size:
            raise ValueError("window_size is at least twice stat_size")
        return self

    def start(self) -> DriftDetector:
        """Return river's detector."""
        return MeanKept(KSWIN(**self.model_dump(), seed=SEED))


DETECTOR = Kswin
