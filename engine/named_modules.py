"""What a package defines, one module each, found by the modules' names: no list to edit.

Metrics and drift detectors are such packages. Whoever names one in a file or an option looks it up
here; its module is imported at the first look, so that listing the names costs next to nothing.
"""

import difflib
import pkgutil
from collections.abc import Iterable, Iterator, Mapping
from importlib import import_module
from typing import TypeVar, cast

Value = TypeVar("Value")


class NamedModules(Mapping[str, Value]):
    """By module name, the value that each module of a package defines.

    Parameters
    ----------
    package
        The package's full name.
    path
        The package's ``__path__``.
    attribute
        What each module calls its value.

    Examples
    --------
    >>> import json
    >>> modules = NamedModules[type]("json", json.__path__, "JSONDecoder")
    >>> "decoder" in modules, modules["decoder"] is json.JSONDecoder
    (True, True)
    """

    def __init__(self, package: str, path: Iterable[str], attribute: str) -> None:
        self._package, self._path, self._attribute = package, path, attribute
        self._loaded: dict[str, Value] = {}

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(module.name for module in pkgutil.iter_modules(self._path)))

    def __len__(self) -> int:
        return len(list(iter(self)))

    def __contains__(self, name: object) -> bool:
        return name in list(self)  # without importing it

    def __getitem__(self, name: str) -> Value:
        if name not in self._loaded:
            if name not in self:
                raise KeyError(name)
            module = import_module(f"{self._package}.{name}")
            self._loaded[name] = cast("Value", getattr(module, self._attribute))
        return self._loaded[name]


def nearest(name: str, known: Iterable[str]) -> str:
    """Return what to write instead of a name that is not known.

    Examples
    --------
    >>> nearest("log_los", ["log_loss", "brier"]), nearest("x", ["a", "b"])
    ('did you mean log_loss?', 'known: a, b')
    """
    names = list(known)
    near = difflib.get_close_matches(name, names, n=1)
    return f"did you mean {near[0]}?" if near else f"known: {', '.join(names)}"
