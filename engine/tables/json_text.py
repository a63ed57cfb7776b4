"""A line of JSON as an object: what tables and ``labline publish`` take for one, and no more."""

import json
import math
from datetime import date, datetime
from typing import Any, NoReturn


def json_object(text: str) -> dict[str, Any] | None:
    r"""Return the object that a text is; None for other JSON.

    Raises
    ------
    ValueError, RecursionError
        When it is no JSON: constants such as NaN and names that are there twice are none either.

    Examples
    --------
    >>> json_object('{"x": 1}'), json_object("[]")
    ({'x': 1}, None)
    """
    found = json.loads(text, parse_constant=_no_constant, object_pairs_hook=_each_once)
    return found if isinstance(found, dict) else None


def cell_of(value: object) -> str:
    """Return a value as a CSV would have it.

    Examples
    --------
    >>> [cell_of(value) for value in (None, True, 0.1, 3, "x", [1], float("nan"))]
    ['', 'true', '0.1', '3', 'x', '[1]', '']
    """
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case float() if math.isnan(value):
            return ""
        case str():
            return value
        case datetime() | date():
            return value.isoformat()
        case list() | dict():
            return json.dumps(value, default=str)
        case _:
            return str(value)


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = dict(pairs)
    if len(names) < len(pairs):
        raise ValueError("a name is there twice")
    return names


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
