"""Estimators of our own, beside river's: an ordered selection and two baselines.

This module's name is part of the snapshot format: see `labline.engine.models.state.globals`.
"""

from collections.abc import Hashable
from typing import Any, TypeAlias

import labline.engine.models.lazy_imports  # noqa: F401

from river import base
from river.base.typing import ClfTarget

Features: TypeAlias = dict[Hashable, Any]


class Select(base.Transformer):
    """Keep the named features, in the order in which they are named.

    river's ``compose.Select`` iterates a set, so its sums depend on ``PYTHONHASHSEED``.

    Examples
    --------
    >>> Select("b", "a").transform_one({"a": 1, "b": 2, "c": 3})
    {'b': 2, 'a': 1}
    """

    def __init__(self, *names: str) -> None:
        self.names = names

    def transform_one(self, x: Features) -> Features:
        """Return the named features that are there."""
        return {name: x[name] for name in self.names if name in x}

    def _get_params(self) -> dict[str, Any]:
        return {"_POSITIONAL_ARGS": self.names}


class BaseRate(base.Classifier):
    """Answer the share of positive labels so far, with one of each to start from.

    Examples
    --------
    >>> model = BaseRate()
    >>> for label in (True, True, False, True):
    ...     _ = model.learn_one({}, label)
    >>> model.predict_proba_one({})[True]
    0.6666666666666666
    """

    def __init__(self) -> None:
        self.positives = 1
        self.labels = 2

    def predict_proba_one(self, x: Features, **kwargs: Any) -> dict[ClfTarget, float]:
        """Return the running base rate."""
        del x, kwargs
        rate = self.positives / self.labels
        return {False: 1.0 - rate, True: rate}

    def learn_one(self, x: Features, y: ClfTarget) -> None:
        """Count a label."""
        del x
        self.labels += 1
        self.positives += bool(y)


class NoChange(base.Classifier):
    """Answer that the next label is as the last one, with a declared probability.

    Persistence beats many learners where labels come in runs (Žliobaitė et al., Machine
    Learning 2015, doi 10.1007/s10994-014-5441-4).

    Parameters
    ----------
    probability
        Of no change, between 0 and 1.

    Examples
    --------
    >>> model = NoChange(0.75)
    >>> model.learn_one({}, False)
    >>> model.predict_proba_one({})[True]
    0.25
    """

    def __init__(self, probability: float) -> None:
        if not 0.0 < probability < 1.0:
            raise ValueError("probability must lie between 0 and 1")
        self.probability = probability
        self.last: bool | None = None

    def predict_proba_one(self, x: Features, **kwargs: Any) -> dict[ClfTarget, float]:
        """Return the declared probability for the last label; a half before the first."""
        del x, kwargs
        positive = 0.5
        if self.last is not None:
            positive = self.probability if self.last else 1.0 - self.probability
        return {False: 1.0 - positive, True: positive}

    def learn_one(self, x: Features, y: ClfTarget) -> None:
        """Remember a label."""
        del x
        self.last = bool(y)


class Discard(base.Transformer):
    """Leave the named features out; the others keep their order.

    Examples
    --------
    >>> Discard("b").transform_one({"c": 1, "b": 2, "a": 3})
    {'c': 1, 'a': 3}
    """

    def __init__(self, *names: str) -> None:
        self.names = names

    def transform_one(self, x: Features) -> Features:
        """Return the other features."""
        return {name: value for name, value in x.items() if name not in self.names}

    def _get_params(self) -> dict[str, Any]:
        return {"_POSITIONAL_ARGS": self.names}


class ClassShares(base.Classifier):
    """Answer the share of each class among the labels so far.

    Examples
    --------
    >>> model = ClassShares()
    >>> for label in ("a", "b", "a", "a"):
    ...     model.learn_one({}, label)
    >>> model.predict_proba_one({})
    {'a': 0.75, 'b': 0.25}
    """

    def __init__(self) -> None:
        self.counts: dict[ClfTarget, int] = {}

    @property
    def _multiclass(self) -> bool:
        return True

    def predict_proba_one(self, x: Features, **kwargs: Any) -> dict[ClfTarget, float]:
        """Return the shares; nothing before the first label."""
        del x, kwargs
        labels = sum(self.counts.values())
        return {label: count / labels for label, count in self.counts.items()}

    def learn_one(self, x: Features, y: ClfTarget) -> None:
        """Count a label."""
        del x
        self.counts[y] = self.counts.get(y, 0) + 1


class SameClass(base.Classifier):
    """Answer that the next class is the last one, with a declared probability.

    Parameters
    ----------
    probability
        Of the same class; the other classes seen so far share the rest.

    Examples
    --------
    >>> model = SameClass(0.8)
    >>> for label in ("a", "b", "c"):
    ...     model.learn_one({}, label)
    >>> model.predict_proba_one({})["c"]
    0.8
    """

    def __init__(self, probability: float) -> None:
        if not 0.0 < probability < 1.0:
            raise ValueError("probability must lie between 0 and 1")
        self.probability = probability
        self.seen: dict[ClfTarget, None] = {}
        self.last: ClfTarget | None = None

    @property
    def _multiclass(self) -> bool:
        return True

    def predict_proba_one(self, x: Features, **kwargs: Any) -> dict[ClfTarget, float]:
        """Return a probability for each class seen so far."""
        del x, kwargs
        if len(self.seen) < 2:
            return dict.fromkeys(self.seen, 1.0)
        rest = (1.0 - self.probability) / (len(self.seen) - 1)
        return {label: self.probability if label == self.last else rest for label in self.seen}

    def learn_one(self, x: Features, y: ClfTarget) -> None:
        """Remember a label."""
        del x
        self.seen[y] = None
        self.last = y


class MeanValue(base.Regressor):
    """Answer the mean of the labels so far.

    Examples
    --------
    >>> model = MeanValue()
    >>> for label in (1.0, 2.0, 6.0):
    ...     model.learn_one({}, label)
    >>> model.predict_one({})
    3.0
    """

    def __init__(self) -> None:
        self.total = 0.0
        self.labels = 0

    def predict_one(self, x: Features, **kwargs: Any) -> float:
        """Return the mean; 0 before the first label."""
        del x, kwargs
        return self.total / self.labels if self.labels else 0.0

    def learn_one(self, x: Features, y: float) -> None:
        """Add a label."""
        del x
        self.total += y
        self.labels += 1


class LastValue(base.Regressor):
    """Answer that the next label is as the last one; 0 before the first.

    Examples
    --------
    >>> model = LastValue()
    >>> model.learn_one({}, 2.5)
    >>> model.predict_one({})
    2.5
    """

    def __init__(self) -> None:
        self.last = 0.0

    def predict_one(self, x: Features, **kwargs: Any) -> float:
        """Return the last label."""
        del x, kwargs
        return self.last

    def learn_one(self, x: Features, y: float) -> None:
        """Remember a label."""
        del x
        self.last = float(y)


class ConstantScore(base.AnomalyDetector):
    """Find every event as odd as any other.

    Examples
    --------
    >>> ConstantScore(0.5).score_one({"x": 1.0})
    0.5
    """

    def __init__(self, score: float = 0.0) -> None:
        self.score = float(score)

    def score_one(self, x: Features) -> float:
        """Return the constant."""
        del x
        return self.score

    def learn_one(self, x: Features) -> None:
        """Learn nothing."""
        del x
