"""Calls in a recipe's expression, read without making anything of them."""

import ast
import inspect
from collections.abc import Iterator
from functools import cache
from typing import Any

from labline.engine.models.recipes.allow_list import ALLOWED


@cache
def _signature(name: str) -> inspect.Signature:
    return inspect.signature(ALLOWED[name])


def arguments_of(call: ast.Call) -> dict[str, Any]:
    """Return a call's arguments by parameter: expressions, for ``*names`` a tuple of them.

    Nothing for what is no known estimator, or called wrongly: who builds it says so.

    Examples
    --------
    >>> call = ast.parse("Agg('x', by='c', how=Mean())", mode="eval").body
    >>> list(arguments_of(call)), arguments_of(call)["on"].value
    (['on', 'by', 'how'], 'x')
    """
    if not isinstance(call.func, ast.Name) or call.func.id not in ALLOWED:
        return {}
    named = {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg}
    try:
        return dict(_signature(call.func.id).bind_partial(*call.args, **named).arguments)
    except TypeError:
        return {}


def default_of(call: ast.Call, parameter: str) -> Any:
    """Return a parameter's default; None where it has none."""
    if not isinstance(call.func, ast.Name) or call.func.id not in ALLOWED:
        return None
    told = _signature(call.func.id).parameters.get(parameter)
    return None if told is None or told.default is told.empty else told.default


def inner(node: ast.expr) -> Iterator[ast.expr]:
    """Yield the expressions within one that may hold calls.

    Examples
    --------
    >>> node = ast.parse("VotingClassifier([A(), B()], True)", mode="eval").body
    >>> [ast.unparse(part) for part in inner(node)]
    ['[A(), B()]', 'True']
    """
    match node:
        case ast.BinOp(left=left, right=right):
            yield from (left, right)
        case ast.Call(args=args, keywords=keywords):
            yield from (*args, *(keyword.value for keyword in keywords))
        case ast.List(elts=parts) | ast.Tuple(elts=parts):
            yield from parts
        case ast.Dict(values=values):
            yield from values


def steps_of(node: ast.expr) -> list[ast.expr]:
    """Return the steps of ``a | b | c``.

    Examples
    --------
    >>> [ast.unparse(step) for step in steps_of(ast.parse("a | (b + c) | d", mode="eval").body)]
    ['a', 'b + c', 'd']
    """
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return [*steps_of(node.left), *steps_of(node.right)]
    return [node]
