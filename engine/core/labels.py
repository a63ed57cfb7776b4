"""The label join: which features a label is learned with, and what becomes of the others.

A label is joined by the line's id, never by the record's key, and learned with the features
that were seen when its event was scored. Expiry follows the task's own stream time, never a
wall clock, so a replay expires the same labels.
"""

from collections import OrderedDict
from typing import Any, TypeAlias

from labline.engine.core.features import Features
from labline.engine.core.line import Line

LEARNED, DUPLICATE, CONTRADICTING, LATE, ORPHAN, CORRECTED, UNUSED = (
    "learned",
    "duplicate",
    "contradicting",
    "late",
    "orphan",
    "corrected",
    "unused",  # the line learns events, not labels
)
#: Every label that can be read has exactly one of these.
LABEL_OUTCOMES = (LEARNED, DUPLICATE, CONTRADICTING, LATE, ORPHAN, CORRECTED, UNUSED)
#: What becomes of an answered event that no label reached: counted apart.
EXPIRED, NEGATIVE, EVICTED = "expired", "learned-negative", "evicted"

NEVER = 1 << 62
Waiting: TypeAlias = tuple[int, Features]  # since (ms of stream time), features
#: since when, label (None: no label came), features of one that was learned as negative
Seen: TypeAlias = tuple[int, Any, Features | None]


class LabelJoin:
    """Answered events that wait for their label, and labels that were seen.

    Parameters
    ----------
    horizon_ms
        How long, in stream time, an event waits, and how long its id is remembered after.
    negative
        Whether a label that did not come means no (labels exist only for positives: conversions,
        frauds). Then a yes that comes later is a correction.
    pending_max, remembered_max
        Limits; at the limit the oldest is dropped, and counted where a label was still awaited.
    """

    __slots__ = (
        "_horizon_ms",
        "_negative",
        "_pending",
        "_pending_max",
        "_remembered",
        "_remembered_max",
        "due_ms",
    )

    def __init__(
        self, *, horizon_ms: int, pending_max: int, remembered_max: int, negative: bool = False
    ) -> None:
        # Both in order of their times, because stream time never falls. Not plain dicts: those
        # walk over all that was deleted before they find their first key.
        self._pending: OrderedDict[str, Waiting] = OrderedDict()
        # one that is over counts no more, and goes when another one comes
        self._remembered: OrderedDict[str, Seen] = OrderedDict()
        self.due_ms = NEVER  # the stream time from which on `expire` may have something to do
        self.declare(
            horizon_ms=horizon_ms,
            pending_max=pending_max,
            remembered_max=remembered_max,
            negative=negative,
        )

    def declare(
        self, *, horizon_ms: int, pending_max: int, remembered_max: int, negative: bool
    ) -> None:
        """Put another declaration in force: it holds for what waits already, too.

        That is why since when is kept, not until when: the order of times stays one.
        """
        self._horizon_ms = horizon_ms
        self._negative = negative
        self._pending_max = pending_max
        self._remembered_max = remembered_max
        while len(self._remembered) > remembered_max:
            self._remembered.popitem(last=False)
        self._find_due()

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
            if seen[0] + self._horizon_ms > stream_time_ms:
                return 0
            del self._remembered[identity]
        self._pending[identity] = (stream_time_ms, features)
        due_ms = stream_time_ms + self._horizon_ms
        if due_ms < self.due_ms:
            self.due_ms = due_ms
        evicted = 0
        while len(self._pending) > self._pending_max:  # more than one after a lower limit
            first, _ = self._pending.popitem(last=False)
            self._remember(first, (stream_time_ms, None, None), stream_time_ms)
            evicted += 1
        return evicted

    def match(self, identity: str, label: Any, stream_time_ms: int) -> tuple[str, Features | None]:
        """Return a label's outcome, with the features to learn it with when it is learned."""
        waiting = self._pending.pop(identity, None)
        if waiting is not None:
            self._remember(identity, (stream_time_ms, label, None), stream_time_ms)
            return LEARNED, waiting[1]
        seen = self._remembered.get(identity)
        if seen is None or seen[0] + self._horizon_ms <= stream_time_ms:
            return ORPHAN, None
        since_ms, known, features = seen
        if known is None:
            return LATE, None
        if known == label:
            return DUPLICATE, None
        if features is None:
            return CONTRADICTING, None
        self._remembered[identity] = (since_ms, label, None)  # keeps its place: times stay in order
        return CORRECTED, features

    def expire(self, stream_time_ms: int) -> list[Features]:
        """Drop what is due by this stream time; return the features that got no label, in order."""
        expired: list[Features] = []
        until_ms = stream_time_ms - self._horizon_ms
        while self._pending:
            identity, (since_ms, features) = next(iter(self._pending.items()))
            if since_ms > until_ms:
                break
            del self._pending[identity]
            label, kept = (False, features) if self._negative else (None, None)
            self._remember(identity, (stream_time_ms, label, kept), stream_time_ms)
            expired.append(features)
        self._find_due()
        return expired

    def state(self) -> dict[str, Any]:
        """Return all that it holds, as plain data."""
        return {
            "pending": list(self._pending.items()),
            "remembered": list(self._remembered.items()),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Hold what `state` returned."""
        self._pending, self._remembered = (
            OrderedDict(state["pending"]), OrderedDict(state["remembered"]),
        )  # fmt: skip
        self._find_due()

    def _find_due(self) -> None:
        first = next(iter(self._pending.values()), None)
        self.due_ms = NEVER if first is None else first[0] + self._horizon_ms

    def _remember(self, identity: str, seen: Seen, stream_time_ms: int) -> None:
        remembered, until_ms = self._remembered, stream_time_ms - self._horizon_ms
        remembered[identity] = seen
        while next(iter(remembered.values()))[0] <= until_ms:  # ends: at the one just put
            remembered.popitem(last=False)
        while len(remembered) > self._remembered_max:
            remembered.popitem(last=False)


def waiting(line: Line) -> dict[str, Any]:
    """Return what a line declares about waiting for labels, as `LabelJoin` takes it."""
    return {
        "horizon_ms": line.label_horizon_ms,
        "pending_max": line.limits.pending_max,
        "remembered_max": line.limits.remembered_max,
        "negative": line.on_expiry == "negative",
    }
