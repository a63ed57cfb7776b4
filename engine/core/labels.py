"""The label join: which features a label is learned with, and what becomes of the others.

A label is joined by the line's id, never by the record's key, and learned with the features
that were seen when its event was scored. Expiry follows the task's own stream time, never a
wall clock, so a replay expires the same labels.
"""

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
        self._pending: dict[str, Waiting] = {}  # in order of due time: stream time never falls
        self._remembered: dict[str, tuple[int, bool | None]] = {}  # None: expired unlabelled
        self.due_ms = NEVER  # the stream time from which on `expire` may have something to do

    def __len__(self) -> int:
        return len(self._pending)

    def wait(self, identity: str, features: Features, stream_time_ms: int) -> int:
        """Let an answered event wait for its label; return how many were evicted.

        A second event of the same id changes nothing: the first answer's features count.
        """
        if identity in self._pending or identity in self._remembered:
            return 0
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
        if seen is None:
            return ORPHAN, None
        if seen[1] is None:
            return LATE, None
        return (DUPLICATE if seen[1] == label else CONTRADICTING), None

    def expire(self, stream_time_ms: int) -> int:
        """Drop what is due by this stream time; return how many events got no label."""
        count = 0
        while self._pending:
            due_ms, _ = next(iter(self._pending.values()))
            if due_ms > stream_time_ms:
                break
            self._drop_oldest(stream_time_ms)
            count += 1
        while self._remembered:
            identity, (forget_ms, _) = next(iter(self._remembered.items()))
            if forget_ms > stream_time_ms:
                break
            del self._remembered[identity]
        self.due_ms = min(
            (next(iter(held.values()))[0] for held in (self._pending, self._remembered) if held),
            default=NEVER,
        )
        return count

    def _drop_oldest(self, stream_time_ms: int) -> None:
        identity = next(iter(self._pending))
        del self._pending[identity]
        self._remember(identity, None, stream_time_ms)

    def _remember(self, identity: str, label: bool | None, stream_time_ms: int) -> None:
        forget_ms = stream_time_ms + self._horizon_ms
        self._remembered[identity] = (forget_ms, label)
        if forget_ms < self.due_ms:
            self.due_ms = forget_ms
        if len(self._remembered) > self._remembered_max:
            del self._remembered[next(iter(self._remembered))]
