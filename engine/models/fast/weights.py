"""What the parts of a twin share: the keys of the weights in river's order, and the penalties."""

from collections.abc import Hashable
from math import isfinite
from typing import Any


class UncoveredError(Exception):
    """What the twin does not do as river does: river does it instead."""


class Weights:
    """The weights of river's linear model by key. Their numbers live in the parts.

    Attributes
    ----------
    loaded, loaded_penalties
        The weights and the penalties paid (L1), as the twin found them.
    taken
        All keys that a part has, or will have when an event has them.
    """

    __slots__ = ("_glm", "_penalised", "loaded", "loaded_penalties", "taken")

    def __init__(self, glm: Any) -> None:
        self._glm = glm
        self._penalised = bool(glm.l1)
        self.loaded: dict[Hashable, float] = glm._weights.to_dict()
        self.loaded_penalties: dict[Hashable, float] = (
            glm.cum_l1.to_dict() if self._penalised else {}
        )
        self.taken: set[Hashable] = set(self.loaded)
        if self._penalised and not (
            list(self.loaded) == list(self.loaded_penalties)
            and all(map(isfinite, (glm.max_cum_l1, *self.loaded_penalties.values())))
        ):
            raise UncoveredError

    def add(self, key: Hashable) -> None:
        """Give a weight its place."""
        self.store(key, 0.0, 0.0)

    def store(self, key: Hashable, weight: float, paid: float) -> None:
        """Write a weight into river's model."""
        self._glm._weights[key] = weight
        if self._penalised:
            self._glm.cum_l1[key] = paid


class Penalty:
    """L2, or L1 by its cumulative penalty (Tsuruoka et al. 2009), as river computes them."""

    __slots__ = ("_l1", "_l2", "_rate", "owed")

    def __init__(self, glm: Any) -> None:
        self._l1, self._l2 = glm.l1, glm.l2
        self._rate = glm.optimizer.lr.learning_rate
        self.owed = glm.max_cum_l1 if self._l1 else 0

    def grow(self) -> None:
        """Let the L1 penalty of one more event be owed."""
        self.owed = self.owed + self._l1 * self._rate

    def step(
        self,
        weights: list[float],
        paid: list[float],
        values: list[float | None],
        gradient: float,
        rate: float,
    ) -> None:
        """Move the weights of an event's values (None: it has no such key), in place."""
        l1, l2, owed = self._l1, self._l2, self.owed
        for i, value in enumerate(values):
            if value is None:
                continue
            weight, slope = weights[i], value * gradient
            if l2:
                slope += l2 * weight
            weight -= rate * slope
            if l1:
                before, due = weight, paid[i]
                if before > 0:
                    after = before - (owed + due)
                    weight = after if after > 0 else 0.0
                elif before < 0:
                    after = before + (owed - due)
                    weight = after if after < 0 else 0.0
                paid[i] = due + (weight - before)
            weights[i] = weight
