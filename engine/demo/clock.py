"""Local clocks of 2013 as tables.

`labline.engine.demo.flights_source` reads 336,776 flights with them: a datetime for each would take
most of its time.
"""

from bisect import bisect_right
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

YEAR = 2013
TRAVEL_DAYS_MAX = 3  # from a scheduled departure to the latest landing there is
MINUTE_MS, DAY_MS = 60_000, 86_400_000


class Clock:
    """A zone's offset from UTC around the year, as a table: no datetime per flight.

    Examples
    --------
    >>> clock = Clock("America/New_York")
    >>> clock.offset_ms(1357034400000) // 3_600_000  # 2013-01-01T10:00:00Z
    -5
    """

    def __init__(self, zone: str) -> None:
        info = ZoneInfo(zone)
        hour = datetime(YEAR - 1, 12, 30, tzinfo=UTC)
        self._starts_ms: list[int] = []
        self._offsets_ms: list[int] = []
        while hour.year <= YEAR or hour.day < 1 + 2 * TRAVEL_DAYS_MAX:
            offset = hour.astimezone(info).utcoffset()
            assert offset is not None
            offset_ms = int(offset.total_seconds()) * 1000
            if not self._offsets_ms or self._offsets_ms[-1] != offset_ms:
                self._starts_ms.append(int(hour.timestamp()) * 1000)
                self._offsets_ms.append(offset_ms)
            hour += timedelta(hours=1)

    def offset_ms(self, instant_ms: int) -> int:
        """Return what the zone adds to UTC at an instant."""
        return self._offsets_ms[bisect_right(self._starts_ms, instant_ms) - 1]

    def next_reading_ms(self, after_ms: int, minute_of_day: int) -> int:
        """Return the first instant after another at which the zone's clock reads a time.

        Examples
        --------
        >>> Clock("America/Chicago").next_reading_ms(1357034400000, 4 * 60) - 1357034400000
        86400000
        """
        now, later = self.offset_ms(after_ms), self.offset_ms(after_ms + DAY_MS)
        found_ms = _next_ms(after_ms, now, minute_of_day)
        if now == later:
            return found_ms
        # the clocks change within a day: of the readings that exist, the first
        candidates = [
            (_next_ms(after_ms, offset, minute_of_day), offset) for offset in (now, later)
        ]
        real = [at_ms for at_ms, offset in candidates if self.offset_ms(at_ms) == offset]
        return min(real, default=found_ms)


def _next_ms(after_ms: int, offset_ms: int, minute_of_day: int) -> int:
    wait_ms = (minute_of_day * MINUTE_MS - after_ms - offset_ms) % DAY_MS
    return after_ms + (wait_ms or DAY_MS)
