"""Percentiles of a stream of numbers in bounded memory.

Called by `labline.lab_replay.parity.differences.table`. What comes in are numbers from 0 up,
infinity included; what goes out are percentiles. What must stay true: two sketches merged give what
one would have given, so a line's partitions can be counted in processes of their own.
"""

import math
from array import array

EXACT_MAX = 64  # numbers that are kept as they are
BUCKETS_MAX = 1_024  # 17 decades
ACCURACY = 0.02
_GAMMA = math.log((1 + ACCURACY) / (1 - ACCURACY))
_INFINITE = 1 << 20  # the bucket beyond all others


class Sketch:
    """Percentiles of numbers from 0 up: exact while they are few, then within 2 %.

    Beyond `EXACT_MAX` numbers it counts them in buckets of equal ratio (Masson, Rim and Lee:
    DDSketch); beyond `BUCKETS_MAX` of those, the smallest ones are put together. Merged, two
    sketches give what one would have given.

    Examples
    --------
    >>> sketch = Sketch()
    >>> for number in (3.0, 1.0, 2.0):
    ...     sketch.add(number)
    >>> sketch.quantile(0.5), sketch.quantile(0.99), sketch.max
    (2.0, 3.0, 3.0)
    """

    __slots__ = ("_buckets", "_exact", "_low", "count", "max")

    def __init__(self) -> None:
        self._exact: array[float] | None = array("d")
        self._buckets: dict[int, int] = {}
        self._low = 0  # numbers too small for a bucket: zeros
        self.count = 0
        self.max = 0.0

    def add(self, number: float) -> None:
        """Count a number."""
        self.count += 1
        self.max = max(self.max, number)
        if self._exact is None:
            self._drop(number, 1)
            return
        self._exact.append(number)
        if len(self._exact) > EXACT_MAX:
            self._to_buckets()

    def merge(self, other: "Sketch") -> None:
        """Count what another sketch counted."""
        if other._exact is not None:
            for number in other._exact:
                self.add(number)
            return
        self._to_buckets()
        self.count += other.count
        self.max = max(self.max, other.max)
        self._low += other._low
        for key, count in other._buckets.items():
            self._buckets[key] = self._buckets.get(key, 0) + count
        self._shrink()

    def _to_buckets(self) -> None:
        numbers, self._exact = self._exact, None
        for number in numbers or ():
            self._drop(number, 1)

    def _drop(self, number: float, count: int) -> None:
        if number == 0.0:
            self._low += count
            return
        key = math.ceil(math.log(number) / _GAMMA) if number < math.inf else _INFINITE
        self._buckets[key] = self._buckets.get(key, 0) + count
        self._shrink()

    def _shrink(self) -> None:
        while len(self._buckets) > BUCKETS_MAX:
            lowest, second = sorted(self._buckets)[:2]
            self._buckets[second] += self._buckets.pop(lowest)

    def quantile(self, share: float) -> float | None:
        """Return the smallest number that at least this share of all does not exceed."""
        if self.count == 0:
            return None
        rank = max(1, math.ceil(share * self.count))
        if self._exact is not None:
            return sorted(self._exact)[rank - 1]
        seen = self._low
        if seen >= rank:
            return 0.0
        for key in sorted(self._buckets):
            seen += self._buckets[key]
            if seen >= rank:
                break
        if key == _INFINITE:
            return math.inf
        return min(self.max, 2 * math.exp(key * _GAMMA) / (1 + math.exp(_GAMMA)))
