"""The state digest: sha256 over a canonical walk of a state.

Pickle's bytes are not stable under a round trip (what is shared, what was interned); the walk is.
It goes where pickle goes (`copyreg`, `object.__reduce_ex__`), with attributes sorted, dicts in
their own order (sums run in it), and doubles as their bits. Every value is told with its exact
type and, where it has parts, their number: two states have one digest only if they are equal.
"""

import hashlib
import struct
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Mapping
from copyreg import dispatch_table
from functools import partial
from types import BuiltinFunctionType, FunctionType, MappingProxyType, MethodType, ModuleType
from typing import Any

from labline.engine.errors import LablineError

_DOUBLE = struct.Struct(">d").pack
_PROTOCOL = 4
_DICTS = (dict, OrderedDict, defaultdict, Counter)


def state_digest(state: object, modules: Mapping[str, str] = MappingProxyType({})) -> str:
    """Return the digest of a state: plain data, and objects that can be pickled.

    Parameters
    ----------
    modules
        Modules that go by another name, as in the digests of an older snapshot format.

    Raises
    ------
    LablineError
        ``LL-STATE-REFUSED`` for one that is nested too deeply: lists and dicts may not hold
        themselves, objects may.

    Examples
    --------
    >>> state_digest({"a": [1, 2.0]}) == state_digest({"a": [1, 2.0]})
    True
    >>> state_digest([1]) == state_digest([1.0]), state_digest(0.0) == state_digest(-0.0)
    (False, False)
    """
    found = hashlib.sha256()
    try:
        _Walk(found.update, modules).walk(state)
    except RecursionError as error:
        raise LablineError(
            "LL-STATE-REFUSED",
            "a state is nested too deeply to be walked",
            "no known estimator's is: rebuild the state from the log",
        ) from error
    return found.hexdigest()


class _Walk:
    def __init__(self, update: Callable[[bytes], object], modules: Mapping[str, str]) -> None:
        self._update = update
        self._modules = modules
        self._seen: dict[int, int] = {}  # objects by id, numbered as they are met: cycles end
        self._alive: list[object] = []  # or an id could come back as another object's

    def walk(self, value: Any) -> None:
        kind, told = type(value), self._update
        if kind is float:
            told(b"float:" + _DOUBLE(value))
        elif kind is str:
            self._bytes(b"str", value.encode("utf-8", "surrogatepass"))
        elif kind is int:
            told(b"int:%x;" % value)
        elif kind is bool or value is None:
            told(b"%r;" % value)
        elif kind is bytes:
            self._bytes(b"bytes", value)
        elif kind in (list, tuple):
            self._all(kind.__name__, value)
        elif kind in (set, frozenset):
            self._all(kind.__name__, sorted(state_digest(item, self._modules) for item in value))
        elif kind in _DICTS:
            self._mapping(kind.__name__, value)
        elif not self._is_named(value):
            self._once(value)

    def _is_named(self, value: Any) -> bool:
        """Tell what is known by its name, or by its name in its owner."""
        if isinstance(value, BuiltinFunctionType):
            bound = not isinstance(value.__self__, ModuleType | None)
        else:
            bound = isinstance(value, MethodType)
        if bound:
            self._all("method", (value.__self__, value.__name__))
        elif isinstance(value, type | FunctionType | BuiltinFunctionType):
            module = self._modules.get(value.__module__, value.__module__)
            self._all("global", (module, value.__qualname__))
        else:
            return False
        return True

    def _bytes(self, kind: bytes, content: bytes) -> None:
        self._update(b"%b:%d:" % (kind, len(content)))
        self._update(content)

    def _all(self, kind: str, values: Any) -> None:
        self._update(f"{kind}:{len(values)}[".encode())
        for value in values:
            self.walk(value)

    def _mapping(self, kind: str, value: Mapping[Any, Any]) -> None:
        self._update(f"{kind}:{len(value)}[".encode())
        if isinstance(value, defaultdict):
            self.walk(value.default_factory)
        for key, item in value.items():
            self.walk(key)
            self.walk(item)

    def _once(self, value: Any) -> None:
        if id(value) in self._seen:
            self._update(b"again:%d;" % self._seen[id(value)])
            return
        self._seen[id(value)] = len(self._seen)
        self._alive.append(value)
        if isinstance(value, partial):
            self._all("partial", (value.func, value.args, value.keywords, vars(value)))
        elif type(value) is deque:
            self._all(f"deque {value.maxlen}", value)
        else:
            reduce = dispatch_table.get(type(value))
            self._object(reduce(value) if reduce else value.__reduce_ex__(_PROTOCOL))

    def _object(self, reduced: Any) -> None:
        if isinstance(reduced, str):
            self._bytes(b"global", reduced.encode())
            return
        make, arguments, state, items, pairs, setter = (*reduced, None, None, None, None)[:6]
        if isinstance(state, dict):
            state = dict(sorted(state.items()))
        elif isinstance(state, tuple) and len(state) == 2 and isinstance(state[1], dict):
            state = (state[0], dict(sorted(state[1].items())))  # of a class with slots
        listed = [None if parts is None else list(parts) for parts in (items, pairs)]
        self._all("object", (make, arguments, state, *listed, setter))
