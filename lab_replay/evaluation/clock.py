"""What the times of a recording are, and how they are written.

Where there are none, rows' numbers stand for them. Producers write what they like into an event's
time: whatever it is, it can be told.
"""

from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from lab_replay.evaluation.prediction_log import PredictionLog

#: ``recorded``: events and labels have times of their own; ``events``: labels have none, each is
#: known right after its event; ``rows``: events have none either, a time is the number of a row.
Clock: TypeAlias = Literal["recorded", "events", "rows"]

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_FIRST_MS, _LAST_MS = -(2**63) + 1, 2**63 - 1  # of numpy's times: the least of all is none


def clock_of(log: "PredictionLog", delay: str = "recorded") -> Clock:
    """Tell what the times of a replay are from the times themselves.

    Parameters
    ----------
    delay
        When labels came; one that is not ``recorded`` says nothing of the recording's own.

    Examples
    --------
    >>> from lab_replay.evaluation.prediction_log import PredictionLog
    >>> day_ms = 86_400_000
    >>> log = PredictionLog([day_ms, 2 * day_ms], [1, 0], {}, label_time_ms=[day_ms, 3 * day_ms])
    >>> clock_of(log), clock_of(log.rows(slice(1))), clock_of(PredictionLog([1, 2], [0, 1], {}))
    ('recorded', 'events', 'rows')
    """
    if len(log) and np.array_equal(log.event_time_ms, log.offset + 1):
        return "rows"  # as a file's rows without a time are numbered: milliseconds after 1970
    labelled = log.labelled()
    at_once = np.array_equal(labelled.label_time_ms, labelled.event_time_ms)
    return "events" if len(labelled) and at_once and delay == "recorded" else "recorded"


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
    text = str(np.datetime64(min(max(time_ms, _FIRST_MS), _LAST_MS), "ms"))
    date, clock = text.split("T")
    year, month, day = date.rsplit("-", 2)
    return Moment(int(year), MONTHS[int(month) - 1], int(day), date, clock[:5], clock[6:8])


def day_of(time_ms: int, clock: Clock = "recorded") -> str:
    """Return a day as people write it; a row's number, where that is all there is.

    Examples
    --------
    >>> day_of(1_358_000_000_000), day_of(253_402_300_800_000), day_of(2_048, "rows")
    ('12 Jan 2013', '1 Jan 10000', 'row 2,048')
    """
    if clock == "rows":
        return f"row {time_ms:,}"
    return in_words(moment_of(time_ms).date)


def in_words(date: str) -> str:
    """Return a date as people write it.

    Examples
    --------
    >>> in_words("2013-01-12"), in_words("-002-12-17")
    ('12 Jan 2013', '17 Dec -2')
    """
    year, month, day = date.rsplit("-", 2)
    return f"{int(day)} {MONTHS[int(month) - 1]} {int(year)}"


def minute_of(time_ms: int, clock: Clock = "recorded") -> str:
    """Return a time to the minute, as it sorts; a row's number, where that is all there is.

    Examples
    --------
    >>> minute_of(1_358_000_000_000), minute_of(2_048, "rows")
    ('2013-01-12 14:13', 'row 2,048')
    """
    if clock == "rows":
        return f"row {time_ms:,}"
    at = moment_of(time_ms)
    return f"{at.date} {at.hour_minute}"
