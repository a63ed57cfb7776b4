"""Columns that outgrow memory: what is full goes to a file without a name."""

import tempfile
import weakref
from array import array
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

CHUNK = 32_768  # numbers that a column holds in memory at the most, beside those of one block


class Spill:
    """A file that the columns of one pass share; it ends with the last of them."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115  # closed when nobody holds us
        weakref.finalize(self, self._file.close)
        self._end = 0

    def put(self, numbers: "array[float]") -> int:
        """Write numbers at the end; return where they are."""
        start = self._end
        self._file.seek(start)
        numbers.tofile(self._file)
        self._end = self._file.tell()
        return start

    def get(self, start: int, count: int) -> NDArray[np.float64]:
        """Return numbers that were put there."""
        self._file.seek(start)
        return np.frombuffer(self._file.read(count * 8), np.float64)


class Column:
    """Numbers that only grow.

    Attributes
    ----------
    fresh
        The newest: to be appended to, then `rest` is to be called.

    Examples
    --------
    >>> column = Column(Spill(), chunk=2)
    >>> for number in (1.0, 2.0, 3.0):
    ...     column.fresh.append(number)
    ...     column.rest()
    >>> len(column.fresh), column.all().tolist(), column.at([2, 0]).tolist()
    (1, [1.0, 2.0, 3.0], [3.0, 1.0])
    """

    def __init__(self, spill: Spill, chunk: int = CHUNK) -> None:
        self.fresh = array("d")
        self._spill, self._chunk = spill, chunk
        self._starts: list[int] = []

    def rest(self) -> None:
        """Write what has grown to a whole chunk."""
        while len(self.fresh) >= self._chunk:
            self._starts.append(self._spill.put(self.fresh[: self._chunk]))
            del self.fresh[: self._chunk]

    def all(self) -> NDArray[np.float64]:
        """Return all numbers."""
        parts = [self._spill.get(start, self._chunk) for start in self._starts]
        return np.concatenate([*parts, np.array(self.fresh)])

    def at(self, places: Sequence[int]) -> NDArray[np.float64]:
        """Return the numbers at some places; of the chunks, one is read at a time."""
        wanted = np.asarray(places, np.intp)
        found, which = np.empty(len(wanted)), wanted // self._chunk
        for chunk in np.unique(which):
            here = which == chunk
            if chunk < len(self._starts):
                numbers = self._spill.get(self._starts[chunk], self._chunk)
            else:
                numbers = np.array(self.fresh)
            found[here] = numbers[wanted[here] - chunk * self._chunk]
        return found
