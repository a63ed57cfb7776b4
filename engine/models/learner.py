"""The one interface between the fold and a model library: score features, learn a label."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from engine.core.features import Features
from engine.core.spec import LearnFailed
from engine.models.recipes import parse
from engine.models.state import dump, load
from engine.models.twin import twin_of

NO_OPINION = 0.5  # what a classifier that has seen no label answers
HELD_MAX = 2_000  # scores and labels between two copies of a model's state


class RiverClassifier:
    """A river binary classifier, as the fold sees it.

    Examples
    --------
    >>> classifier = RiverClassifier(parse("BaseRate()"))
    >>> classifier.learn({}, True)
    >>> classifier.score({})
    0.6666666666666666
    """

    __slots__ = ("_model", "_predict", "learn")

    def __init__(self, model: Any) -> None:
        self._model = model
        self._predict = model.predict_proba_one
        self.learn = model.learn_one

    def score(self, features: Features) -> float:
        """Return the probability of the positive label."""
        probabilities: dict[bool, float] = self._predict(features)
        if not probabilities:
            return NO_OPINION
        return probabilities.get(True, 0.0)

    def river(self) -> Any:
        """Return the river estimator with all that it has learned."""
        return self._model


class Learner:
    """A model in a slot: river's own, or its twin where that gives the same bits faster.

    A learn that raises leaves no trace: the model becomes what it was before. So a copy is kept,
    and what was scored and learned since: a score, too, may add a key to a scaler's table.

    Parameters
    ----------
    model
        A river classifier, fresh or with what it has learned.

    Examples
    --------
    >>> learner = Learner(parse("BaseRate()"))
    >>> learner.learn({}, True)
    >>> learner.score({}), learner.river().labels
    (0.6666666666666666, 3)
    """

    __slots__ = ("_copy", "_held", "_inner", "_learn", "_score")

    def __init__(self, model: Any) -> None:
        self._use(model)
        self._copy = dump(model)
        self._held: list[tuple[Features, bool | None]] = []  # label None: it was only scored

    def _use(self, model: Any) -> None:
        self._inner = _fastest(model)
        self._score: Callable[[Features], float] = self._inner.score
        self._learn: Callable[[Features, bool], None] = self._inner.learn

    def score(self, features: Features) -> float:
        """Return the probability of the positive label."""
        self._hold(features, None)
        return self._score(features)

    def learn(self, features: Features, label: bool) -> None:
        """Learn one label.

        Raises
        ------
        LearnFailed
            When the model raised; it is as it was before.
        """
        try:
            self._learn(features, label)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # river's compiled parts panic with no mere Exception
            self._restore()
            raise LearnFailed(type(error).__name__) from error
        self._hold(features, label)

    def _hold(self, features: Features, label: bool | None) -> None:
        held = self._held
        held.append((features, label))
        if len(held) > HELD_MAX:
            self._copy = dump(self.river())
            held.clear()

    def _restore(self) -> None:
        self._use(load(self._copy))
        for features, label in self._held:
            if label is not None:
                self._learn(features, label)
                continue
            with suppress(Exception):  # it raised the first time, too
                self._score(features)

    def river(self) -> Any:
        """Return the river estimator with all that it has learned."""
        return self._inner.river()


def _fastest(model: Any) -> Any:
    return twin_of(model) or RiverClassifier(model)


def cold(recipe: str) -> Learner:
    """Return the learner of a recipe that has learned nothing."""
    return Learner(parse(recipe))
