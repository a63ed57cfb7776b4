"""Is one better than another? One may look after every event, and the error rate still holds.

Comparisons of candidates (`lab_replay.evaluation.compare`) and early stopping use it. Differences
of two bounded losses come in, in the order of the labels; brackets of their mean go out, one at the
end of every block. What must stay true: with probability ``1 - alpha`` no bracket that is ever
looked at misses, and the same brackets come out however the differences are cut.

After Choe and Ramdas, "Comparing Sequential Forecasters" (arXiv 2110.00115, theorem 2), with
blocks; `docs/statistics.md` says what is estimated, and how often it erred in simulations.

Differences come in blocks of successive events. A block's sum counts at most the mean of the blocks
before it and `SPREADS_MAX` standard deviations, either way: so rare a block would otherwise widen
every bracket, because all blocks would have to be held possible that the bound allows. The limits
lie around 0, so that no block counts for the other side than it is on. Whatever the dependence
within and between blocks may be, for block sums ``B_k`` that cannot leave ``[-c_k, c_k]``, any
centre ``g_k`` and length that the past decides, ``h_k = c_k + |g_k|`` and ``0 <= s < 1 / h_k``,

    exp(s * sum(B_k - E[B_k | past]) - sum(psi_k(s) * (B_k - g_k) ** 2)),
    psi_k(s) = (-log(1 - h_k * s) - h_k * s) / h_k ** 2

is a supermartingale (Howard et al., arXiv 1810.08240), so a weighted mean over a grid of ``s`` is
one, and exceeds ``1 / alpha`` with probability `alpha` at most. An ``s`` that longer blocks no
longer allow is dropped, which only makes it smaller. The grid stands in for the paper's closed
mixture, because that needs one ``h`` for all blocks. At a mean of 0 it is the paper's e-process:
0 leaves the bracket exactly when that passes ``2 / alpha``.
"""

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from labline.engine.stats.neighbours import Neighbours, running

Floats: TypeAlias = NDArray[np.float64]

BLOCK_FIRST = 16
BLOCK_MAX = 1_024
LOOKS_FIRST = 16  # blocks of one length before one looks how they spread and correlate
LOOKS_GROW = 4  # looked at again after this part of their number, and as many as at first
CORRELATION_MAX = 0.2  # of neighbouring blocks; above it they are too short
SPREADS_MAX = 6.0  # so many standard deviations beyond the mean a block's sum counts at most
GRID = 14  # so that some are left for the longest blocks
GRID_RATIO = 2.0
NEWTON_STEPS = 12


class Steps(NamedTuple):
    """The brackets at the ends of blocks.

    Attributes
    ----------
    events
        How many events each rests on.
    low, high
        Of the mean difference over these events.
    """

    events: NDArray[np.int64]
    low: Floats
    high: Floats


class ConfidenceSequence:
    """A bracket of the mean of bounded differences, valid whenever it is looked at.

    The same numbers come out however the differences are cut into calls of `add`.

    Parameters
    ----------
    bound
        No difference is larger than this, either way.
    alpha
        Probability that it ever misses. A claim about one side alone costs half of it.
    block
        Length of the first blocks. It doubles while neighbours are correlated.

    Examples
    --------
    >>> compared = ConfidenceSequence(bound=1.0, alpha=0.05)
    >>> steps = compared.add(np.tile([0.3, -0.1], 1000))
    >>> steps.events[:2].tolist(), compared.events, compared.block
    ([16, 32], 2000, 16)
    >>> compared.low < 0.1 < compared.high, int(steps.events[steps.low > 0][0])
    (True, 896)
    """

    def __init__(self, bound: float, alpha: float = 0.05, block: int = BLOCK_FIRST) -> None:
        if not (0 < bound < np.inf and 0 < alpha < 1 and 1 <= block <= BLOCK_MAX):
            raise ValueError("bound above 0, alpha between 0 and 1, block from 1 on")
        self.bound, self.alpha = float(bound), float(alpha)
        self.block = int(block)
        self.events = 0
        self.low, self.high = -self.bound, self.bound
        self._sum = 0.0
        self._rest: Floats = np.empty(0)
        top = 0.9 / (bound * block)
        self._grid: Floats = top / np.power(GRID_RATIO, np.arange(GRID))
        weights = 1 / np.arange(1, GRID + 1)
        #: minus the logarithm of the weight, and the sum of psi * square over the lengths before
        self._spent: Floats = -np.log(weights / weights.sum())
        self._limit, self._centre = self.bound * self.block, 0.0  # of a block's sum
        self._squares, self._psi = 0.0, np.zeros(GRID)
        self._begin_length()

    def _begin_length(self) -> None:
        """Begin to count what belongs to one length of blocks."""
        self._neighbours = Neighbours()  # all blocks of this length
        self._look = LOOKS_FIRST
        self._begin_stretch()

    def _begin_stretch(self) -> None:
        """Begin to count under another limit of what a block's sum may be."""
        self._spent = self._spent + self._psi * self._squares
        self._squares = 0.0  # of distances of blocks from the centre
        self._lately = Neighbours()  # blocks as they are, before a limit
        allowed = self._grid * self._reach < 1
        self._grid, self._spent = self._grid[allowed], self._spent[allowed]
        scaled = self._grid * self._reach
        self._psi = (-np.log1p(-scaled) - scaled) / self._reach**2

    @property
    def _reach(self) -> float:
        """How far from the centre the sum of a block can be."""
        return self._limit + abs(self._centre)

    def add(self, differences: ArrayLike) -> Steps:
        """Take the next differences; return the bracket at the end of every block they filled."""
        fresh = np.asarray(differences, np.float64)
        if fresh.size and not np.abs(fresh).max() <= self.bound:  # NaN is not either
            raise ValueError(f"a difference beyond the bound of {self.bound}")
        waiting = np.concatenate([self._rest, fresh])
        parts = []
        while len(waiting) >= self.block:
            blocks = min(len(waiting) // self.block, self._look - self._neighbours.count)
            size = blocks * self.block
            parts.append(self._advance(waiting[:size].reshape(blocks, self.block).sum(axis=1)))
            waiting = waiting[size:]
            if self._neighbours.count == self._look:
                self._look_at_correlation()
        self._rest = waiting.copy()
        if not parts:
            return Steps(np.empty(0, np.int64), np.empty(0), np.empty(0))
        return Steps(*(np.concatenate(column) for column in zip(*parts, strict=True)))

    def _advance(self, blocks: Floats) -> Steps:
        """Go on by whole blocks of one length."""
        self._neighbours.add(blocks)
        self._lately.add(blocks)
        blocks = np.clip(blocks, -self._limit, self._limit)
        sums = running(self._sum, blocks)
        events = self.events + self.block * np.arange(len(sums))
        squares = running(self._squares, np.square(blocks - self._centre))[1:]
        radius = self._radius(self._spent + self._psi * squares[:, None])
        low = np.maximum((sums[1:] - radius) / events[1:], -self.bound)
        high = np.minimum((sums[1:] + radius) / events[1:], self.bound)
        self._sum, self._squares = float(sums[-1]), float(squares[-1])
        self.events = int(events[-1])
        self.low, self.high = float(low[-1]), float(high[-1])
        return Steps(events[1:], low, high)

    def _radius(self, spent: Floats) -> Floats:
        """Return the u with ``sum(exp(s * u - spent)) = 2 / alpha`` (rows: moments; columns: s).

        From the right of a convex function, where Newton's steps cannot overshoot.
        """
        grid = self._grid
        target = np.log(2 / self.alpha)
        u: Floats = ((target + spent) / grid).min(axis=1)
        for _ in range(NEWTON_STEPS):
            exponents = grid * u[:, None] - spent
            peak = exponents.max(axis=1)
            terms = np.exp(exponents - peak[:, None])
            total = terms.sum(axis=1)
            u = u - (peak + np.log(total) - target) * total / (terms * grid).sum(axis=1)
        return u

    def _look_at_correlation(self) -> None:
        """Limit blocks to come by how far the last ones spread; double them if they correlate."""
        self._look += max(self._look // LOOKS_GROW, LOOKS_FIRST)
        blocks = self._neighbours
        slack = 1 / np.sqrt(blocks.count)
        correlated = blocks.products > (CORRELATION_MAX + slack) * blocks.variation
        longer = correlated and self.block < BLOCK_MAX
        if longer:
            self.block *= 2
        # a sum of two neighbours spreads at most twice as far
        spread = float(np.sqrt(self._lately.variation / self._lately.count)) * (2 if longer else 1)
        whole = self.bound * self.block
        self._centre = self._sum / self.events * self.block
        self._limit = min(abs(self._centre) + SPREADS_MAX * spread, whole) or whole
        if longer:
            self._begin_length()
        else:
            self._begin_stretch()
