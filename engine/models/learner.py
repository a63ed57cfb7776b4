"""The one interface between the fold and a model library: score features, learn a label."""

from typing import Any

from engine.core.features import Features
from engine.models.recipes import parse

NO_OPINION = 0.5  # what a classifier that has seen no label answers


class RiverClassifier:
    """A river binary classifier in a slot.

    Parameters
    ----------
    recipe
        The model as declared data; it starts cold.

    Examples
    --------
    >>> learner = RiverClassifier("BaseRate()")
    >>> learner.learn({}, True)
    >>> learner.score({})
    0.6666666666666666
    """

    __slots__ = ("_learn", "_predict", "model")

    def __init__(self, recipe: str) -> None:
        self.model: Any = parse(recipe)
        self._predict = self.model.predict_proba_one
        self._learn = self.model.learn_one

    def score(self, features: Features) -> float:
        """Return the probability of the positive label."""
        probabilities: dict[bool, float] = self._predict(features)
        if not probabilities:
            return NO_OPINION
        return probabilities.get(True, 0.0)

    def learn(self, features: Features, label: bool) -> None:
        """Learn one label."""
        self._learn(features, label)
