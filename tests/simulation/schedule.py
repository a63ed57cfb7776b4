"""The schedule: every choice that luck makes in a run, drawn from one seed."""

from random import Random
from typing import TypeVar

from tests.simulation.clock import Clock

T = TypeVar("T")


class Schedule:
    """Luck, told by a seed; in calm nothing goes wrong any more.

    Parameters
    ----------
    faults
        How often a fault comes at a point.
    """

    def __init__(self, random: Random, clock: Clock, faults: float) -> None:
        self.random, self._clock = random, clock
        self._faults = faults
        self.calm = False
        self.fetch_share = random.choice((0.3, 0.6, 0.95))
        self.part_max = random.choice((1, 3, 10, 100))

    def chance(self, probability: float) -> bool:
        """Tell whether something of this probability happens."""
        return self.random.random() < probability

    def strikes(self, weight: float = 1.0) -> bool:
        """Tell whether a fault comes."""
        return not self.calm and self.chance(self._faults * weight)

    def shuffled(self, items: list[T]) -> list[T]:
        """Return them in some order."""
        self.random.shuffle(items)
        return items

    def part(self) -> int:
        """Return how much of what is there is given at once."""
        return self.random.randint(1, self.part_max)

    def fetches(self) -> bool:
        """Tell whether a partition has an answer in this poll."""
        return self.calm or self.chance(self.fetch_share)

    def fetches_later(self) -> bool:
        """Tell whether an answer is known before its records are there."""
        return self.chance(0.1)

    def sends(self) -> bool:
        """Tell whether a producer sends its queue now."""
        return self.chance(0.2)

    def queue_is_full(self) -> bool:
        """Tell whether a producer's queue is full."""
        return self.strikes(0.3)

    def commit(self) -> str:
        """Return what becomes of a commit."""
        if not self.strikes(8):
            return "well"
        return self.random.choice(("lost", "late", "slow", "unknown"))

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self._clock.advance(seconds)
