"""A twin: river's commonest models in plain Python, equal in every bit and several times cheaper.

river says what a recipe means. The twin does the same arithmetic over flat lists for scalers,
one-hot encoding, selections and unions of them before a linear or logistic regression with SGD.
What it does not do as river does (a value of an odd type, an overflow, two categories with one
name) it hands over to river in mid-stream, before anything of that event is learned.
"""

import copy
from math import exp
from typing import Any

import labline.engine.models.lazy_imports  # noqa: F401

from river.compose import Pipeline, TransformerUnion

from labline.engine.models.fast.numbers import Features
from labline.engine.models.fast.shape import Part, shape_of
from labline.engine.models.fast.weights import Penalty, UncoveredError


def twin_of(model: Any) -> "Twin | None":
    """Return the twin of a river estimator, fresh or learned, or None: it is not covered exactly.

    Examples
    --------
    >>> from labline.engine.models.recipes.language import parse
    >>> twin = twin_of(parse("Select('x') | StandardScaler() | LogisticRegression()"))
    >>> for x, late in ((1, False), (2, True), (3, True)):
    ...     twin.learn({"x": x}, late)
    >>> twin.score({"x": 4.0})
    0.5080565656671929
    >>> twin.river().predict_proba_one({"x": 4.0})[True]
    0.5080565656671929
    >>> twin_of(parse("HoeffdingTreeClassifier()"))
    """
    try:
        return Twin(copy.deepcopy(model))
    except UncoveredError:
        return None


class Twin:
    """A model that scores and learns as river's does.

    Its numbers live in the parts. What changes rarely, the keys and their order, lives in a river
    estimator of its own, into which `river` writes the numbers.
    """

    __slots__ = (
        "_clip", "_glm", "_intercept", "_intercept_rate", "_iterations", "_logistic", "_model",
        "_parts", "_penalty", "_rate", "_used",
    )  # fmt: skip

    def __init__(self, model: Any) -> None:
        shape = shape_of(model)
        self._model, self._glm = model, shape.glm
        self._parts: tuple[Part, ...] | None = shape.parts  # None: river is in charge
        glm = shape.glm
        self._logistic = shape.logistic
        self._rate = float(glm.optimizer.lr.learning_rate)
        self._intercept_rate = glm.intercept_lr.learning_rate
        self._clip = float(glm.clip_gradient)
        self._penalty = Penalty(glm) if glm.l1 or glm.l2 else None
        self._intercept = glm.intercept
        self._iterations = glm.optimizer.n_iterations
        self._used = False

    @property
    def in_charge(self) -> bool:
        """Tell whether the twin still does the work, not river."""
        return self._parts is not None

    def score(self, features: Features) -> float:
        """Return the probability of True, or what a regression predicts."""
        if self._parts is not None:
            total: float | None = 0.0
            try:
                for part in self._parts:
                    total = part.dot(features, total)  # type: ignore[arg-type]
            except Exception:
                total = None
            if type(total) is float:
                self._used = True
                return self._answer(total + self._intercept)
            self._hand_over()  # river then raises the same, or does not
        if not self._logistic:
            return self._model.predict_one(features)  # type: ignore[no-any-return]
        return self._model.predict_proba_one(features)[True]  # type: ignore[no-any-return]

    def learn(self, features: Features, label: Any) -> None:
        """Learn one label."""
        if self._parts is None:
            self._model.learn_one(features, label)
            return
        part = None
        try:
            total = 0.0
            for part in self._parts:
                total = part.learn_dot(features, total)
            gradient = self._gradient(total, label)
        except Exception:  # river then raises the same, or does not
            self._undo(part)
            self._hand_over()
            self._model.learn_one(features, label)
            return
        self._used = True
        self._intercept -= self._intercept_rate * gradient
        self._iterations += 1
        if self._penalty is not None:
            self._penalty.grow()
        for part in self._parts:
            part.step(gradient, self._rate, self._penalty)

    def river(self) -> Any:
        """Return a river estimator in the state it would have, had it learned all this itself."""
        self._store()
        return copy.deepcopy(self._model)

    def _answer(self, total: float) -> float:
        if not self._logistic:
            return total
        if total < -30:
            return 0  # river's own int
        return 1 if total > 30 else 1 / (1 + exp(-total))

    def _gradient(self, total: float, label: Any) -> float:
        """Return the clipped gradient of the loss; the branches are river's."""
        if type(total) is not float:  # another library's number
            raise UncoveredError
        total += self._intercept
        if not self._logistic:
            gradient = float(2 * (total - label))
        elif label is True or label is False:
            margin = total if label else -total
            if margin > 18.0:
                size = exp(-margin)
            elif margin < -18.0:
                size = 1.0
            else:
                size = 1.0 / (exp(margin) + 1.0)
            gradient = -size if label else size
        else:
            raise UncoveredError
        if self._clip < gradient:
            gradient = self._clip
        if -self._clip > gradient:
            gradient = -self._clip
        if gradient - gradient != 0.0:  # an infinity or NaN
            raise UncoveredError
        return gradient

    def _undo(self, last: Part | None) -> None:
        """Take back what the parts took in of an event, up to the last that tried."""
        for part in self._parts or ():
            part.undo()
            if part is last:
                return

    def _hand_over(self) -> None:
        """Put river in charge from here on."""
        self._store()
        self._parts = None

    def _store(self) -> None:
        """Write the numbers into the river estimator."""
        if self._parts is None:
            return
        for part in self._parts:
            part.store()
        self._glm.intercept = self._intercept
        self._glm.optimizer.n_iterations = self._iterations
        if self._penalty is not None and self._glm.l1:
            self._glm.max_cum_l1 = self._penalty.owed
        if self._used:
            _plan(self._model)


def _plan(model: Any) -> None:
    """Let pipelines plan, which they do when they first see an event."""
    if isinstance(model, Pipeline):
        if model._plan is None:
            model._build_plan()
        for step in model.steps.values():
            _plan(step)
    elif isinstance(model, TransformerUnion):
        for transformer in model.transformers.values():
            _plan(transformer)
