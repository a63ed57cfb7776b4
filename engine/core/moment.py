"""Times as people write them, in UTC.

Producers write what they like into a record's time: whatever it is, it can be told.
"""

from typing import NamedTuple

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_FIRST_MS, _LAST_MS = -(2**63) + 1, 2**63 - 1  # of numpy's times: the least of all is none


class Moment(NamedTuple):
    """A time in UTC, in whatever year: before 1 or after 9999 too, where `datetime` ends."""

    year: int
    month: str
    day: int
    date: str
    hour_minute: str
    second: str


def moment_of(time_ms: int) -> Moment:
    """Return the parts of a time as they are written; of every integer, whatever it is.

    Examples
    --------
    >>> moment_of(1_358_000_000_000)
    Moment(year=2013, month='Jan', day=12, date='2013-01-12', hour_minute='14:13', second='20')
    >>> moment_of(-62_200_000_000_000).date, moment_of(1 << 62).year
    ('-002-12-17', 146140482)
    """
    import numpy as np  # what records need not wait for it

    text = str(np.datetime64(min(max(time_ms, _FIRST_MS), _LAST_MS), "ms"))
    date, clock = text.split("T")
    year, month, day = date.rsplit("-", 2)
    return Moment(int(year), MONTHS[int(month) - 1], int(day), date, clock[:5], clock[6:8])


def in_words(date: str) -> str:
    """Return a date as people write it.

    Examples
    --------
    >>> in_words("2013-01-12"), in_words("-002-12-17")
    ('12 Jan 2013', '17 Dec -2')
    """
    year, month, day = date.rsplit("-", 2)
    return f"{int(day)} {MONTHS[int(month) - 1]} {int(year)}"
