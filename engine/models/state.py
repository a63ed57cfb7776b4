"""A model's learned state as bytes and back: pickle, with an exact list of what it may name.

The bytes are only ever loaded after their MAC or signature was verified; the list here is the
second lock. It lives in this file, never in what is loaded.
"""

import io
import pickle
from typing import Any, NoReturn

from river import linear_model

import engine.models.chance  # noqa: F401  # before any state is dumped or loaded
from engine.errors import LablineError

_RIVER = {
    "river._river_rust.drift": ("AdaptiveWindowing",),
    "river._river_rust.vectordict": ("VectorDict",),
    "river.compose.pipeline": ("Pipeline",),
    "river.compose.union": ("TransformerUnion",),
    "river.drift.adwin": ("ADWIN",),
    "river.linear_model.alma": ("ALMAClassifier",),
    "river.linear_model.log_reg": ("LogisticRegression",),
    "river.linear_model.pa": ("PAClassifier",),
    "river.linear_model.perceptron": ("Perceptron",),
    "river.naive_bayes.gaussian": ("GaussianNB", "GaussianNB._make_gaussian"),
    "river.optim.ada_grad": ("AdaGrad",),
    "river.optim.adam": ("Adam",),
    "river.optim.initializers": ("Zeros",),
    "river.optim.losses": ("Hinge", "Log"),
    "river.optim.schedulers": ("Constant",),
    "river.optim.sgd": ("SGD",),
    "river.preprocessing.one_hot": ("OneHotEncoder",),
    "river.preprocessing.scale": ("MinMaxScaler", "StandardScaler"),
    "river.proba.gaussian": ("Gaussian",),
    "river.stats.maximum": ("Max",),
    "river.stats.mean": ("Mean",),
    "river.stats.minimum": ("Min",),
    "river.stats.var": ("Var",),
    "river.tree.hoeffding_adaptive_tree_classifier": ("HoeffdingAdaptiveTreeClassifier",),
    "river.tree.hoeffding_tree_classifier": ("HoeffdingTreeClassifier",),
    "river.tree.nodes.branch": (
        "NominalBinaryBranch",
        "NominalMultiwayBranch",
        "NumericBinaryBranch",
    ),
    "river.tree.nodes.hatc_nodes": (
        "AdaLeafClassifier",
        "AdaNomBinaryBranchClass",
        "AdaNomMultiwayBranchClass",
        "AdaNumBinaryBranchClass",
    ),
    "river.tree.nodes.htc_nodes": (
        "LeafMajorityClass",
        "LeafNaiveBayes",
        "LeafNaiveBayesAdaptive",
    ),
    "river.tree.splitter.gaussian_splitter": ("GaussianSplitter",),
}
_OTHERS = {
    "builtins": ("dict", "float", "set"),
    "collections": ("Counter", "OrderedDict", "defaultdict"),
    "engine.models.chance": ("InOrder", "NominalSplitter"),
    "engine.models.estimators": ("BaseRate", "NoChange", "Select"),
    "functools": ("partial",),
    "random": ("Random",),
}
#: Every global that a state may name (``builtins.getattr`` stands for `_getattr`).
GLOBALS = frozenset(
    (module, name) for part in (_RIVER, _OTHERS) for module, names in part.items() for name in names
) | {("builtins", "getattr")}

#: Bound methods that river's own objects hold.
_BOUND = frozenset({"_calc_tau_0", "_calc_tau_1", "_calc_tau_2"})


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
        if (module, name) not in GLOBALS:
            raise _refused(f"{module}.{name}")
        if (module, name) == ("builtins", "getattr"):
            return _getattr
        return super().find_class(module, name)

    def persistent_load(self, pid: Any) -> NoReturn:
        raise _refused(f"a reference {type(pid).__name__}")


def _getattr(owner: object, name: str) -> Any:
    """Return a bound method of river's passive-aggressive classifiers, the only ones there are.

    One of them is bound to the class.
    """
    ours = linear_model.PAClassifier in (owner, type(owner))
    if not ours or name not in _BOUND:
        raise _refused(f"getattr of {name[:60]!r}")
    return getattr(owner, name)


def _refused(what: str) -> LablineError:
    return LablineError(
        "LL-STATE-REFUSED",
        f"a model's state names {what}, which no state of a known estimator does",
        "it was damaged, or written by another version: rebuild the state from the log",
    )
