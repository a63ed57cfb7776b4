"""What the times of a recording are: where there are none, rows' numbers stand for them."""

from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from lab_replay.evaluation.prediction_log import PredictionLog

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
