"""Whether the features that a recipe names can be there, at the step that names them."""

import ast
import difflib
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, TypeAlias

from labline.engine.errors import LablineError
from labline.engine.models.recipes.arguments import arguments_of, inner
from labline.engine.models.recipes.features import Inputs
from labline.engine.models.recipes.size_limits import check_powers

SHOWN_MAX = 20
#: Parameters that name features; of a dictionary, its keys do.
NAMING = ("names", "mapping", "on", "by", "limits", "categories", "nominal_attributes")
#: Steps that change values and leave the names.
KEEPING = frozenset({
    "AdaptiveStandardScaler", "Binarizer", "MaxAbsScaler", "MinMaxScaler", "Normalizer",
    "OrdinalEncoder", "RobustScaler", "StandardScaler",
})  # fmt: skip

#: What may arrive at a step; None: whatever, because a step before makes names of its own.
Names: TypeAlias = tuple[str, ...] | None


def check_names(body: ast.expr, inputs: Inputs) -> None:
    """Refuse a recipe that names a feature which no event and no step before gives it.

    Raises
    ------
    LablineError
        ``LL-RECIPE`` with the name, the step and the nearest known name.

    Examples
    --------
    >>> inputs = Inputs("delays", {"delay": "number", "hour": "number"})
    >>> check_names(ast.parse("Select('dely') | GaussianNB()", mode="eval").body, inputs)
    Traceback (most recent call last):
    labline.engine.errors.LablineError: LL-RECIPE: Select: line delays has no feature dely
      remedy: did you mean delay?
    """
    _Walk(inputs).after(body, tuple(inputs.kinds))


class _Walk(NamedTuple):
    inputs: Inputs

    def after(self, node: ast.expr, names: Names) -> Names:
        """Return what is there after an expression that gets these."""
        match node:
            case ast.BinOp(left=left, op=ast.BitOr(), right=right):
                return self.after(right, self.after(left, names))
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                one, other = self.after(left, names), self.after(right, names)
                return None if one is None or other is None else (*one, *other)
            case ast.Call(func=ast.Name(id=step)):
                told = arguments_of(node)
                for named in _named(told):
                    self._check(step, named, names)
                if names is not None:
                    check_powers(node, len(names))
                for part in inner(node):  # models within models see what these see
                    self.after(part, names)
                return None if names is None else _made(step, told, names)
            case ast.List(elts=parts):
                for part in parts:
                    self.after(part, names)
        return None

    def _check(self, step: str, name: str, names: Names) -> None:
        if names is None or name in names:
            return
        if name in self.inputs.kinds:
            said = f"{step}: {name} does not arrive there: a step before leaves it out"
        elif names == tuple(self.inputs.kinds):
            said = f"{step}: line {self.inputs.line} has no feature {name}"
        else:
            said = f"{step}: line {self.inputs.line} has no feature {name}, and no step makes it"
        raise LablineError("LL-RECIPE", said, _nearest(name, names))


def _named(arguments: dict[str, Any]) -> Iterator[str]:
    for parameter in NAMING:
        yield from _texts(arguments.get(parameter))


def _texts(node: object) -> Iterator[str]:
    """Yield the texts in an argument."""
    match node:
        case ast.Constant(value=str() as text):
            yield text
        case ast.Dict(keys=keys):
            yield from _each(keys)
        case ast.List(elts=parts) | ast.Tuple(elts=parts):
            yield from _each(parts)
        case tuple():
            yield from _each(node)


def _each(nodes: Iterable[object]) -> Iterator[str]:
    for node in nodes:
        yield from _texts(node)


def _made(step: str, told: dict[str, Any], names: tuple[str, ...]) -> Names:
    """Return what a step gives of these names."""
    if step in KEEPING:
        return names
    if step == "Select":
        return tuple(_texts(told.get("names")))
    if step == "Discard":
        left_out = set(_texts(told.get("names")))
        return tuple(name for name in names if name not in left_out)
    if step == "Renamer":
        return _renamed(told.get("mapping"), names)
    fix = next(_texts(told.get("prefix") or told.get("suffix")), None)
    if step == "Prefixer" and fix is not None:
        return tuple(fix + name for name in names)
    if step == "Suffixer" and fix is not None:
        return tuple(name + fix for name in names)
    return None


def _renamed(mapping: object, names: tuple[str, ...]) -> Names:
    if not isinstance(mapping, ast.Dict):
        return None
    new = dict(zip(_each(mapping.keys), _each(mapping.values), strict=False))
    return tuple(new.get(name, name) for name in names)


def _nearest(name: str, names: tuple[str, ...]) -> str:
    near = difflib.get_close_matches(name, names, n=1)
    if near:
        return f"did you mean {near[0]}?"
    shown = ", ".join(dict.fromkeys(names[:SHOWN_MAX])) or "none"
    return f"known there: {shown}{' …' if len(names) > SHOWN_MAX else ''}"
