"""From a detector's name and parameters in an experiment's file to the detector.

`labline.lab_replay.experiments` asks for the detectors of inputs and of errors. What is wrong is
said with the nearest known name.
"""

from pydantic import ValidationError

from labline.engine.drift.detector import Detector
from labline.engine.drift.detectors import DETECTORS
from labline.engine.named_modules import nearest


def declared_detector(document: object) -> Detector:
    """Return the detector that a file names.

    Parameters
    ----------
    document
        A name, or a mapping with the name under ``detector`` and parameters beside it.

    Raises
    ------
    ValueError
        With the nearest known name, for one that is not known.

    Examples
    --------
    >>> print(declared_detector({"detector": "page_hinkley", "threshold": 20}))
    page_hinkley(min_instances=30, delta=0.005, threshold=20.0, alpha=0.9999)
    >>> declared_detector("adwim")
    Traceback (most recent call last):
    ValueError: unknown detector adwim, did you mean adwin?
    """
    if isinstance(document, Detector):
        return document
    parameters = dict(document) if isinstance(document, dict) else {"detector": document}
    name = parameters.pop("detector", None)
    if not isinstance(name, str):
        raise ValueError("write the name of a detector, or detector: and its parameters")  # noqa: TRY004  # pydantic's
    if name not in DETECTORS:
        raise ValueError(f"unknown detector {name}, {nearest(name, DETECTORS)}")
    kind = DETECTORS[name]
    try:
        return kind.model_validate(parameters)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(map(str, fault["loc"]))
        message = fault["msg"]
        if fault["type"] == "extra_forbidden":
            message = f"no such parameter, {nearest(field, kind.model_fields)}"
        raise ValueError(f"{name}: {field}: {message}" if field else f"{name}: {message}") from None
