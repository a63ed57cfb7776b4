"""Categories in a twin: a `OneHotEncoder` whose zeros are never written down.

A category that an event does not have adds a zero to river's sum, which changes nothing: the
weights stay finite, see `twin_shape`. Only a penalty moves its weight.
"""

from collections.abc import Hashable
from math import copysign, isfinite
from typing import Any

import labline.engine.models.lazy_imports  # noqa: F401

from river.preprocessing import OneHotEncoder

from labline.engine.models.fast.numbers import Features
from labline.engine.models.fast.weights import Penalty, UncoveredError, Weights

KINDS = (str, int, bool, float)  # one text a value, but for float's two zeros and NaN
UNOWNED = object()


class Categories:
    """Features behind a `OneHotEncoder`.

    Parameters
    ----------
    names
        The features in order; None: whatever an event has, in the event's order.
    unclaimed
        Keys of weights that may be of this encoder, whose state does not say without zeros.
    """

    __slots__ = (
        "_active", "_encoder", "_features", "_free", "_names", "_new", "_owners", "_slots",
        "_weights", "_zeros", "penalties", "weights",
    )  # fmt: skip

    def __init__(
        self,
        weights: Weights,
        names: list[Hashable] | None,
        encoder: OneHotEncoder,
        unclaimed: list[Hashable],
    ) -> None:
        if encoder.categories is not None or encoder.drop_first:
            raise UncoveredError
        self._weights, self._encoder, self._zeros = weights, encoder, not encoder.drop_zeros
        keys = list(encoder._zero_dict) if self._zeros else unclaimed
        self._slots = {key: slot for slot, key in enumerate(keys)}  # zeros: in their order
        if not self._slots.keys() <= weights.loaded.keys():
            raise UncoveredError
        self.weights = [weights.loaded[key] for key in keys]
        self.penalties = [weights.loaded_penalties.get(key, 0.0) for key in keys]
        if any(not isfinite(w) or (not w and copysign(1.0, w) < 0.0) for w in self.weights):
            raise UncoveredError
        self._free, self._names = names is None, list(encoder.values) if names is None else names
        #: Name, type of all its values so far, slots by value.
        self._features: list[tuple[Hashable, type | None, dict[Any, int]]] = [
            (name, None, {}) for name in self._names
        ]
        self._owners: list[Any] = [UNOWNED] * len(keys)  # the feature that a slot is of, once seen
        self._active: list[int] = []
        self._new: list[tuple[Hashable, Any, Hashable]] = []
        for name, values in encoder.values.items():
            if name not in self._names or None in [self._meet(name, v) for v in values]:
                raise UncoveredError
        if self._zeros and UNOWNED in self._owners:
            raise UncoveredError

    def claimed(self) -> list[Hashable]:
        """Return the keys of the weights that are this part's."""
        return list(self._slots)

    def dot(self, x: Features, total: float) -> float:
        """Return a sum continued by this part's, for a score."""
        if self._free and list(x) != self._names:
            self._arrange(x)
        active = []
        for name, kind, known in self._features:
            if name in x:
                value = x[name]
                slot = known.get(value) if type(value) is kind else None
                if slot is None:
                    slot = self._meet(name, value)
                if slot is not None:
                    active.append(slot)
        if self._zeros:
            active.sort()
        weights = self.weights
        for slot in active:
            total += weights[slot]
        return total

    def learn_dot(self, x: Features, total: float) -> float:
        """Take an event in, then continue a sum. `step` makes it last."""
        if self._free and list(x) != self._names:
            self._arrange(x)
        self._new = []
        active = self._active = []
        for name, kind, known in self._features:
            if name in x:
                value = x[name]
                slot = known.get(value) if type(value) is kind else None
                if slot is None:
                    slot = self._meet(name, value)
                if slot is None:
                    key = f"{name}_{value}"
                    self._new.append((name, value, key))
                    self._weights.taken.add(key)
                else:
                    active.append(slot)
        if self._zeros:
            active.sort()
        weights = self.weights
        for slot in active:
            total += weights[slot]
        return total

    def undo(self) -> None:
        """Forget what `learn_dot` took in: nothing that `store` would write."""

    def step(self, gradient: float, rate: float, penalty: Penalty | None) -> None:
        """Move the weights of what `learn_dot` saw."""
        if self._new:
            self._register()
        weights = self.weights
        if penalty is None:
            move = rate * gradient
            for slot in self._active:
                weights[slot] -= move
            return
        values: list[float | None] = [0.0 if self._zeros else None] * len(weights)
        for slot in self._active:
            values[slot] = 1.0
        penalty.step(weights, self.penalties, values, gradient, rate)

    def store(self) -> None:
        """Write the numbers into river's objects, where their keys already are."""
        for key, weight, paid in zip(self._slots, self.weights, self.penalties, strict=True):
            self._weights.store(key, weight, paid)

    def _meet(self, name: Hashable, value: Any) -> int | None:
        """Return the slot of a value met for the first time; None: nobody learned it."""
        place = self._names.index(name)
        _, known_kind, known = self._features[place]
        kind = type(value)
        if kind not in KINDS or kind is not (known_kind or kind):
            raise UncoveredError  # 1, 1.0 and True are one member of a set, and three texts
        if kind is float and (value == 0.0 or value != value):
            raise UncoveredError
        self._features[place] = (name, kind, known)
        key = f"{name}_{value}"
        slot = self._slots.get(key)
        if slot is None:
            if key in self._weights.taken:
                raise UncoveredError
            return None
        if self._owners[slot] is not UNOWNED:
            raise UncoveredError  # "a" + "b_c" and "a_b" + "c" are one key
        self._owners[slot] = name
        known[value] = slot
        return slot

    def _register(self) -> None:
        """Give keys to the categories that were learned for the first time."""
        for name, value, key in self._new:
            slot = len(self.weights)
            self._weights.add(key)
            if self._zeros:
                self._encoder.values[name].add(value)
                self._encoder._zero_dict[key] = 0
            self._slots[key] = slot
            self._owners.append(name)
            self._features[self._names.index(name)][2][value] = slot
            self.weights.append(0.0)
            self.penalties.append(0.0)
            self._active.append(slot)

    def _arrange(self, x: Features) -> None:
        """Put the features of an event in the event's order."""
        features = {feature[0]: feature for feature in self._features}
        seen = [features.pop(name, (name, None, {})) for name in x]
        self._features = [*seen, *features.values()]
        self._names = [name for name, _, _ in self._features]
