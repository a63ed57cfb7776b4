"""How far the past and its re-run are apart: a table per field and hour of event time.

Called by `alignment`, which pairs records by their source, and by `labline.lab_replay.parity`,
which merges the tables of a line's partitions. Chronon's consistency metrics are the model. What
must stay true: memory is bounded whatever the number of pairs: counts, sums, and a sketch.
"""

import math
import struct
from collections.abc import Mapping
from typing import Any, NamedTuple, TypeAlias

from labline.lab_replay.parity.differences.sketch import Sketch

#: A record as named values; None: there is no such record.
Fields: TypeAlias = Mapping[str, Any] | None

HOUR_MS = 3_600_000
OTHER_HOURS = -(1 << 62)  # where more hours than CELLS_MAX allows are counted together
CELLS_MAX = 50_000  # fields × hours: event times are the producers', so they can be anything
QUANTILES = (0.50, 0.95, 0.99)
COUNTS = ("pairs", "both_missing", "written_missing", "refolded_missing", "unequal")
_BITS = struct.Struct("<d").pack


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
        """Add what another cell counted."""
        for name in COUNTS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.numbers += other.numbers
        self._relative += other._relative
        self.sketch.merge(other.sketch)

    def row(self, field: str, hour_ms: int | None) -> "FieldHour":
        """Return its line of the table."""
        counts = [getattr(self, name) for name in COUNTS]
        error = self._relative / self.numbers if self.numbers else None
        shares = [self.sketch.quantile(share) for share in QUANTILES]
        top = self.sketch.max if self.sketch.count else None
        return FieldHour._make((field, hour_ms, *counts, error, *shares, top))


class FieldHour(NamedTuple):
    """One line of the table: what became of a field in an hour.

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


class DifferenceTable:
    """The table, filled pair by pair.

    Examples
    --------
    >>> table = DifferenceTable()
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

    def merge(self, other: "DifferenceTable") -> None:
        """Add what another table counted."""
        for (field, hour), cell in other._cells.items():
            self._cell(field, hour).merge(cell)

    def rows(self) -> list[FieldHour]:
        """Return a row per field and hour: fields as they came, hours in order."""
        fields = list(dict.fromkeys(field for field, _ in self._cells))
        keys = sorted(self._cells, key=lambda key: (fields.index(key[0]), key[1]))
        return [
            self._cells[field, hour].row(field, None if hour == OTHER_HOURS else hour * HOUR_MS)
            for field, hour in keys
        ]

    def totals(self) -> list[FieldHour]:
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
