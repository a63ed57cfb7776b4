"""How much of a large matrix a run takes: a slice in ``make test``, the whole in ``make chaos``.

A test that takes a slice has the marker `slice`, by which ``make chaos`` chooses it. A slice has
each kind of case; what it leaves out are more cases of the same kinds.
"""

import os
from typing import TypeVar

WHOLE = "LABLINE_TESTS_WHOLE" in os.environ

T = TypeVar("T")


def part(cases: T, *, of: T) -> T:
    """Return the cases, or their number, that this run takes."""
    return of if WHOLE else cases
