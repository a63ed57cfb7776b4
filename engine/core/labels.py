"""The label join: which features a label is learned with, and what becomes of the others.

A label is joined by the line's id, never by the record's key, and learned with the features
that were seen when its event was scored. Expiry follows the task's own stream time, never a
wall clock, so a replay expires the same labels.
"""

from collections import OrderedDict
from typing import TypeAlias

from engine.core.features import Features

LEARNED, DUPLICATE, CONTRADICTING, LATE, ORPHAN = (
    "learned",
    "duplicate",
    "contradicting",
    "late",
    "orphan",
)
#: Every label that can be read has exactly one of these.
LABEL_OUTCOMES = (LEARNED, DUPLICATE, CONTRADICTING, LATE, ORPHAN)
#: What becomes of an answered event that no label reached: counted apart.
EXPIRED, EVICTED = "expired", "evicted"

NEVER = 1 << 62
Waiting: TypeAlias = tuple[int, Features]  # due (ms of stream time), features


class LabelJoin:
    """Answered events that wait for their label, and labels that were seen.

    Parameters
    ----------
    horizon_ms
        How long, in stream time, an event waits, and how long its id is remembered after.
    pending_max, remembered_max
        Limits; at the limit the oldest is dropped, and counted where a label was still awaited.
    """

    __slots__ = (
        "_horizon_ms",
        "_pending",
        "_pending_max",
        "_remembered",
        "_remembered_max",
        "due_ms",
    )

    def __init__(self, *, horizon_ms: int, pending_max: int, remembered_max: int) -> None:
        self._horizon_ms = horizon_ms
        self._pending_max = pending_max
        self._remembered_max = remembered_max
        # Both in order of their times, because stream time never falls. Not plain dicts: those
        # walk over all that was deleted before they find their first key.
        self._pending: OrderedDict[str, Waiting] = OrderedDict()
        # until when, label (None: expired unlabelled); one that is over counts no more, and goes
        # when another one comes
        self._remembered: OrderedDict[str, tuple[int, bool | None]] = OrderedDict()
        self.due_ms = NEVER  # the stream time from which on `expire` may have something to do

    def __len__(self) -> int:
        return len(self._pending)

    def wait(self, identity: str, features: Features, stream_time_ms: int) -> int:
        """Let an answered event wait for its label; return how many were evicted.

        A second event of the same id changes nothing: the first answer's features count.
        """
        if identity in self._pending:
            return 0
        seen = self._remembered.get(identity)
        if seen is not None:
            if seen[0] > stream_time_ms:
                return 0
            del self._remembered[identity]
        due_ms = stream_time_ms + self._horizon_ms
        self._pending[identity] = (due_ms, features)
        if due_ms < self.due_ms:
            self.due_ms = due_ms
        if len(self._pending) <= self._pending_max:
            return 0
        self._drop_oldest(stream_time_ms)
        return 1

    def match(self, identity: str, label: bool, stream_time_ms: int) -> tuple[str, Features | None]:
        """Return a label's outcome, with the features to learn it with when it is learned."""
        waiting = self._pending.pop(identity, None)
        if waiting is not None:
            self._remember(identity, label, stream_time_ms)
            return LEARNED, waiting[1]
        seen = self._remembered.get(identity)
        if seen is None or seen[0] <= stream_time_ms:
            return ORPHAN, None
        if seen[1] is None:
            return LATE, None
        return (DUPLICATE if seen[1] == label else CONTRADICTING), None

    def expire(self, stream_time_ms: int) -> int:
        """Drop what is due by this stream time; return how many events got no label."""
        count = 0
        self.due_ms = NEVER
        while self._pending:
            due_ms, _ = next(iter(self._pending.values()))
            if due_ms > stream_time_ms:
                self.due_ms = due_ms
                break
            self._drop_oldest(stream_time_ms)
            count += 1
        return count

    def _drop_oldest(self, stream_time_ms: int) -> None:
        identity, _ = self._pending.popitem(last=False)
        self._remember(identity, None, stream_time_ms)

    def _remember(self, identity: str, label: bool | None, stream_time_ms: int) -> None:
        remembered = self._remembered
        remembered[identity] = (stream_time_ms + self._horizon_ms, label)
        while next(iter(remembered.values()))[0] <= stream_time_ms:  # ends: at the one just put
            remembered.popitem(last=False)
        if len(remembered) > self._remembered_max:
            remembered.popitem(last=False)
