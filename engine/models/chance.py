"""What river leaves to chance, taken from it: the order of a set, and a generator's seed.

A state is a function of the past alone. Importing this puts both in force for the process.
"""

import copyreg
import pickle
from typing import Any

from river.proba import Gaussian
from river.tree.nodes.htc_nodes import LeafMajorityClass
from river.tree.splitter.nominal_splitter_classif import NominalSplitterClassif


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


# How pickle, deepcopy and the state digest are told of a class that is not ours.
copyreg.pickle(Gaussian, _unseeded)
# All leaves of classification trees inherit it.
setattr(LeafMajorityClass, "new_nominal_splitter", staticmethod(NominalSplitter))  # noqa: B010
