"""A run: what one feeding of a task gave."""

from collections import Counter
from dataclasses import dataclass, field

from labline.engine.core.journal import digest
from labline.engine.core.record import Emission


@dataclass
class Run:
    """What one feeding gave: the content of one transaction of this task.

    Attributes
    ----------
    first_offsets, next_offsets
        Per input, -1 for one that the line does not have.
    order
        (input, count) runs, in the order taken.
    counts
        What happened, by name: answers, dead_letters, dead_labels, and the label join's outcomes.
    """

    emissions: list[Emission] = field(default_factory=list)
    first_offsets: tuple[int, ...] = ()
    next_offsets: tuple[int, ...] = ()
    order: tuple[tuple[int, int], ...] = ()
    counts: Counter[str] = field(default_factory=Counter)

    def digest(self) -> bytes:
        """Return sha256 over the emissions."""
        return digest(self.emissions)

    @property
    def taken(self) -> int:
        """Return how many records were taken."""
        return sum(count for _, count in self.order)

    def __bool__(self) -> bool:
        return bool(self.order)
