"""What a candidate's lag would have been on the recorded traffic, had one process scored it."""

import numpy as np
from numpy.typing import NDArray

from labline.lab_replay.evaluation.result import Cost


def cost_on(append_ms: dict[int, NDArray[np.int64]], us_per_event: float) -> Cost:
    """Return what lag a cost per event leads to, events coming as they were appended.

    A queue with one server: an event waits for those before it. Batches, transactions and the
    network are not in it, so it is what the model alone would cause.

    Parameters
    ----------
    append_ms
        By partition, when each event was appended; ascending but for clocks set back.

    Examples
    --------
    >>> cost_on({0: np.array([0, 1, 2, 1_000])}, us_per_event=500_000)
    Cost(us_per_event=500000.0, lag_max_s=1.498, lag_records_max=3)
    """
    arrived = np.sort(np.concatenate([np.zeros(0, np.int64), *append_ms.values()]))
    if not len(arrived):
        return Cost(us_per_event=us_per_event)
    service_ms = us_per_event / 1_000
    place = np.arange(len(arrived))
    done = np.maximum.accumulate(arrived - service_ms * place) + service_ms * (place + 1)
    waiting = place + 1 - np.searchsorted(done, arrived, side="right")
    return Cost(
        us_per_event=us_per_event,
        lag_max_s=round(float((done - arrived).max()) / 1_000, 6),
        lag_records_max=int(waiting.max()),
    )
