"""Numbers in a twin: as they are, standardised, or between their extremes.

Flat lists, a place for each feature in the order of river's sums. Each expression is river's own,
because another order of the same operations gives other bits.
"""

from collections.abc import Hashable
from typing import Any, ClassVar, TypeAlias

import labline.engine.models.lazy_imports  # noqa: F401

from river.preprocessing import MinMaxScaler, StandardScaler

from labline.engine.models.fast.weights import Penalty, UncoveredError, Weights

Features: TypeAlias = dict[Hashable, Any]
COUNT_END = 2**53  # counts are kept as doubles: dividing by an int costs a conversion each time


class Numbers:
    """Features that go to the sum as they are.

    Parameters
    ----------
    names
        The features in order; None: whatever an event has, in the event's order.
    """

    COLUMNS: ClassVar[tuple[str, ...]] = ("names", "weights", "penalties", "values")
    __slots__ = ("_free", "_new", "_weights", "names", "penalties", "values", "weights")

    def __init__(self, weights: Weights, names: list[Hashable] | None) -> None:
        self._weights = weights
        self._free = names is None
        self.names: list[Hashable] = self._recorded() if names is None else names
        if not self.names_in(self._recorded()):
            raise UncoveredError
        self.weights = [weights.loaded.get(name, 0.0) for name in self.names]
        self.penalties = [weights.loaded_penalties.get(name, 0.0) for name in self.names]
        self.values: list[float | None] = [None] * len(self.names)  # transformed; None: missing
        self._new = [i for i, name in enumerate(self.names) if name not in weights.loaded]

    def names_in(self, recorded: list[Hashable]) -> bool:
        """Tell whether all recorded features are among this part's."""
        return set(recorded) <= set(self.names)

    def claimed(self) -> list[Hashable]:
        """Return the keys of the weights that are this part's."""
        return [name for name in self.names if name in self._weights.loaded]

    def dot(self, x: Features, total: float) -> float:
        """Return a sum continued by this part's, for a score."""
        if self._free and list(x) != self.names:
            self._arrange(x)
        weights = self.weights
        for i, name in enumerate(self.names):
            if name in x:
                total += weights[i] * x[name]
        return total

    def learn_dot(self, x: Features, total: float) -> float:
        """Take an event in, then continue a sum. `undo` takes it back, `step` makes it last."""
        if self._free and list(x) != self.names:
            self._arrange(x)
        values = self.values = [x.get(name) for name in self.names]
        for name, weight, value in zip(self.names, self.weights, values, strict=True):
            if value is not None:
                total += weight * value
            elif name in x:
                raise UncoveredError
        return total

    def undo(self) -> None:
        """Forget what `learn_dot` took in."""

    def step(self, gradient: float, rate: float, penalty: Penalty | None) -> None:
        """Move the weights of what `learn_dot` saw."""
        if self._new:
            self._register()
        if penalty is None:
            weights = self.weights
            for i, value in enumerate(self.values):
                if value is not None:
                    weights[i] -= rate * (value * gradient)
        else:
            penalty.step(self.weights, self.penalties, self.values, gradient, rate)

    def store(self) -> None:
        """Write the numbers into river's objects, where their keys already are."""
        new = set(self._new)
        for i, name in enumerate(self.names):
            if i not in new:
                self._weights.store(name, self.weights[i], self.penalties[i])
                self._store(i, name)

    def _recorded(self) -> list[Hashable]:
        """Return the features that the state knows, as long as no weight is another part's."""
        return list(self._weights.loaded) if self._free else []

    def _register(self) -> None:
        """Give keys to the features that were learned for the first time."""
        for i in self._new:
            if self.values[i] is not None:
                self._weights.add(self.names[i])
                self._add(self.names[i])
        self._new = [i for i in self._new if self.values[i] is None]

    def _add(self, name: Hashable) -> None:
        """Make river's entries for a feature, where and when river would."""

    def _store(self, i: int, name: Hashable) -> None:
        """Write a feature's statistics into river's entries."""

    def _arrange(self, x: Features) -> None:
        """Put the features of an event in the event's order, unless they are."""
        names = list(x)
        if names == [name for name in self.names if name in x]:
            return
        place = {name: i for i, name in enumerate(self.names)}
        new = {self.names[i] for i in self._new} | {name for name in names if name not in place}
        order = names + [name for name in self.names if name not in x]
        for column in self.COLUMNS:
            old = [*getattr(self, column), self._blank(column)]
            setattr(self, column, [old[place.get(name, -1)] for name in order])
        self.names = order
        self._new = [i for i, name in enumerate(order) if name in new]

    def _blank(self, column: str) -> Any:
        """Return what a column holds for a feature that was never seen."""
        return None if column in ("names", "values") else 0.0


class Standardised(Numbers):
    """Features behind a `StandardScaler`."""

    COLUMNS = (*Numbers.COLUMNS, "counts", "means", "variances", "spreads")
    __slots__ = ("_before", "_scaler", "counts", "means", "spreads", "variances")

    def __init__(
        self, weights: Weights, names: list[Hashable] | None, scaler: StandardScaler
    ) -> None:
        self._scaler = scaler
        if not scaler.with_std or scaler.window_size is not None:
            raise UncoveredError
        super().__init__(weights, names)
        counts, means, variances = scaler.counts, scaler.means, scaler.vars
        if not counts.keys() == means.keys() == set(self.claimed()) or not (
            counts.keys() <= variances.keys()
            and all(type(n) is int and 1 <= n < COUNT_END for n in counts.values())
            and all(type(mean) is float for mean in means.values())
            and all(type(v) is float and v >= 0.0 for v in variances.values())
            and not any(v for name, v in variances.items() if name not in counts)
        ):
            raise UncoveredError
        self.counts = [float(counts.get(name, 0)) for name in self.names]
        self.means = [means.get(name, 0.0) for name in self.names]
        self.variances = [variances.get(name, 0.0) for name in self.names]
        self.spreads = [variance**0.5 for variance in self.variances]
        self._before = (self.counts, self.means, self.variances, self.spreads)

    def dot(self, x: Features, total: float) -> float:
        """Return a sum continued by this part's, for a score."""
        if self._free and list(x) != self.names:
            self._arrange(x)
        means, spreads, weights = self.means, self.spreads, self.weights
        for i, name in enumerate(self.names):
            if name in x:
                spread = spreads[i]
                if spread:
                    total += weights[i] * ((x[name] - means[i]) / spread)
                else:
                    self._scaler.vars[name]  # river's look makes the entry
                    total += weights[i] * 0.0
        return total

    def learn_dot(self, x: Features, total: float) -> float:
        """Take an event in, then continue a sum. `undo` takes it back, `step` makes it last."""
        if self._free and list(x) != self.names:
            self._arrange(x)
        counts, means, variances, spreads = self.counts, self.means, self.variances, self.spreads
        self._before = (counts[:], means[:], variances[:], spreads[:])
        values, weights = self.values, self.weights
        for i, name in enumerate(self.names):
            if name not in x:
                values[i] = None
                continue
            value, mean = x[name], means[i]
            counts[i] = count = counts[i] + 1.0
            off = value - mean
            means[i] = mean = mean + off / count
            rest, variance = value - mean, variances[i]
            variances[i] = variance = variance + (off * rest - variance) / count
            if variance > 0.0:
                spreads[i] = spread = variance**0.5
                values[i] = scaled = rest / spread
                total += weights[i] * scaled
            elif variance == 0.0 and type(mean) is float:
                spreads[i] = values[i] = 0.0
                total += weights[i] * 0.0
            else:  # below zero, not a number, or another library's
                raise UncoveredError
        return total

    def undo(self) -> None:
        """Forget what `learn_dot` took in."""
        self.counts, self.means, self.variances, self.spreads = self._before

    def _recorded(self) -> list[Hashable]:
        return list(self._scaler.vars)

    def _add(self, name: Hashable) -> None:
        self._scaler.counts[name] = 0
        self._scaler.means[name] = 0.0
        self._scaler.vars[name]  # a score may have made it before

    def _store(self, i: int, name: Hashable) -> None:
        self._scaler.counts[name] = int(self.counts[i])
        self._scaler.means[name] = self.means[i]
        self._scaler.vars[name] = self.variances[i]


class Ranged(Numbers):
    """Features behind a `MinMaxScaler`."""

    COLUMNS = (*Numbers.COLUMNS, "lows", "highs")
    __slots__ = ("_before", "_scaler", "highs", "lows")

    def __init__(
        self, weights: Weights, names: list[Hashable] | None, scaler: MinMaxScaler
    ) -> None:
        self._scaler = scaler
        if scaler.window_size is not None:
            raise UncoveredError
        super().__init__(weights, names)
        if scaler.min.keys() != scaler.max.keys() or not set(self.claimed()) <= scaler.min.keys():
            raise UncoveredError
        infinity = float("inf")
        self.lows = [scaler.min[n].min if n in scaler.min else infinity for n in self.names]
        self.highs = [scaler.max[n].max if n in scaler.max else -infinity for n in self.names]
        if any(self.lows[i] != infinity or self.highs[i] != -infinity for i in self._new):
            raise UncoveredError
        self._before = (self.lows, self.highs)

    def dot(self, x: Features, total: float) -> float:
        """Return a sum continued by this part's, for a score."""
        if self._free and list(x) != self.names:
            self._arrange(x)
        lows, highs, weights = self.lows, self.highs, self.weights
        for i, name in enumerate(self.names):
            if name in x:
                low = lows[i]
                width = highs[i] - low
                if width < 0.0:
                    self._add(name)
                total += weights[i] * ((x[name] - low) / width if width else 0.0)
        return total

    def learn_dot(self, x: Features, total: float) -> float:
        """Take an event in, then continue a sum. `undo` takes it back, `step` makes it last."""
        if self._free and list(x) != self.names:
            self._arrange(x)
        lows, highs, values, weights = self.lows, self.highs, self.values, self.weights
        self._before = (lows[:], highs[:])
        for i, name in enumerate(self.names):
            if name not in x:
                values[i] = None
                continue
            value = x[name]
            if value < lows[i]:
                lows[i] = value
            if value > highs[i]:
                highs[i] = value
            low = lows[i]
            width = highs[i] - low
            values[i] = scaled = (value - low) / width if width else 0.0
            total += weights[i] * scaled
        return total

    def undo(self) -> None:
        """Forget what `learn_dot` took in."""
        self.lows, self.highs = self._before

    def _recorded(self) -> list[Hashable]:
        return list(self._scaler.min)

    def _add(self, name: Hashable) -> None:
        self._scaler.min[name], self._scaler.max[name]

    def _store(self, i: int, name: Hashable) -> None:
        self._scaler.min[name].min = self.lows[i]
        self._scaler.max[name].max = self.highs[i]

    def _blank(self, column: str) -> Any:
        blank = {"lows": float("inf"), "highs": float("-inf")}
        return blank[column] if column in blank else super()._blank(column)
