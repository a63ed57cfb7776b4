"""Page-Hinkley: the distance of the values from their mean, added up until it is too large."""

import labline.engine.models.lazy_imports  # noqa: F401

from pydantic import Field
from river.drift import PageHinkley as RiverPageHinkley

from labline.engine.drift.detector import Detector, DriftDetector, MeanKept


class PageHinkley(Detector):
    """The test of Page and Hinkley (Page, 1954), both ways.

    Parameters
    ----------
    min_instances
        So many values come before the first change.
    delta
        Distances that small count as none.
    threshold
        A change is where the sum of distances passes this.
    alpha
        How fast older distances are forgotten; 1: never.
    """

    min_instances: int = Field(30, ge=1)
    delta: float = Field(0.005, ge=0)
    threshold: float = Field(50.0, gt=0)
    alpha: float = Field(0.9999, gt=0, le=1)

    def start(self) -> DriftDetector:
        """Return river's detector."""
        return MeanKept(RiverPageHinkley(**self.model_dump(), mode="both"))


DETECTOR = PageHinkley
