"""Whether a model fits the kind of its line, and whether it scores and learns at all."""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

import labline.engine.models.lazy_imports  # noqa: F401

from river import base

from labline.engine.core.features import Features
from labline.engine.core.kinds import KINDS
from labline.engine.errors import LablineError
from labline.engine.models.adapters import adapted
from labline.engine.models.recipes.features import NUMBER, TEXT, UNKNOWN, Inputs
from labline.engine.models.recipes.functions import is_name

#: What the last step of a recipe is, by kind of line: river's class, its name, an example.
WANTED: dict[str, tuple[type, str, str]] = {
    "binary": (base.Classifier, "a classifier", "LogisticRegression()"),
    "multiclass": (base.Classifier, "a classifier", "SoftmaxRegression()"),
    "regression": (base.Regressor, "a regressor", "LinearRegression()"),
    "anomaly": (base.AnomalyDetector, "an anomaly detector", "HalfSpaceTrees(seed=1)"),
}
#: The kind of line that such an estimator is for.
FITTING = ((base.Classifier, "binary"), (base.Regressor, "regression"),
           (base.AnomalyDetector, "anomaly"))  # fmt: skip
WORD = re.compile(r"""['"](\w+)['"]""")
NAMES_MAX, NAMES_SHOWN = 1_000, 10
SAID_MAX_CHARACTERS = 200
PARAMETERS = "see the estimators' parameters in river's documentation"

#: Makes the same fresh model each time.
Make: TypeAlias = Callable[[], Any]


def check_kind(model: Any, kind: str) -> None:
    """Refuse an estimator that cannot answer what a line of this kind asks.

    Raises
    ------
    LablineError
        ``LL-RECIPE`` saying what to write instead.
    """
    wanted, what, example = WANTED[kind]
    last = getattr(model, "_last_step", model)
    name = type(last).__name__
    if not isinstance(model, wanted):
        found = next((fit for of, fit in FITTING if isinstance(model, of)), None)
        remedy = f"end the recipe with {what}, such as {example}"
        if found is None:
            raise _refused(f"{name} does not score, and the line is {kind}", remedy)
        raise _refused(
            f"{name} is {WANTED[found][1]}, the line is {kind}",
            f'{remedy}, or give the line kind = "{found}"',
        )
    if KINDS[kind].has_classes and not getattr(last, "_multiclass", False):
        raise _refused(
            f"{name} tells two classes apart, the line has more",
            f"write OneVsRestClassifier({name}(...)), or SoftmaxRegression()",
        )


def try_out(
    make: Make, recipe: str, kind: str, classes: Sequence[str], inputs: Inputs | None = None
) -> None:
    """Let models that are thrown away score and learn.

    Parameters
    ----------
    inputs
        What they get to see; None: whatever their features are.

    Raises
    ------
    LablineError
        ``LL-RECIPE`` when none does.
    """
    first: Exception | None = None
    for events in _tries(recipe, inputs):
        error = failure(make, events, kind, classes)
        if error is None:
            return
        first = first or error
    assert first is not None
    raise _refused(f"the recipe does not score and learn: {said(first)}", _see(recipe, inputs))


def failure(
    make: Make, events: Sequence[Features], kind: str, classes: Sequence[str]
) -> Exception | None:
    """Return what a fresh model raises on a few events; None: it scores and learns."""
    try:
        _tried(make(), events, kind, classes)
    except Exception as error:
        return error
    return None


def said(error: Exception) -> str:
    """Return an exception in one line.

    Examples
    --------
    >>> said(KeyError("a"))
    "KeyError: 'a'"
    """
    return " ".join(f"{type(error).__name__}: {error}".split())[:SAID_MAX_CHARACTERS]


def _tries(recipe: str, inputs: Inputs | None) -> Iterator[list[Features]]:
    """Yield events as they may be."""
    if inputs is not None:
        unknown = inputs.of_kind(UNKNOWN)
        for kind in (TEXT, NUMBER) if unknown else (NUMBER,):
            yield inputs.but(**dict.fromkeys(unknown, kind)).events()
        if not unknown:
            return
    names = [*dict.fromkeys(WORD.findall(recipe)), "x"][:NAMES_MAX]
    for features in ({}, dict.fromkeys(names, 0.5), dict.fromkeys(names, "word")):
        yield [features] * 2  # type: ignore[list-item]  # one kind of value at a time


def _tried(model: Any, events: Sequence[Features], kind: str, classes: Sequence[str]) -> None:
    adapter = adapted(model, kind, classes)
    labels: dict[str, tuple[Any, ...]] = {
        "binary": (True, False), "multiclass": tuple(classes[:2]), "regression": (1.0, 2.0),
        "anomaly": (None, None),
    }  # fmt: skip
    for number, features in enumerate(events):
        adapter.score(dict(features))
        adapter.learn(dict(features), labels[kind][number % 2])
        adapter.score(dict(features))


def _see(recipe: str, inputs: Inputs | None) -> str:
    """Return what helps: what a model is given, and where river's parameters are told."""
    told = [] if is_name(recipe) else [PARAMETERS]
    for kind, are in ((TEXT, "as text"), (NUMBER, "as numbers")):
        names = inputs.of_kind(kind) if inputs is not None else []
        if names:
            more = " …" if len(names) > NAMES_SHOWN else ""
            told.insert(0, f"it gets {', '.join(names[:NAMES_SHOWN])}{more} {are}")
    return "; ".join(told) or "let it take features that it does not know"


def _refused(message: str, remedy: str) -> LablineError:
    return LablineError("LL-RECIPE", message, remedy)
