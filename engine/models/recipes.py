"""Recipes: a model as declared data, an expression over an allow-list of estimators.

An expression such as ``Select("x") | StandardScaler() | LogisticRegression()`` is parsed, never
evaluated: names, calls with literal arguments, ``|`` and ``+`` are all there is.
"""

import ast
import difflib
import inspect
from typing import Any

from river import (
    base,
    compose,
    linear_model,
    naive_bayes,
    optim,
    preprocessing,
    tree,
)

import engine.models.chance  # noqa: F401  # before any model is made
from engine.errors import LablineError
from engine.models.estimators import BaseRate, NoChange, Select

ALLOWED: dict[str, Any] = {
    estimator.__name__: estimator
    for estimator in (
        BaseRate,
        NoChange,
        Select,
        linear_model.ALMAClassifier,
        linear_model.LogisticRegression,
        linear_model.PAClassifier,
        linear_model.Perceptron,
        naive_bayes.GaussianNB,
        optim.AdaGrad,
        optim.Adam,
        optim.SGD,
        preprocessing.MinMaxScaler,
        preprocessing.OneHotEncoder,
        preprocessing.StandardScaler,
        tree.HoeffdingAdaptiveTreeClassifier,
        tree.HoeffdingTreeClassifier,
    )
}
RECIPE_MAX_CHARACTERS = 4_000
PARAMETERS = "see the estimators' parameters in river's documentation"


def parse(recipe: str) -> Any:
    """Return the fresh river classifier that a recipe describes.

    It is tried once on an event without features, so that a parameter of the wrong type is said
    here and not by a scorer.

    Raises
    ------
    LablineError
        ``LL-RECIPE`` naming what is not understood, with the nearest known name.

    Examples
    --------
    >>> print(parse("Select('x') | StandardScaler() | LogisticRegression(optimizer=SGD(0.05))"))
    Select | StandardScaler | LogisticRegression
    >>> parse("LogisticRegresion()")
    Traceback (most recent call last):
    engine.errors.LablineError: LL-RECIPE: unknown estimator LogisticRegresion
      remedy: did you mean LogisticRegression?
    """
    if len(recipe) > RECIPE_MAX_CHARACTERS:
        raise _refused("the recipe is too long", f"at most {RECIPE_MAX_CHARACTERS} characters")
    try:
        body = ast.parse(recipe.strip(), mode="eval").body
        model, twin = _build(body), _build(body)
    except SyntaxError as error:
        raise _refused(
            f"not an expression: {error.msg}", "write Estimator(...) | Estimator(...)"
        ) from error
    except RecursionError as error:
        raise _refused("the recipe is nested too deeply", "write it flatter") from error
    except (TypeError, ValueError, AttributeError) as error:
        raise _refused(str(error), PARAMETERS) from error
    if not isinstance(model, base.Classifier):
        raise _refused("the recipe is no classifier", "end it with | LogisticRegression() or such")
    try:
        twin.predict_proba_one({})
        twin.learn_one({}, True)
        twin.predict_proba_one({})
    except Exception as error:
        raise _refused(f"the recipe does not learn: {error}", PARAMETERS) from error
    return model


def _build(node: ast.expr) -> Any:
    match node:
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return compose.Pipeline(*_steps(left), *_steps(right))
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return compose.TransformerUnion(*_parts(left), *_parts(right))
        case ast.Call(func=ast.Name(id=name), args=args, keywords=keywords):
            named = {keyword.arg: _build(keyword.value) for keyword in keywords if keyword.arg}
            if len(named) < len(keywords):
                raise _refused("** is not part of a recipe", "name the parameters")
            estimator = _estimator(name)
            if "seed" in inspect.signature(estimator).parameters and named.get("seed") is None:
                raise _refused(
                    f"{name} needs a seed", "the same past must give the same model: seed=1"
                )
            return estimator(*(_build(argument) for argument in args), **named)
        case ast.Constant(value=bool() | int() | float() | str() | None as value):
            return value
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
            return -value
    raise _refused(
        f"{ast.unparse(node)[:60]} is not part of a recipe",
        "use estimators with literal parameters, | and +",
    )


def _steps(node: ast.expr) -> list[Any]:
    """Return the steps of ``a | b | c`` flat, as river names them."""
    built = _build(node)
    return list(built.steps.values()) if isinstance(built, compose.Pipeline) else [built]


def _parts(node: ast.expr) -> list[Any]:
    """Return the parts of ``a + b + c`` flat."""
    built = _build(node)
    if isinstance(built, compose.TransformerUnion):
        return list(built.transformers.values())
    return [built]


def _estimator(name: str) -> Any:
    if name in ALLOWED:
        return ALLOWED[name]
    near = difflib.get_close_matches(name, ALLOWED, n=1)
    remedy = f"did you mean {near[0]}?" if near else f"known: {', '.join(sorted(ALLOWED))}"
    raise _refused(f"unknown estimator {name}", remedy)


def _refused(message: str, remedy: str) -> LablineError:
    return LablineError("LL-RECIPE", message, remedy)
