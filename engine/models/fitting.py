"""Whether a model fits the kind of its line, and whether it scores and learns at all."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from river import base

from engine.core.features import Features
from engine.errors import LablineError
from engine.models.adapters import adapted

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
NAMES_MAX = 1_000


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
    if kind == "multiclass" and not getattr(last, "_multiclass", False):
        raise _refused(
            f"{name} tells two classes apart, the line has more",
            f"write OneVsRestClassifier({name}(...)), or SoftmaxRegression()",
        )


def try_out(model: Any, recipe: str, kind: str, classes: Sequence[str]) -> None:
    """Let a model that is thrown away score and learn, whatever its features are.

    Raises
    ------
    LablineError
        ``LL-RECIPE`` when there are none with which it does.
    """
    errors = []
    for features in _features(recipe):
        try:
            _tried(model, features, kind, classes)
        except Exception as error:
            errors.append(" ".join(f"{type(error).__name__}: {error}".split())[:200])
        else:
            return
    raise _refused(
        f"the recipe does not score and learn: {errors[0]}",
        "see the estimators' parameters in river's documentation",
    )


def _features(recipe: str) -> Iterator[Features]:
    """Yield features as they may be: none, numbers, words, under the names in the recipe."""
    names = [*dict.fromkeys(WORD.findall(recipe)), "x"][:NAMES_MAX]
    yield {}
    yield dict.fromkeys(names, 0.5)
    yield dict.fromkeys(names, "word")


def _tried(model: Any, features: Features, kind: str, classes: Sequence[str]) -> None:
    adapter = adapted(model, kind, classes)
    labels: dict[str, tuple[Any, ...]] = {
        "binary": (True, False), "multiclass": tuple(classes[:2]), "regression": (1.0, 2.0),
        "anomaly": (None, None),
    }  # fmt: skip
    adapter.score(dict(features))
    for label in labels[kind]:
        adapter.learn(dict(features), label)
        adapter.score(dict(features))


def _refused(message: str, remedy: str) -> LablineError:
    return LablineError("LL-RECIPE", message, remedy)
