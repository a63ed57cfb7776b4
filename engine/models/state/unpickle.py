"""A model's learned state as bytes and back: pickle, with an exact list of what it may name.

The bytes are only ever loaded after their MAC or signature was verified; the list here is the
second lock. It lives in our own code, never in what is loaded.
"""

import io
import pickle
from typing import Any, NoReturn

import labline.engine.models.lazy_imports

from river.ensemble import LeveragingBaggingClassifier
from river.linear_model import PAClassifier
from river.multiclass import OutputCodeClassifier
from river.preprocessing import TargetStandardScaler

import labline.engine.models.chance  # noqa: F401  # before any state is dumped or loaded
from labline.engine.errors import LablineError
from labline.engine.models.ordered import PARegressor
from labline.engine.models.state.globals import FORMAT_1
from labline.engine.models.state.globals import GLOBALS as GLOBALS

_TAUS = frozenset({"_calc_tau_0", "_calc_tau_1", "_calc_tau_2"})
#: Methods that river's own objects hold, by the exact class that has them.
_METHODS: dict[type, frozenset[str]] = {
    LeveragingBaggingClassifier: frozenset(
        {"_leveraging_bag", "_leveraging_bag_me", "_leveraging_bag_wt", "_leveraging_subag"}
    ),
    OutputCodeClassifier: frozenset({"_next_code"}),
    PAClassifier: _TAUS,
    PARegressor: _TAUS,
    TargetStandardScaler: frozenset({"_scale", "_unscale"}),
    str: frozenset({"lower"}),
}
_OF_FORMAT_1 = {old: new for new, old in FORMAT_1.items()}


def dump(state: object) -> bytes:
    """Return a state's bytes."""
    return pickle.dumps(state, protocol=5)


def load(trusted: bytes) -> Any:
    """Return the state in bytes whose MAC or signature was verified before.

    Raises
    ------
    LablineError
        ``LL-STATE-REFUSED`` when they name anything that is not on the list, or are no state.
    """
    try:
        return _Restricted(io.BytesIO(trusted)).load()
    except (LablineError, KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # river's compiled parts panic with no mere Exception
        raise _refused(type(error).__name__) from error


class _Restricted(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        module = _OF_FORMAT_1.get(module, module)
        if (module, name) not in GLOBALS:
            raise _refused(f"{module}.{name}")
        if (module, name) == ("builtins", "getattr"):
            return _getattr
        return super().find_class(module, name)

    def persistent_load(self, pid: Any) -> NoReturn:
        raise _refused(f"a reference {type(pid).__name__}")


def _getattr(owner: object, name: str) -> Any:
    """Return one of the few methods that states hold, bound to an object or to its class."""
    kind = owner if isinstance(owner, type) else type(owner)
    if type(name) is not str or name not in _METHODS.get(kind, ()):
        raise _refused(f"getattr of {str(name)[:60]!r}")
    return getattr(owner, name)


def _refused(what: str) -> LablineError:
    return LablineError(
        "LL-STATE-REFUSED",
        f"a model's state names {what}, which no state of a known estimator does",
        "it was damaged, or written by another version: rebuild the state from the log",
    )
