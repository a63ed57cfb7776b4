"""The labels of a line's events, found again by the digest of an event's name.

`line_answers` makes one `Labels` for a line and asks it for the labels of each partition's answers.
Of a label nothing is kept but two numbers: 64 bits of the event's name, and what was so, as a
`PredictionLog` has it. The first label of an event counts, whether it came in time or not.
"""

from array import array
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labline.engine.core.line import Line
from labline.lab_replay.evaluation.losses import Floats
from labline.lab_replay.reports.line_sources import Sources
from labline.schemas.values.value_format import ValueReader

NAN = float("nan")


class Labels:
    """What was so, by event.

    Parameters
    ----------
    reader
        Reads the line's labels; None: it has none.
    """

    def __init__(self, line: Line, sources: Sources, reader: ValueReader | None) -> None:
        names, labels = array("Q"), array("d")
        places = {name: float(place) for place, name in enumerate(line.classes)}
        for partition in sources.partitions if reader is not None else ():
            for batch in sources.read(line.labels or "", partition):
                for _, _, _, value, headers in batch:
                    datum: Any = reader.decode(value, headers) if reader else None
                    label = _number(datum, line, places)
                    if label is not None:
                        names.append(digest(datum[line.refers_to or ""]))
                        labels.append(label)
        self._names, first = np.unique(np.frombuffer(names, np.uint64), return_index=True)
        self._labels = np.frombuffer(labels, np.float64)[first]

    def of(self, names: NDArray[np.uint64]) -> Floats:
        """Return the labels of events by the digests of their names; NaN where none came."""
        labels: Floats = looked_up(self._names, self._labels, names, NAN)
        return labels


def _number(datum: Any, line: Line, places: dict[str, float]) -> float | None:
    """Return a label as a number; None for a value that is no label of the line."""
    label = datum.get(line.label or "") if isinstance(datum, dict) else None
    if label is None:
        return None
    number = places.get(label) if places else float(label)
    return number if number is not None and number - number == 0.0 else None


def digest(name: str) -> int:
    """Return a name as 64 bits, the same in every process.

    Examples
    --------
    >>> digest("a") == digest("a") != digest("b")
    True
    """
    return int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "little")


def looked_up(known: NDArray[Any], values: NDArray[Any], wanted: NDArray[Any], missing: Any) -> Any:
    """Return the value of each wanted key; the known keys are ascending.

    Examples
    --------
    >>> looked_up(np.array([2, 5]), np.array([0.2, 0.5]), np.array([5, 3]), -1.0).tolist()
    [0.5, -1.0]
    """
    if not len(known):
        return np.full((len(wanted), *values.shape[1:]), missing)
    at = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
    values = values[at]
    values[known[at] != wanted] = missing
    return values
