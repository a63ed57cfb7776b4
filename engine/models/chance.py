"""What river leaves to chance, taken from it: the order of a set, and a generator's seed.

A state is a function of the past alone. Importing this puts both in force for the process.

This module's name is part of the snapshot format: see `labline.engine.models.state.globals`.
"""

import copyreg
import pickle
from typing import Any

import labline.engine.models.lazy_imports  # noqa: F401

from river.forest import AMFClassifier
from river.proba import Gaussian
from river.tree import HoeffdingAdaptiveTreeClassifier
from river.tree.nodes.branch import DTBranch
from river.tree.nodes.htc_nodes import LeafMajorityClass
from river.tree.splitter.nominal_splitter_classif import NominalSplitterClassif
from river.tree.utils import add_dict_values
from river.utils.norm import normalize_values_in_dict


class InOrder(dict[Any, None]):
    """A set that gives its members in the order in which they came."""

    def add(self, member: Any) -> None:
        """Add a member."""
        self[member] = None


class NominalSplitter(NominalSplitterClassif):
    """River's splitter of a category; the first of equally good splits is always the same.

    Two categories split equally well, so river's own takes whichever its set gives first.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._att_values = InOrder()  # type: ignore[assignment]


def _unseeded(value: Gaussian) -> tuple[Any, ...]:
    """Reduce a Gaussian without its generator, which only drawing a sample of it would use.

    river seeds it from the operating system: equal models would not be equal states. It is also
    2,500 bytes for each feature, class and leaf.
    """
    if value.seed is not None:
        return value.__reduce_ex__(pickle.DEFAULT_PROTOCOL)  # type: ignore[return-value]
    state = {name: part for name, part in vars(value).items() if name != "_rng"}
    return Gaussian, (), state


def _adaptive_probabilities(tree: Any, x: dict[Any, Any]) -> dict[Any, float]:
    """Do as river's adaptive tree does, and sum in the order of the classes, as its others do."""
    probabilities = dict.fromkeys(sorted(tree.classes), 0.0)
    root: Any = tree._root
    if root is None:
        return probabilities
    leaves: Any = root.traverse(x, until_leaf=True) if isinstance(root, DTBranch) else [root]
    for leaf in leaves:
        told = leaf.prediction(x, tree=tree)
        probabilities = add_dict_values(probabilities, told, inplace=True)
    return normalize_values_in_dict(probabilities)


_mondrian_probabilities: Any = AMFClassifier.predict_proba_one


def _ordered_probabilities(forest: Any, x: dict[Any, Any]) -> dict[Any, float]:
    """Return a Mondrian forest's probabilities in the order of the classes, for who sums them."""
    return dict(sorted(_mondrian_probabilities(forest, x).items()))


# How pickle, deepcopy and the state digest are told of a class that is not ours.
copyreg.pickle(Gaussian, _unseeded)
# All leaves of classification trees inherit it.
setattr(LeafMajorityClass, "new_nominal_splitter", staticmethod(NominalSplitter))  # noqa: B010
setattr(HoeffdingAdaptiveTreeClassifier, "predict_proba_one", _adaptive_probabilities)  # noqa: B010
setattr(AMFClassifier, "predict_proba_one", _ordered_probabilities)  # noqa: B010
