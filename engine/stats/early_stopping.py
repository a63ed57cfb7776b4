"""When a candidate need not be run to the end: it is certain that it loses.

`lab_replay.replay.early_stopping` asks after each block of labels. Losses of a candidate and of a
reference at the same labels come in; out goes whether, and at which label, it became certain that
the candidate is worse. What must stay true: one that is no worse is given up with probability
`alpha` at most, however often one looks.
"""

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

    Examples
    --------
    >>> hopeless = Hopeless(bound=1.0)
    >>> hopeless.add([0.5] * 160, [0.2] * 160), hopeless.add([0.5] * 1_000, [0.2] * 1_000)
    (False, True)
    >>> 0 < hopeless.stopped_at <= 1_160
    True
    """

    def __init__(self, bound: float, alpha: float = ALPHA) -> None:
        self.stopped_at: int | None = None
        # a one-sided test: the bracket may miss on the other side too
        self._difference = ConfidenceSequence(bound, 2 * alpha)

    def add(self, candidate: ArrayLike, reference: ArrayLike) -> bool:
        """Take the losses at the next labels, of both at the same ones; return if it is certain."""
        steps = self._difference.add(np.subtract(candidate, reference))
        if self.stopped_at is None:
            worse = np.flatnonzero(steps.low > 0)
            self.stopped_at = int(steps.events[worse[0]]) if len(worse) else None
        return self.stopped_at is not None
