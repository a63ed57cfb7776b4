"""How far numbers spread, and how much each has in common with the one before it.

`sequential` adds the sums of its blocks: from their spread follows how much a block may count, from
what neighbours have in common whether blocks are too short.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass
class Neighbours:
    """Sums over successive numbers, from which come their variation and their products.

    Distances are from the first number, so that what hardly varies is not lost in rounding. The
    same sums come out however the numbers are cut into calls of `add`.

    Examples
    --------
    >>> sums = Neighbours()
    >>> sums.add(np.array([1.0, 3.0])); sums.add(np.array([5.0, 7.0]))
    >>> sums.count, sums.variation, sums.products
    (4, 20.0, 5.0)
    """

    count: int = 0
    first: float = 0.0
    last: float = 0.0
    total: float = 0.0
    squares: float = 0.0
    following: float = 0.0

    def add(self, numbers: NDArray[np.float64]) -> None:
        """Count the next numbers."""
        if not self.count:
            self.first = float(numbers[0])
        off = numbers - self.first
        before = np.concatenate([[self.last], off[:-1]])  # the first one is 0: it does not count
        self.total = running(self.total, off)[-1].item()
        self.squares = running(self.squares, off * off)[-1].item()
        self.following = running(self.following, off * before)[-1].item()
        self.last, self.count = float(off[-1]), self.count + len(off)

    @property
    def variation(self) -> float:
        """The sum of the squared distances from the mean."""
        return max(self.squares - self.total**2 / max(self.count, 1), 0.0)

    @property
    def products(self) -> float:
        """The sum of each distance from the mean times the one before it."""
        mean = self.total / max(self.count, 1)
        return self.following - (self.count + 1) * mean**2 + mean * self.last


def running(start: float, numbers: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the sums from `start` on, added one by one however they are cut."""
    return np.cumsum(np.concatenate([[start], numbers]))
