"""A model as the fold sees it, for each kind of line: ``score``, ``learn``, ``river``.

The model may be river's or any object with river's methods.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from labline.engine.core.features import Features
from labline.engine.core.kinds import KINDS

NO_OPINION = 0.5  # what a classifier that has seen no label answers

Probabilities: TypeAlias = Callable[[Features], dict[Any, float]]


class RiverClassifier:
    """A binary classifier.

    Examples
    --------
    >>> from labline.engine.models.estimators import BaseRate
    >>> classifier = RiverClassifier(BaseRate())
    >>> classifier.learn({}, True)
    >>> classifier.score({})
    0.6666666666666666
    """

    __slots__ = ("_model", "_predict", "learn")

    def __init__(self, model: Any) -> None:
        self._model = model
        self._predict = probabilities_of(model)
        self.learn = model.learn_one

    def score(self, features: Features) -> float:
        """Return the probability of the positive label."""
        probabilities: dict[bool, float] = self._predict(features)
        if not probabilities:
            return NO_OPINION
        return probabilities.get(True, 0.0)

    def river(self) -> Any:
        """Return the model with all that it has learned."""
        return self._model


class Classes:
    """A classifier of several classes: a probability for each, in their declared order.

    Examples
    --------
    >>> from labline.engine.models.estimators import ClassShares
    >>> classifier = Classes(ClassShares(), ("a", "b", "c", "d"))
    >>> classifier.score({})
    (0.25, 0.25, 0.25, 0.25)
    >>> classifier.learn({}, "b")
    >>> classifier.score({})
    (0.0, 1.0, 0.0, 0.0)
    """

    __slots__ = ("_classes", "_model", "_no_opinion", "_predict", "learn")

    def __init__(self, model: Any, classes: Sequence[str]) -> None:
        self._model, self._classes = model, tuple(classes)
        self._no_opinion = (1.0 / len(self._classes),) * len(self._classes)
        self._predict = probabilities_of(model)
        self.learn = model.learn_one

    def score(self, features: Features) -> tuple[float, ...]:
        """Return the probabilities; equal ones before the first label."""
        told = self._predict(features)
        if not told:
            return self._no_opinion
        return tuple([float(told.get(name, 0.0)) for name in self._classes])

    def river(self) -> Any:
        """Return the model with all that it has learned."""
        return self._model


class Regressor:
    """A regressor.

    Examples
    --------
    >>> from labline.engine.models.estimators import LastValue
    >>> regressor = Regressor(LastValue())
    >>> regressor.learn({}, 2.5)
    >>> regressor.score({})
    2.5
    """

    __slots__ = ("_model", "_predict", "learn")

    def __init__(self, model: Any) -> None:
        self._model = model
        self._predict = model.predict_one
        self.learn = model.learn_one

    def score(self, features: Features) -> float:
        """Return the value that is expected; 0 where the model has none yet."""
        value = self._predict(features)
        return 0.0 if value is None else float(value)

    def river(self) -> Any:
        """Return the model with all that it has learned."""
        return self._model


class Detector:
    """A detector of anomalies: it learns events, no labels.

    Examples
    --------
    >>> from labline.engine.models.estimators import ConstantScore
    >>> detector = Detector(ConstantScore(0.5))
    >>> detector.learn({}, None)
    >>> detector.score({})
    0.5
    """

    __slots__ = ("_learn", "_model", "_score")

    def __init__(self, model: Any) -> None:
        self._model = model
        self._score = model.score_one
        self._learn = model.learn_one

    def score(self, features: Features) -> float:
        """Return how odd an event is: the higher, the odder."""
        return float(self._score(features))

    def learn(self, features: Features, label: object) -> None:
        """Learn an event."""
        del label
        self._learn(features)

    def river(self) -> Any:
        """Return the model with all that it has learned."""
        return self._model


def adapted(model: Any, kind: str, classes: Sequence[str]) -> Any:
    """Return a model as a line of this kind uses it.

    Raises
    ------
    AttributeError
        When the model lacks the methods for it.
    """
    if KINDS[kind].has_classes:
        return Classes(model, classes)
    made: dict[str, Callable[[Any], Any]] = {
        "binary": RiverClassifier, "regression": Regressor, "anomaly": Detector,
    }  # fmt: skip
    return made[kind](model)


def probabilities_of(model: Any) -> Probabilities:
    """Return what tells a model's probabilities; of one that only decides, ones and nothing."""
    if callable(getattr(model, "predict_proba_one", None)) and _tells_probabilities(model):
        return model.predict_proba_one  # type: ignore[no-any-return]
    decide = model.predict_one

    def probabilities(features: Features) -> dict[Any, float]:
        decided = decide(features)
        return {} if decided is None else {decided: 1.0}

    return probabilities


def _tells_probabilities(model: Any) -> bool:
    """Tell whether a classifier of river's overrides what only says that it cannot."""
    import labline.engine.models.lazy_imports  # noqa: F401

    from river.base import Classifier

    last = getattr(model, "_last_step", model)
    return getattr(type(last), "predict_proba_one", None) is not Classifier.predict_proba_one
