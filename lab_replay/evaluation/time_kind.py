"""What the times of a recording are, and how they are written.

Where there are none, rows' numbers stand for them.
"""

from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from labline.engine.core.moment import in_words, moment_of

if TYPE_CHECKING:
    from labline.lab_replay.evaluation.prediction_log import PredictionLog

#: ``recorded``: events and labels have times of their own; ``events``: labels have none, each is
#: known right after its event; ``rows``: events have none either, a time is the number of a row.
Clock: TypeAlias = Literal["recorded", "events", "rows"]


def clock_of(log: "PredictionLog", delay: str = "recorded") -> Clock:
    """Tell what the times of a replay are from the times themselves.

    Parameters
    ----------
    delay
        When labels came; one that is not ``recorded`` says nothing of the recording's own.

    Examples
    --------
    >>> from labline.lab_replay.evaluation.prediction_log import PredictionLog
    >>> day_ms = 86_400_000
    >>> log = PredictionLog([day_ms, 2 * day_ms], [1, 0], {}, label_time_ms=[day_ms, 3 * day_ms])
    >>> clock_of(log), clock_of(log.rows(slice(1))), clock_of(PredictionLog([1, 2], [0, 1], {}))
    ('recorded', 'events', 'rows')
    """
    if len(log) and np.array_equal(log.event_time_ms, log.offset + 1):
        return "rows"  # as a file's rows without a time are numbered: milliseconds after 1970
    rows = np.flatnonzero(~np.isnan(log.label))
    at_once = np.array_equal(log.label_time_ms[rows], log.event_time_ms[rows])
    return "events" if len(rows) and at_once and delay == "recorded" else "recorded"


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
