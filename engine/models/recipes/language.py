"""Recipes: a model as declared data, an expression over an allow-list of estimators.

An expression such as ``Select("x") | StandardScaler() | LogisticRegression()`` is parsed, never
evaluated: names, calls with literal arguments or further calls, ``|`` and ``+`` are all there is.
"""

import ast
import difflib
import inspect
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import labline.engine.models.lazy_imports  # noqa: F401

from river import compose

from labline.engine.errors import LablineError
from labline.engine.models.recipes.allow_list import ALLOWED, OURS
from labline.engine.models.recipes.dry_run import PARAMETERS, check_kind, failure, try_out
from labline.engine.models.recipes.feature_names import check_names
from labline.engine.models.recipes.features import Inputs
from labline.engine.models.recipes.functions import is_name, refuse_name, resolve
from labline.engine.models.recipes.size_limits import check_size
from labline.engine.models.recipes.text_hints import check_text

RECIPE_MAX_CHARACTERS = 4_000


def parse(
    recipe: str,
    kind: str = "binary",
    classes: Sequence[str] = (),
    *,
    named: bool = False,
    inputs: Inputs | None = None,
) -> Any:
    """Return the fresh model that a recipe describes.

    Others are tried on an event or two, so that a parameter of the wrong type is said here and
    not by a scorer.

    Parameters
    ----------
    kind, classes
        Of the line that it is for.
    named
        Whether the recipe may name a function, ``package.module:function``: that runs code of
        the user's, so only the lab does it, and never for what a control record says.
    inputs
        The line's features: it names no others, and computes with no text. None: they are not
        known here.

    Raises
    ------
    LablineError
        ``LL-RECIPE`` naming what is not understood, with the nearest known name.

    Examples
    --------
    >>> print(parse("Select('x') | StandardScaler() | LogisticRegression(optimizer=SGD(0.05))"))
    Select | StandardScaler | LogisticRegression
    >>> print(parse("MinMaxScaler() | HalfSpaceTrees(seed=1)", "anomaly"))
    MinMaxScaler | HalfSpaceTrees
    >>> parse("LogisticRegresion()")
    Traceback (most recent call last):
    labline.engine.errors.LablineError: LL-RECIPE: unknown estimator LogisticRegresion
      remedy: did you mean LogisticRegression?
    """
    if len(recipe) > RECIPE_MAX_CHARACTERS:
        raise _refused("the recipe is too long", f"at most {RECIPE_MAX_CHARACTERS} characters")
    if is_name(recipe):
        if not named:
            raise refuse_name(recipe)
        try_out(partial(resolve, recipe), recipe, kind, classes, inputs)
        return resolve(recipe)
    body = _understood(recipe, kind, inputs)
    make = partial(_build, body)
    try:
        try_out(make, recipe, kind, classes, inputs)
    except LablineError:
        if inputs is not None:
            works = partial(_works, kind=kind, classes=classes, inputs=inputs)
            check_text(make, body, kind, classes, inputs, works)
        raise
    return make()


def _understood(recipe: str, kind: str, inputs: Inputs | None) -> ast.expr:
    """Return a recipe's expression: it is one, fits the line's kind, and names its features."""
    with _understanding():
        body = ast.parse(recipe.strip(), mode="eval").body
        check_size(body)
        model = _build(body)
    check_kind(model, kind)
    if inputs is not None:
        check_names(body, inputs)
    return body


def _works(recipe: str, *, kind: str, classes: Sequence[str], inputs: Inputs) -> bool:
    try:
        make = partial(_build, _understood(recipe, kind, inputs))
    except LablineError:
        return False
    return failure(make, inputs.events(), kind, classes) is None


@contextmanager
def _understanding() -> Iterator[None]:
    """Say of whatever goes wrong in reading an expression that it is no recipe."""
    try:
        yield
    except SyntaxError as error:
        raise _refused(
            f"not an expression: {error.msg}", "write Estimator(...) | Estimator(...)"
        ) from error
    except RecursionError as error:
        raise _refused("the recipe is nested too deeply", "write it flatter") from error
    except LablineError:
        raise
    except Exception as error:  # whatever a constructor says of its parameters
        told = " ".join(str(error).split()) or type(error).__name__
        raise _refused(told, PARAMETERS) from error


def _build(node: ast.expr) -> Any:
    match node:
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return compose.Pipeline(*_steps(left), *_steps(right))
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return compose.TransformerUnion(*_parts(left), *_parts(right))
        case ast.Call(func=ast.Name(id=name), args=args, keywords=keywords):
            return _called(name, args, keywords)
        case ast.Constant(value=bool() | int() | float() | str() | None as value):
            return value
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
            return -value
        case ast.List(elts=parts):
            return [_build(part) for part in parts]
        case ast.Tuple(elts=parts):
            return tuple(_build(part) for part in parts)
        case ast.Dict(keys=keys, values=values) if None not in keys:
            pairs = zip(keys, values, strict=True)
            return {_build(key): _build(value) for key, value in pairs if key is not None}
    raise _refused(
        f"{ast.unparse(node)[:60]} is not part of a recipe",
        "use estimators with literal parameters, | and +",
    )


def _called(name: str, args: list[ast.expr], keywords: list[ast.keyword]) -> Any:
    named = {keyword.arg: _build(keyword.value) for keyword in keywords if keyword.arg}
    if len(named) < len(keywords):
        raise _refused("** is not part of a recipe", "name the parameters")
    estimator = _estimator(name)
    arguments = [_build(argument) for argument in args]
    told = inspect.signature(estimator)
    try:
        bound = told.bind(*arguments, **named).arguments
        if "seed" in told.parameters and bound.get("seed") is None:
            why = "the same past must give the same model: seed=1"
            raise _refused(f"{name} needs a seed", why)
        return estimator(*arguments, **named)
    except (TypeError, ValueError) as error:
        said_of_it = " ".join(str(error).split()) or type(error).__name__
        raise _refused(f"{name}: {said_of_it}", _parameters(name)) from error


def _parameters(name: str) -> str:
    """Return where a person finds an estimator's parameters."""
    if name in OURS:
        told = ", ".join(inspect.signature(ALLOWED[name]).parameters) or "none"
        return f"its parameters: {told}"
    return f"see {name}'s parameters in river's documentation"


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
