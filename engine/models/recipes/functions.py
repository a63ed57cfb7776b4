"""A model by name: a function of the user's own that returns one, for the lab.

``package.module:function`` of an installed package, of a module in the workspace, or of one in the
current folder: the first that has it. What it returns has ``learn_one`` and ``predict_proba_one``
or ``predict_one``, or ``score_one``. Naming it runs the user's code, so a control record that does
is refused: the factory runs what is signed.
"""

import importlib
import re
import sys
from pathlib import Path
from typing import Any

from labline.engine.errors import LablineError

NAME = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*", re.ASCII)

_folders: list[str] = []  # the lab's workspace; only the lab says so


def is_name(recipe: str) -> bool:
    """Tell whether a recipe names a function.

    Examples
    --------
    >>> is_name("shop.models:nearest"), is_name("BaseRate()")
    (True, False)
    """
    return NAME.fullmatch(recipe.strip()) is not None


def refuse_name(recipe: str) -> LablineError:
    """Return why a function's name is no recipe for the factory."""
    return LablineError(
        "LL-RECIPE",
        f"{recipe.strip()} names a function: such a model runs in the lab only",
        "promote a recipe of known estimators: the factory runs nothing that is not signed",
    )


def resolve(recipe: str) -> Any:
    """Call the function that a recipe names and return the model that it gives.

    Raises
    ------
    LablineError
        ``LL-RECIPE`` when it cannot be imported or called, or gives nothing that learns.
    """
    recipe = recipe.strip()
    module_name, _, name = recipe.partition(":")
    try:
        function = getattr(_module(module_name), name)
        model = function()
    except Exception as error:
        told = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise LablineError(
            "LL-RECIPE",
            f"{recipe} gave no model: {told}",
            "name a function without parameters of an installed package, or of a module in the"
            " workspace or this folder",
        ) from error
    if not callable(getattr(model, "learn_one", None)):
        raise LablineError(
            "LL-RECIPE",
            f"{recipe} gave a {type(model).__name__}, which has no learn_one",
            "return an object with learn_one and predict_proba_one, predict_one or score_one",
        )
    return model


def look_in(folder: Path) -> None:
    """Look for modules in a folder, too, once a recipe names one: for the lab.

    Processes that are started here afterwards get Python's search path, and so this folder.
    """
    _folders[:] = [str(folder.resolve())]


def _module(name: str) -> Any:
    for folder in (*_folders, str(Path.cwd())):
        if folder not in sys.path:
            sys.path.append(folder)  # last: it hides nothing that is installed
    return importlib.import_module(name)
