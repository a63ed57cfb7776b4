"""Estimators of our own, beside river's: an ordered selection and two baselines."""

from collections.abc import Hashable
from typing import Any, TypeAlias

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
