"""How large a recipe may be: what multiplies work or memory has a bound, before it is built."""

import ast
import math
from collections.abc import Iterator

from labline.engine.errors import LablineError
from labline.engine.models.recipes.arguments import arguments_of, default_of, inner

#: By parameter, of whichever estimator.
MOST = {
    "n_models": 1_000,
    "n_trees": 1_000,
    "n_estimators": 1_000,
    "code_size": 1_000,
    "height": 15,
    "degree": 6,
    "window_size": 100_000,
    "n_neighbors": 1_000,
    "max_size": 1_000,  # MiB of a tree
    "max_buckets": 100,
    "ngram_range": 10,
    "w": 100,  # how often an event is learned, on average
    "lam": 100,
    "lambda_value": 100,
}
#: Of the parameters, those that say how many models there are.
MANY = ("n_models", "n_trees", "n_estimators", "code_size")
MODELS_MAX = 1_000  # in a recipe, those within models counted
NODES_MAX = 200_000  # of half-space trees: all are made when the first event comes
FEATURES_MAX = 100_000  # that a step makes of others
NESTED_MAX = 10  # calls within calls; some double with every level


def check_size(body: ast.expr) -> None:
    """Refuse a recipe that would take too much work or memory.

    Raises
    ------
    LablineError
        ``LL-RECIPE`` naming the parameter and its bound.

    Examples
    --------
    >>> check_size(ast.parse("PolynomialExtender(degree=50)", mode="eval").body)
    Traceback (most recent call last):
    labline.engine.errors.LablineError: LL-RECIPE: PolynomialExtender: degree is 50
      remedy: at most 6
    """
    _check(body, 0)
    models = _models(body)
    if models > MODELS_MAX:
        raise _refused(
            f"{models:,} models in one recipe",
            f"at most {MODELS_MAX:,}, those within others counted",
        )


def check_powers(call: ast.Call, features: int) -> None:
    """Refuse products of so many features that one event would take seconds."""
    degree = _number(call, "degree")
    if degree is None or degree < 1:
        return
    products = math.comb(features + int(degree), int(degree))
    if products > FEATURES_MAX:
        raise _refused(
            f"{ast.unparse(call.func)}: {features} features and their products up to degree"
            f" {_short(degree)} are {products:,}",
            f"at most {FEATURES_MAX:,}: Select fewer before it, or a lower degree",
        )


def _check(node: ast.expr, depth: int) -> None:
    if isinstance(node, ast.Call):
        depth += 1
        if depth > NESTED_MAX:
            raise _refused(
                f"estimators within estimators, more than {NESTED_MAX} deep", "write it flatter"
            )
        _check_call(node)
    for part in inner(node):
        _check(part, depth)


def _check_call(call: ast.Call) -> None:
    told = {
        name: value for name in arguments_of(call) if (value := _number(call, name)) is not None
    }
    name = ast.unparse(call.func)
    for parameter, value in told.items():
        if parameter in MOST and value > MOST[parameter]:
            raise _refused(
                f"{name}: {parameter} is {_short(value)}", f"at most {MOST[parameter]:,}"
            )
    height = _number(call, "height")
    if height is not None:
        trees = _number(call, "n_trees") or 1
        if trees * 2**height > NODES_MAX:
            raise _refused(
                f"{name}: {_short(trees)} trees of height {_short(height)} have"
                f" {int(trees * 2**height):,} nodes",
                f"at most {NODES_MAX:,}: fewer or lower trees",
            )


def _models(node: ast.expr) -> float:
    """Return how many models an expression makes: those of its parts, as often as each is made."""
    parts = sum(_models(part) for part in inner(node))
    if not isinstance(node, ast.Call):
        return parts
    many = max((_number(node, parameter) or 1 for parameter in MANY), default=1)
    return many * max(parts, 1) if many > 1 else parts


def _number(call: ast.Call, parameter: str) -> float | None:
    """Return a parameter's number, the greatest of a tuple; None: it is none."""
    node = arguments_of(call).get(parameter)
    if node is None:
        value = default_of(call, parameter)
        return value if isinstance(value, int | float) else None
    return max(_numbers(node), default=None) if isinstance(node, ast.expr) else None


def _numbers(node: ast.expr) -> Iterator[float]:
    match node:
        case ast.Constant(value=int() | float() as value):
            yield value
        case ast.Tuple(elts=parts) | ast.List(elts=parts):
            for part in parts:
                yield from _numbers(part)


def _short(value: float) -> str:
    return f"{value:,}" if abs(value) < 1e15 else f"{value:.0e}"


def _refused(message: str, remedy: str) -> LablineError:
    return LablineError("LL-RECIPE", message, remedy)
