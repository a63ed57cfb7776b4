"""What a line should have counted, and its base rate at each event: told without the engine."""

from collections import Counter
from typing import Any

from labline.engine.core.record import LABELS

SKEW_MS = 3_600_000
HORIZON_MS = 60_000
NOTHING_YET = -(10**18)


class Reference:
    """A slow and plain fold: records come in their order, score first and learn second.

    Attributes
    ----------
    scores
        The base rate that each answer had.
    """

    def __init__(self, *, negative: bool, pending_max: int) -> None:
        self._negative, self._pending_max = negative, pending_max
        self._now = NOTHING_YET
        self._waiting: dict[str, int] = {}  # until when
        self._known: dict[str, tuple[int, bool | None, bool]] = {}  # until, label, by absence
        self._positives, self._labels = 1, 2
        self.scores: list[float] = []
        self.counts: Counter[str] = Counter()

    def take(self, which: int, appended_ms: int, datum: dict[str, Any] | None) -> None:
        """Take the next record; None cannot be read."""
        usable = datum is not None and datum["at"] <= appended_ms + SKEW_MS
        if datum is not None and usable:
            self._now = max(self._now, datum["at"])
            self._expire()
        if datum is None or not usable or (which != LABELS and datum["x"] is None):
            self.counts["dead_labels" if which == LABELS else "dead_letters"] += 1
        elif which == LABELS:
            self._label(datum["id"], datum["y"])
        else:
            self.scores.append(self._positives / self._labels)
            self.counts["answers"] += 1
            self._wait(datum["id"])

    def _learn(self, label: bool) -> None:
        self._labels += 1
        self._positives += label

    def _expire(self) -> None:
        for identity in [i for i, until in self._waiting.items() if until <= self._now]:
            del self._waiting[identity]
            told = False if self._negative else None
            self._known[identity] = (self._now + HORIZON_MS, told, self._negative)
            self.counts["learned-negative" if self._negative else "expired"] += 1
            if self._negative:
                self._learn(label=False)
        for identity in [i for i, seen in self._known.items() if seen[0] <= self._now]:
            del self._known[identity]

    def _wait(self, identity: str) -> None:
        if identity in self._waiting or identity in self._known:
            return
        self._waiting[identity] = self._now + HORIZON_MS
        if len(self._waiting) > self._pending_max:
            first = next(iter(self._waiting))
            del self._waiting[first]
            self._known[first] = (self._now + HORIZON_MS, None, False)
            self.counts["evicted"] += 1

    def _label(self, identity: str, label: bool) -> None:
        if identity in self._waiting:
            del self._waiting[identity]
            self._known[identity] = (self._now + HORIZON_MS, label, False)
            self.counts["learned"] += 1
            self._learn(label)
        elif identity not in self._known:
            self.counts["orphan"] += 1
        else:
            self.counts[self._again(identity, label)] += 1

    def _again(self, identity: str, label: bool) -> str:
        until, known, by_absence = self._known[identity]
        if known is None:
            return "late"
        if known == label:
            return "duplicate"
        if not by_absence:
            return "contradicting"
        self._known[identity] = (until, label, False)
        self._learn(label)
        return "corrected"
