"""Which river models have a twin: recognised by exact class and parameters, nothing guessed."""

from collections.abc import Hashable
from typing import Any, NamedTuple, Protocol

import labline.engine.models.lazy_imports  # noqa: F401

from river.compose import Pipeline, TransformerUnion
from river.linear_model import LinearRegression, LogisticRegression
from river.optim import SGD
from river.optim.initializers import Zeros
from river.optim.losses import Log, Squared
from river.optim.schedulers import Constant
from river.preprocessing import MinMaxScaler, OneHotEncoder, StandardScaler

from labline.engine.models.estimators import Select
from labline.engine.models.fast.categories import Categories
from labline.engine.models.fast.numbers import Features, Numbers, Ranged, Standardised
from labline.engine.models.fast.weights import Penalty, UncoveredError, Weights

NUMBER_END = 2.0**53  # ints below it are doubles too


class Part(Protocol):
    """A twin's branch of a union: one kind of features with their weights."""

    def claimed(self) -> list[Hashable]:
        """Return the keys of the weights that are this part's."""

    def dot(self, x: Features, total: float) -> float:
        """Return a sum continued by this part's, for a score."""

    def learn_dot(self, x: Features, total: float) -> float:
        """Take an event in, then continue a sum. `undo` takes it back, `step` makes it last."""

    def undo(self) -> None:
        """Forget what `learn_dot` took in."""

    def step(self, gradient: float, rate: float, penalty: Penalty | None) -> None:
        """Move the weights of what `learn_dot` saw."""

    def store(self) -> None:
        """Write the numbers into river's objects, where their keys already are."""


class Shape(NamedTuple):
    """A model taken apart.

    Attributes
    ----------
    glm
        Its linear model.
    parts
        In the order of the sum.
    """

    glm: Any
    logistic: bool
    parts: tuple[Part, ...]


class Branch(NamedTuple):
    """Selected names (None: all that there are) and what transforms them (None: nothing)."""

    names: list[Hashable] | None
    encoder: Any


def shape_of(model: Any) -> Shape:
    """Take a river estimator apart.

    Raises
    ------
    UncoveredError
        When the twin does not cover it exactly.
    """
    steps = list(model.steps.values()) if type(model) is Pipeline else [model]
    if not steps:
        raise UncoveredError
    glm = steps.pop()
    logistic = type(glm) is LogisticRegression
    if not (logistic or type(glm) is LinearRegression) or not _is_plain(glm, logistic):
        raise UncoveredError
    weights = Weights(glm)
    parts = _parts(weights, _branches(steps))
    claimed = [key for part in parts for key in part.claimed()]
    if len(claimed) != len(weights.loaded) or set(claimed) != weights.loaded.keys():
        raise UncoveredError
    return Shape(glm, logistic, parts)


def _is_plain(glm: Any, logistic: bool) -> bool:
    """Tell whether a linear model has parameters that the twin knows."""
    loss, optimizer = glm.loss, glm.optimizer
    if logistic:
        known_loss = type(loss) is Log and loss.weight_pos == loss.weight_neg == 1.0
    else:
        known_loss = type(loss) is Squared
    schedulers: Any = (optimizer.lr, glm.intercept_lr) if type(optimizer) is SGD else (None,)
    if not known_loss or any(type(scheduler) is not Constant for scheduler in schedulers):
        return False
    rates = [scheduler.learning_rate for scheduler in schedulers]
    numbers = (*rates, glm.l1, glm.l2, glm.clip_gradient, glm.intercept)
    if not all(type(number) in (int, float) and abs(number) < NUMBER_END for number in numbers):
        return False
    # so no step is greater than 2**106, and none multiplies a weight: they all stay finite
    return type(glm.initializer) is Zeros and 0 <= rates[0] * glm.l2 <= 1


def _branches(steps: list[Any]) -> list[Branch]:
    """Return the branches that meet before the linear model, in the order of its sum."""
    names: list[Hashable] | None = None
    while steps and type(steps[0]) is Select:
        names = _narrowed(names, steps.pop(0))
    if not steps or type(steps[0]) is not TransformerUnion:
        return [_branch(names, steps)]
    if len(steps) > 1:
        raise UncoveredError
    found = []
    for part in reversed(steps[0].transformers.values()):  # river's own order
        found.append(
            _branch(names, list(part.steps.values()) if type(part) is Pipeline else [part])
        )
    if any(branch.names is None for branch in found):
        raise UncoveredError
    return found


def _branch(names: list[Hashable] | None, steps: list[Any]) -> Branch:
    while steps and type(steps[0]) is Select:
        names = _narrowed(names, steps.pop(0))
    if len(steps) > 1:
        raise UncoveredError
    return Branch(names, steps[0] if steps else None)


def _narrowed(names: list[Hashable] | None, select: Select) -> list[Hashable]:
    """Return the names that two selections in a row let through, in the order of the last."""
    return [name for name in dict.fromkeys(select.names) if names is None or name in names]


def _parts(weights: Weights, branches: list[Branch]) -> tuple[Part, ...]:
    numbers = [branch for branch in branches if type(branch.encoder) is not OneHotEncoder]
    encoders = [branch.encoder for branch in branches if type(branch.encoder) is OneHotEncoder]
    if len(encoders) > 1 and any(encoder.drop_zeros for encoder in encoders):
        raise UncoveredError  # whose weights are whose is not in the state
    names = [name for branch in numbers for name in branch.names or ()]
    if len(names) != len(set(names)):
        raise UncoveredError  # in a union the last of the same key wins
    weights.taken.update(names)
    rest = [key for key in weights.loaded if key not in names]
    return tuple(_part(weights, branch, rest) for branch in branches)


def _part(weights: Weights, branch: Branch, unclaimed: list[Hashable]) -> Part:
    names, encoder = branch
    if encoder is None:
        return Numbers(weights, names)
    if type(encoder) is StandardScaler:
        return Standardised(weights, names, encoder)
    if type(encoder) is MinMaxScaler:
        return Ranged(weights, names, encoder)
    if type(encoder) is OneHotEncoder:
        return Categories(weights, names, encoder, unclaimed)
    raise UncoveredError
