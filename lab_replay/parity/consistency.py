"""How far two tellings of one past are apart: a table per field and hour of event time.

Chronon's consistency metrics are the model. What is told twice is paired by its source record
before it comes here. Memory is bounded whatever the number of pairs: counts, sums, and a sketch.
"""

import math
import struct
from array import array
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, TypeAlias

#: A record as named values; None: there is no such record.
Fields: TypeAlias = Mapping[str, Any] | None

HOUR_MS = 3_600_000
OTHER_HOURS = -(1 << 62)  # where more hours than CELLS_MAX allows are counted together
CELLS_MAX = 50_000  # fields × hours: event times are the producers', so they can be anything
EXACT_MAX = 64  # differences that a sketch holds as they are
BUCKETS_MAX = 1_024  # 17 decades
ACCURACY = 0.02
QUANTILES = (0.50, 0.95, 0.99)
COUNTS = ("pairs", "both_missing", "written_missing", "refolded_missing", "unequal")
_GAMMA = math.log((1 + ACCURACY) / (1 - ACCURACY))
_INFINITE = 1 << 20  # the bucket beyond all others
_BITS = struct.Struct("<d").pack


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
        held, self._exact = self._exact, None
        for number in held or ():
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


class Cell:
    """One field in one hour: what became of its pairs."""

    __slots__ = ("_relative", "both_missing", "numbers", "pairs", "refolded_missing", "sketch",
                 "unequal", "written_missing")  # fmt: skip

    def __init__(self) -> None:
        self.pairs = self.both_missing = self.written_missing = self.refolded_missing = 0
        self.unequal = self.numbers = 0
        self._relative = 0.0
        self.sketch = Sketch()

    def add(self, written: Any, refolded: Any) -> None:
        """Compare a field's two values; None: it is missing."""
        self.pairs += 1
        if written is None or refolded is None:
            self.both_missing += written is None and refolded is None
            self.written_missing += written is None and refolded is not None
            self.refolded_missing += written is not None and refolded is None
            return
        same = _same(written, refolded)
        self.unequal += not same
        if not (_is_number(written) and _is_number(refolded)):
            return
        self.numbers += 1
        if not same:
            apart = _apart(written, refolded)
            self.sketch.add(apart)
            size = abs(written) + abs(refolded)
            self._relative += 2.0 if apart == math.inf else (2 * apart / size if size else 0.0)

    def merge(self, other: "Cell") -> None:
        """Count what another cell counted."""
        for name in COUNTS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.numbers += other.numbers
        self._relative += other._relative
        self.sketch.merge(other.sketch)

    def row(self, field: str, hour_ms: int | None) -> "Row":
        """Return what it found."""
        counts = [getattr(self, name) for name in COUNTS]
        error = self._relative / self.numbers if self.numbers else None
        shares = [self.sketch.quantile(share) for share in QUANTILES]
        top = self.sketch.max if self.sketch.count else None
        return Row._make((field, hour_ms, *counts, error, *shares, top))


class Row(NamedTuple):
    """One line of the table.

    Attributes
    ----------
    hour_ms
        Beginning of the hour (ms since 1970, UTC); None: all hours together, or, in a table with
        more hours than it may hold, the rest of them.
    pairs
        Source records for which either side, or both, has a record.
    symmetric_relative_error
        Mean of 2|a − b| / (|a| + |b|) over the pairs of two numbers: 0 equal, 2 opposite.
    p50, p95, p99, max
        Of the absolute difference, over the pairs of two numbers that are unequal.
    """

    field: str
    hour_ms: int | None
    pairs: int
    both_missing: int
    written_missing: int
    refolded_missing: int
    unequal: int
    symmetric_relative_error: float | None
    p50: float | None
    p95: float | None
    p99: float | None
    max: float | None

    @property
    def differing(self) -> int:
        """Return how many pairs are not the same on both sides."""
        return self.written_missing + self.refolded_missing + self.unequal


class Consistency:
    """The table, filled pair by pair.

    Examples
    --------
    >>> table = Consistency()
    >>> table.add("answer", 0, {"probability": 0.5}, {"probability": 0.25})
    >>> table.add("answer", 5, {"probability": 0.5}, None)
    >>> row = table.rows()[0]
    >>> row.field, row.hour_ms, row.pairs, row.unequal, row.refolded_missing, row.max
    ('answer probability', 0, 2, 1, 1, 0.25)
    """

    def __init__(self) -> None:
        self._cells: dict[tuple[str, int], Cell] = {}

    def add(self, kind: str, time_ms: int, written: Fields, refolded: Fields) -> None:
        """Compare what both sides say of one source record, at its event time."""
        hour = time_ms // HOUR_MS
        one, two = written or {}, refolded or {}
        for name in dict.fromkeys((*one, *two)):
            self._cell(f"{kind} {name}", hour).add(one.get(name), two.get(name))

    def _cell(self, field: str, hour: int) -> Cell:
        cell = self._cells.get((field, hour))
        if cell is None:
            if len(self._cells) >= CELLS_MAX:
                hour = OTHER_HOURS
            cell = self._cells.setdefault((field, hour), Cell())
        return cell

    def merge(self, other: "Consistency") -> None:
        """Count what another table counted."""
        for (field, hour), cell in other._cells.items():
            self._cell(field, hour).merge(cell)

    def rows(self) -> list[Row]:
        """Return a row per field and hour, hours in order."""
        return list(self._rows())

    def _rows(self) -> Iterator[Row]:
        fields = list(dict.fromkeys(field for field, _ in self._cells))
        for field, hour in sorted(self._cells, key=lambda at: (fields.index(at[0]), at[1])):
            hour_ms = None if hour == OTHER_HOURS else hour * HOUR_MS
            yield self._cells[field, hour].row(field, hour_ms)

    def totals(self) -> list[Row]:
        """Return a row per field over all hours."""
        sums: dict[str, Cell] = {}
        for (field, _), cell in self._cells.items():
            sums.setdefault(field, Cell()).merge(cell)
        return [cell.row(field, None) for field, cell in sums.items()]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _same(one: Any, other: Any) -> bool:
    """Tell whether two values are the same, doubles by their bits: -0.0 is not 0.0, NaN is NaN.

    Examples
    --------
    >>> _same(0.0, -0.0), _same(math.nan, math.nan), _same(1, 1)
    (False, True, True)
    """
    if isinstance(one, float) and isinstance(other, float):
        return _BITS(one) == _BITS(other)
    return type(one) is type(other) and bool(one == other)


def _apart(one: float, other: float) -> float:
    apart = abs(one - other)
    return math.inf if math.isnan(apart) else apart
