"""Is one better than another? Asked after every event, and the error rate still holds.

`ConfidenceSequence` brackets the mean difference of two bounded losses at every moment at once:
with probability ``1 - alpha`` no bracket that is ever looked at misses. After Choe and Ramdas,
"Comparing Sequential Forecasters" (arXiv 2110.00115, theorem 2), with blocks; `docs/statistics.md`
says what is estimated, and how often it erred in simulations.

Differences come in blocks of successive events. A block's sum counts at most `SPREADS_MAX` standard
deviations of the blocks before it: so rare a block would otherwise widen every bracket, because all
blocks would have to be held possible that the bound allows. Whatever the dependence within and
between blocks may be, for block sums ``B_k`` that cannot leave ``[-c_k, c_k]``, any centre ``g_k``
and length that the past decides, and ``0 <= s < 1 / h_k`` with ``h_k = c_k + |g_k|`` at most,

    exp(s * sum(B_k - E[B_k | past]) - sum(psi_k(s) * (B_k - g_k) ** 2)),
    psi_k(s) = (-log(1 - h_k * s) - h_k * s) / h_k ** 2

is a supermartingale (Howard et al., arXiv 1810.08240), so a weighted mean over a grid of ``s`` is
one, and exceeds ``1 / alpha`` with probability `alpha` at most. An ``s`` that longer blocks no
longer allow is dropped, which only makes it smaller. The grid stands in for the paper's closed
mixture, because that needs one ``h`` for all blocks. At a mean of 0 it is the paper's e-process:
0 leaves the bracket exactly when that passes ``2 / alpha``.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats: TypeAlias = NDArray[np.float64]

BLOCK_FIRST = 16
BLOCK_MAX = 1_024
LOOKS_FIRST = 16  # blocks of one length before their correlation is looked at; then doubling
CORRELATION_MAX = 0.2  # of neighbouring blocks; above it they are too short
CENTRE_MAX = 0.1  # of a block's limit: how far its centre may be from 0
SPREADS_MAX = 6.0  # a block's sum counts at most so many standard deviations of those before it
GRID = 14  # so that some are left for the longest blocks
GRID_RATIO = 2.0
NEWTON_STEPS = 12


_KEPT = ("bound", "alpha", "first", "block", "events", "low", "high", "_limit")
_COUNTED = ("_sum", "_squares", "_variation", "_products", "_blocks", "_look", "_last")


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
    (True, 976)
    """

    def __init__(self, bound: float, alpha: float = 0.05, block: int = BLOCK_FIRST) -> None:
        if not (0 < bound < np.inf and 0 < alpha < 1 and 1 <= block <= BLOCK_MAX):
            raise ValueError("bound above 0, alpha between 0 and 1, block from 1 on")
        self.bound, self.alpha = float(bound), float(alpha)
        self.first = self.block = int(block)
        self.events = 0
        self.low, self.high = -self.bound, self.bound
        self._sum = 0.0
        self._rest: Floats = np.empty(0)
        top = 0.9 / (bound * block * (1 + CENTRE_MAX))
        self._grid: Floats = top / np.power(GRID_RATIO, np.arange(GRID))
        weights = 1 / np.arange(1, GRID + 1)
        #: minus the logarithm of the weight, and the sum of psi * square over the lengths before
        self._spent: Floats = -np.log(weights / weights.sum())
        self._limit, self._squares, self._psi = self.bound * self.block, 0.0, np.zeros(GRID)
        self._begin_length()

    def _begin_length(self) -> None:
        """Begin to count what belongs to one length of blocks."""
        # of distances from the mean before: squared, and each times the next
        self._variation, self._products, self._last = 0.0, 0.0, 0.0
        self._blocks, self._look = 0, LOOKS_FIRST
        self._begin_stretch()

    def _begin_stretch(self) -> None:
        """Begin to count under another limit of what a block's sum may be."""
        self._spent = self._spent + self._psi * self._squares
        self._squares = 0.0  # of distances of blocks from their centres
        widest = self._limit * (1 + CENTRE_MAX)
        allowed = self._grid * widest < 1
        self._grid, self._spent = self._grid[allowed], self._spent[allowed]
        self._weigh()

    def _weigh(self) -> None:
        widest = self._limit * (1 + CENTRE_MAX)
        scaled = self._grid * widest
        self._psi = (-np.log1p(-scaled) - scaled) / widest**2

    @property
    def state(self) -> dict[str, Any]:
        """What it has come to, as data that JSON can hold; `restore` takes it."""
        numbers = {name: getattr(self, name) for name in (*_KEPT, *_COUNTED)}
        lists = {"spent": self._spent, "grid": self._grid, "rest": self._rest}
        return numbers | {name: values.tolist() for name, values in lists.items()}

    @classmethod
    def restore(cls, state: Mapping[str, Any]) -> "ConfidenceSequence":
        """Return one that goes on where `state` was taken.

        Examples
        --------
        >>> begun = ConfidenceSequence(bound=1.0)
        >>> _ = begun.add([0.5] * 100)
        >>> ConfidenceSequence.restore(begun.state).state == begun.state
        True
        """
        restored = cls(state["bound"], state["alpha"], state["first"])
        for name in (*_KEPT, *_COUNTED):
            setattr(restored, name, state[name])
        restored._spent = np.array(state["spent"], np.float64)
        restored._grid = np.array(state["grid"], np.float64)
        restored._weigh()
        restored._rest = np.array(state["rest"], np.float64)
        return restored

    def add(self, differences: ArrayLike) -> Steps:
        """Take the next differences; return the bracket at the end of every block they filled."""
        fresh = np.asarray(differences, np.float64)
        if fresh.size and not np.abs(fresh).max() <= self.bound:  # NaN is not either
            raise ValueError(f"a difference beyond the bound of {self.bound}")
        waiting = np.concatenate([self._rest, fresh])
        found = []
        while len(waiting) >= self.block:
            blocks = min(len(waiting) // self.block, self._look - self._blocks)
            size = blocks * self.block
            found.append(self._advance(waiting[:size].reshape(blocks, self.block).sum(axis=1)))
            waiting = waiting[size:]
            if self._blocks == self._look:
                self._look_at_correlation()
        self._rest = waiting.copy()
        if not found:
            return Steps(np.empty(0, np.int64), np.empty(0), np.empty(0))
        return Steps(*(np.concatenate(column) for column in zip(*found, strict=True)))

    def _advance(self, blocks: Floats) -> Steps:
        """Go on by whole blocks of one length."""
        blocks = np.clip(blocks, -self._limit, self._limit)
        sums = _sums(self._sum, blocks)
        events = self.events + self.block * np.arange(len(sums))
        means = sums[:-1] / np.maximum(events[:-1], 1)  # as known before each block
        furthest = CENTRE_MAX * self._limit
        centres = np.clip(means * self.block, -furthest, furthest)
        squares = _sums(self._squares, np.square(blocks - centres))[1:]
        off = blocks - means * self.block
        before = np.concatenate([[self._last], off[:-1]])
        self._variation = float(_sums(self._variation, off * off)[-1])
        self._products = float(_sums(self._products, off * before)[-1])
        radius = self._radius(self._spent + self._psi * squares[:, None])
        low = np.maximum((sums[1:] - radius) / events[1:], -self.bound)
        high = np.minimum((sums[1:] + radius) / events[1:], self.bound)
        self._sum, self._squares, self._last = float(sums[-1]), float(squares[-1]), float(off[-1])
        self.events, self._blocks = int(events[-1]), self._blocks + len(blocks)
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
        """Limit the blocks to come by how far these spread, and double them if they correlate."""
        self._look *= 2
        slack = 1 / np.sqrt(self._blocks)
        correlated = self._products > (CORRELATION_MAX + slack) * self._variation
        longer = correlated and self.block < BLOCK_MAX
        if longer:
            self.block *= 2
        # a sum of two neighbours spreads at most twice as far
        spread = float(np.sqrt(self._variation / self._blocks)) * (2 if longer else 1)
        whole = self.bound * self.block
        self._limit = min(SPREADS_MAX * spread, whole) or whole
        if longer:
            self._begin_length()
        else:
            self._begin_stretch()


def _sums(start: float, values: Floats) -> Floats:
    """Return the running sums from `start` on, added one by one however they are cut."""
    return np.cumsum(np.concatenate([[start], values]))
