"""The order in which a task takes its inputs: Kafka Streams' idea, made exact.

Of the heads of all inputs the smallest (running maximum of event time, input) is next. An
input without a head is waited for, unless its host says that it is at its end. So a log at
rest has one order, however it was polled, batched or split over processes.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from typing import TypeAlias

from labline.engine.core.record import INPUTS, Record
from labline.schemas.rejection import Rejection

#: order time (running maximum of the input's event time), input, record, what it decoded to
Head: TypeAlias = tuple[int, int, Record, dict[str, object] | Rejection]

RECORD_OVERHEAD_BYTES = 600  # a decoded record's Python objects, about
NO_TIME = -(1 << 62)  # before the first event time: sorts first


class Buffer:
    """One input's decoded records that were not taken yet.

    Parameters
    ----------
    high
        Running maximum of event time over what was *taken*; heads raise a copy of it, so that
        what is only buffered never reaches the state.
    """

    __slots__ = ("bytes", "heads", "high")

    def __init__(self, high: int) -> None:
        self.heads: deque[Head] = deque()
        self.high = high
        self.bytes = 0

    def push(
        self, time_ms: int | None, which: int, record: Record, datum: dict[str, object] | Rejection
    ) -> None:
        """Add a record; one without a usable time sorts at the running maximum."""
        if time_ms is not None and time_ms > self.high:
            self.high = time_ms
        self.heads.append((self.high, which, record, datum))
        self.bytes += RECORD_OVERHEAD_BYTES + len(record[3] or b"")


def merge(buffers: Sequence[Buffer], at_end: Sequence[bool], limit: int) -> list[Head]:
    """Take up to `limit` heads in order; stop where an input must be waited for.

    Examples
    --------
    >>> events, labels, retry = (Buffer(NO_TIME) for _ in INPUTS)
    >>> for time_ms in (10, 30):
    ...     events.push(time_ms, 0, (time_ms, 0, None, b"", None), {})
    >>> labels.push(20, 1, (0, 0, None, b"", None), {})
    >>> [head[:2] for head in merge((events, labels, retry), (True, False, True), 9)]
    [(10, 0), (20, 1)]
    """
    taken: list[Head] = []
    take = taken.append
    while len(taken) < limit:
        best: deque[Head] | None = None
        second: Head | None = None
        for which in INPUTS:
            heads = buffers[which].heads
            if not heads:
                if not at_end[which]:
                    return taken
                continue
            head = heads[0]
            if best is None:
                best = heads
            elif head[:2] < best[0][:2]:
                best, second = heads, best[0]
            elif second is None or head[:2] < second[:2]:
                second = head
        if best is None:
            return taken
        room = limit - len(taken)
        if second is None:
            count = min(room, len(best))
            for _ in range(count):
                take(best.popleft())
        else:
            bound = second[:2]
            while room and best and best[0][:2] < bound:
                take(best.popleft())
                room -= 1
    return taken


def in_order(buffers: Sequence[Buffer], order: Iterable[tuple[int, int]]) -> list[Head]:
    """Take heads in an order that was written down: pairs of (input, count)."""
    taken: list[Head] = []
    for which, count in order:
        heads = buffers[which].heads
        taken.extend(heads.popleft() for _ in range(count))
    return taken
