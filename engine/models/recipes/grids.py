"""Grids: one recipe with placeholders and what to put there, as recipes by name."""

import math
import re
from collections.abc import Mapping, Sequence
from itertools import count, product

from labline.engine.errors import LablineError

COMBINATIONS_MAX = 256
NAME_MAX_CHARACTERS = 100
PLACEHOLDER = re.compile(r"\{([A-Za-z_]\w*)\}", re.ASCII)
_NOT_IN_NAMES = re.compile(r"[^a-z0-9._-]+")


def grid(
    recipe: str,
    parameters: Mapping[str, Sequence[object]],
    name_max_characters: int = NAME_MAX_CHARACTERS,
) -> dict[str, str]:
    """Return a recipe for every combination of what may stand in its placeholders.

    The combinations come in the order of `parameters`, the last one turning fastest.

    Parameters
    ----------
    recipe
        With ``{name}`` where a value belongs.
    parameters
        Values by the placeholder's name: numbers, texts, true and false, or null.
    name_max_characters
        A longer name is cut, and ends with a number.

    Raises
    ------
    LablineError
        ``LL-GRID`` saying which placeholder or value is wrong.

    Examples
    --------
    >>> recipes = grid("LogisticRegression(optimizer=SGD({lr}), l2={l2})",
    ...     {"lr": [0.01, 0.1], "l2": [0, 1e-4]})
    >>> list(recipes)
    ['lr-0.01_l2-0', 'lr-0.01_l2-0.0001', 'lr-0.1_l2-0', 'lr-0.1_l2-0.0001']
    >>> recipes["lr-0.1_l2-0.0001"]
    'LogisticRegression(optimizer=SGD(0.1), l2=0.0001)'
    >>> grid("LogisticRegression(l2={l2})", {"l1": [0]})
    Traceback (most recent call last):
    labline.engine.errors.LablineError: LL-GRID: the recipe has {l2}, and no values for it
      remedy: give a list of values for l2
    """
    placeholders = list(dict.fromkeys(PLACEHOLDER.findall(recipe)))
    _check(placeholders, parameters)
    found: dict[str, str] = {}
    for values in product(*parameters.values()):
        chosen = dict(zip(parameters, values, strict=True))
        found[_name(chosen, found, name_max_characters)] = _filled(recipe, chosen)
    return found


def _filled(recipe: str, chosen: Mapping[str, object]) -> str:
    return PLACEHOLDER.sub(lambda hit: repr(chosen[hit[1]]), recipe)


def _check(placeholders: list[str], parameters: Mapping[str, Sequence[object]]) -> None:
    for name in placeholders:
        if name not in parameters:
            raise _refused(
                f"the recipe has {{{name}}}, and no values for it",
                f"give a list of values for {name}",
            )
    for name, values in parameters.items():
        if name not in placeholders:
            known = ", ".join(f"{{{p}}}" for p in placeholders) or "none"
            raise _refused(
                f"there are values for {name}, and no {{{name}}} in the recipe",
                f"write {{{name}}} where it belongs; placeholders are: {known}",
            )
        if isinstance(values, str) or not isinstance(values, Sequence) or not values:
            raise _refused(f"{name} has no list of values", f"write {name}: [0.01, 0.1]")
        for value in values:
            _check_value(name, value)
        if len({(type(value), value) for value in values}) < len(values):
            raise _refused(f"{name} has a value twice", "name each once")
    combinations = math.prod(len(values) for values in parameters.values())
    if combinations > COMBINATIONS_MAX:
        raise _refused(
            f"the grid has {combinations} recipes", f"at most {COMBINATIONS_MAX}: take fewer values"
        )


def _check_value(name: str, value: object) -> None:
    is_literal = value is None or isinstance(value, bool | int | float | str)
    if not is_literal or (isinstance(value, float) and not math.isfinite(value)):
        raise _refused(
            f"{name} may not be {str(value)[:60]!r}", "values are numbers, texts, true, false, null"
        )


def _name(chosen: Mapping[str, object], taken: Mapping[str, str], characters: int) -> str:
    """Return a name that tells the values, and a number where that is not enough."""
    parts = [f"{name}-{str(value).lower()}" for name, value in chosen.items()]
    name = _NOT_IN_NAMES.sub("-", "_".join(parts).lower()).strip("-._")
    if name and name not in taken and len(name) <= characters:
        return name
    for number in count(len(taken) + 1):
        end = f"-{number}"
        numbered = f"{name[: characters - len(end)].rstrip('-._') or 'recipe'}{end}"
        if numbered not in taken:
            break
    return numbered


def _refused(message: str, remedy: str) -> LablineError:
    return LablineError("LL-GRID", message, remedy)
