"""The drift detectors that there are, one module each, found by the module's name.

A module defines ``DETECTOR``, a subclass of `labline.engine.drift.detector.Detector`. To add one,
add a file here and its test.
"""

from typing import TYPE_CHECKING

from labline.engine.named_modules import NamedModules

if TYPE_CHECKING:
    from labline.engine.drift.detector import Detector

DETECTORS: "NamedModules[type[Detector]]" = NamedModules(__name__, __path__, "DETECTOR")
