"""river, but for what it seldom uses: that is loaded when something of it is used.

river imports scipy's statistics for a few distributions, and scikit-learn and SQLAlchemy, when
they happen to be installed, to read data with. They take longer to load than all else that a
scorer needs. A module that imports river imports this one first.
"""

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from types import ModuleType
from typing import Any

SELDOM = (
    "scipy.integrate",
    "scipy.ndimage",
    "scipy.stats",
    "sklearn",
    "sklearn.utils",
    "sqlalchemy",
)


class Deferred:
    """What river took from a module that is not loaded yet: to be called, or asked for more."""

    def __init__(self, module: str, name: str) -> None:
        self._module, self._name = module, name

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        """Load it, and call it."""
        return self._found()(*arguments, **named)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._found(), name)

    def _found(self) -> Any:
        return getattr(importlib.import_module(self._module), self._name)


class _StandIn(ModuleType):
    def __getattr__(self, name: str) -> Deferred:
        if name.startswith("_"):
            raise AttributeError(name)
        return Deferred(self.__name__, name)


@contextmanager
def standing_in(names: tuple[str, ...]) -> Iterator[None]:
    """Let modules that are installed, but not loaded, be imported without being loaded."""
    absent = [n for n in names if n not in sys.modules and find_spec(n.split(".")[0])]
    stand_ins = {name: _StandIn(name) for name in absent}
    sys.modules.update(stand_ins)
    try:
        yield
    finally:
        for name in absent:
            if sys.modules.get(name) is stand_ins[name]:
                del sys.modules[name]


with standing_in(SELDOM):
    import river.api  # noqa: F401
