"""When a candidate need not be run to the end: it is certain that it loses."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from labline.engine.stats.sequential import ConfidenceSequence

ALPHA = 0.001  # many candidates, each looked at all the time


class Hopeless:
    """Whether a candidate's mean loss is certainly above that of a reference.

    Looked at after any block of labels, it gives up a candidate that is no worse with probability
    `alpha` at most. The reference may be another one in every block, if the labels before decide
    which (the leader so far): then the mean is over those.

    Parameters
    ----------
    bound
        No two losses are further apart.
    alpha
        Probability that it errs.
    margin
        How much worse is still worth running on.

    Examples
    --------
    >>> hopeless = Hopeless(bound=1.0)
    >>> hopeless.add([0.5] * 160, [0.2] * 160), hopeless.add([0.5] * 1_000, [0.2] * 1_000)
    (False, True)
    >>> 0 < hopeless.stopped_at <= 1_160
    True
    """

    def __init__(self, bound: float, alpha: float = ALPHA, margin: float = 0.0) -> None:
        self.margin = margin
        self.stopped_at: int | None = None
        # it looks at one side of the two
        self._difference = ConfidenceSequence(bound, 2 * alpha)

    def add(self, candidate: ArrayLike, reference: ArrayLike) -> bool:
        """Take the losses at the next labels, of both at the same ones; return if it is certain."""
        steps = self._difference.add(np.subtract(candidate, reference))
        if self.stopped_at is None:
            worse = np.flatnonzero(steps.low > self.margin)
            self.stopped_at = int(steps.events[worse[0]]) if len(worse) else None
        return self.stopped_at is not None

    @property
    def state(self) -> dict[str, Any]:
        """What it has come to, as data that JSON can hold; `restore` takes it."""
        difference = self._difference.state
        return {"margin": self.margin, "stopped_at": self.stopped_at, "difference": difference}

    @classmethod
    def restore(cls, state: Mapping[str, Any]) -> "Hopeless":
        """Return one that goes on where `state` was taken."""
        difference = ConfidenceSequence.restore(state["difference"])
        restored = cls(difference.bound, difference.alpha / 2, state["margin"])
        restored.stopped_at = state["stopped_at"]
        restored._difference = difference
        return restored
