"""The one interface between the fold and a model library: score features, learn a label."""

import copy
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from labline.engine.core.features import Features
from labline.engine.core.spec import LearnFailed
from labline.engine.errors import LablineError
from labline.engine.models.adapters import RiverClassifier as RiverClassifier
from labline.engine.models.adapters import adapted
from labline.engine.models.fast.model import twin_of
from labline.engine.models.recipes.features import Inputs
from labline.engine.models.recipes.functions import is_name
from labline.engine.models.recipes.language import parse
from labline.engine.models.state.unpickle import dump, load

HELD_MAX = 2_000  # scores and labels between two copies of a model's state
_SCORED = object()  # in place of a label: it was only scored
#: Kinds of lines whose models may have a twin.
_TWINNED = frozenset({"binary", "regression"})


class Learner:
    """A model in a slot: river's own, or its twin where that gives the same bits faster.

    A learn that raises leaves no trace: the model becomes what it was before. So a copy is kept,
    and what was scored and learned since: a score, too, may add a key to a scaler's table.

    Parameters
    ----------
    model
        Fresh or with what it has learned.
    kind, classes
        Of its line: what it scores and learns.
    known
        Whether its state is one that `labline.engine.models.state.unpickle` loads. What comes by
        the name of a function is not, and lives as long as its process; as it may write into the
        features that it is given, which others get, too, it gets copies.

    Examples
    --------
    >>> learner = Learner(parse("BaseRate()"))
    >>> learner.learn({}, True)
    >>> learner.score({}), learner.river().labels
    (0.6666666666666666, 3)
    """

    __slots__ = ("_classes", "_copy", "_held", "_inner", "_keep", "_kind", "_learn", "_revive",
                 "_score")  # fmt: skip

    def __init__(
        self, model: Any, kind: str = "binary", classes: Sequence[str] = (), *, known: bool = True
    ) -> None:
        self._kind, self._classes = kind, tuple(classes)
        self._keep: Callable[[Any], Any] = dump if known else copy.deepcopy
        self._revive: Callable[[Any], Any] = load if known else copy.deepcopy
        self._use(model)
        self._copy = self._keep(model)
        self._held: list[tuple[Features, Any]] = []

    def _use(self, model: Any) -> None:
        known = self._keep is dump
        inner: Any = twin_of(model) if known and self._kind in _TWINNED else None
        self._inner: Any = inner or adapted(model, self._kind, self._classes)
        score, learn = self._inner.score, self._inner.learn
        self._score: Callable[[Features], Any] = score if known else _of_copies(score)
        self._learn: Callable[[Features, Any], None] = learn if known else _of_copies(learn)

    def score(self, features: Features) -> Any:
        """Return what the line's kind asks for.

        The probability of yes; of each class, in their order; the value; how odd the event is.
        """
        self._hold(features, _SCORED)
        return self._score(features)

    def learn(self, features: Features, label: Any) -> None:
        """Learn one label, or of an anomaly line the event.

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

    def _hold(self, features: Features, label: Any) -> None:
        held = self._held
        held.append((features, label))
        if len(held) > HELD_MAX:
            self._copy = self._keep(self.river())
            held.clear()

    def _restore(self) -> None:
        self._use(self._revive(self._copy))
        for features, label in self._held:
            if label is not _SCORED:
                self._learn(features, label)
                continue
            with suppress(Exception):  # it raised the first time, too
                self._score(features)

    def river(self) -> Any:
        """Return the model with all that it has learned."""
        return self._inner.river()


def _of_copies(call: Callable[..., Any]) -> Callable[..., Any]:
    def called(features: Features, *label: Any) -> Any:
        return call(dict(features), *label)

    return called


def cold(
    recipe: str,
    kind: str = "binary",
    classes: Sequence[str] = (),
    *,
    named: bool = False,
    inputs: Inputs | None = None,
) -> Learner:
    """Return the learner of a recipe that has learned nothing; see `parse`.

    Examples
    --------
    >>> learner = cold("ClassShares()", "multiclass", ("a", "b"))
    >>> learner.learn({}, "b")
    >>> learner.score({})
    (0.0, 1.0)
    """
    model = parse(recipe, kind, classes, named=named, inputs=inputs)
    try:
        return Learner(model, kind, classes, known=not is_name(recipe))
    except (TypeError, AttributeError, RecursionError) as error:
        raise LablineError(
            "LL-RECIPE",
            f"{recipe.strip()} gave a {type(model).__name__} that cannot be copied: {error}",
            "a failed learn is undone by a copy: let copy.deepcopy work on it",
        ) from error
