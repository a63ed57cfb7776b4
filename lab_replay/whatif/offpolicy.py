"""What another rule would have brought, where the rule in force decided what was ever seen.

A loan that is refused shows no loss: labels exist only where the decision let them come. Averages
over what was seen then speak of those whom the old rule chose. With the chance that each outcome
had of being seen, written down when it was decided, the mean over all can be estimated: the
doubly robust estimate (Robins, Rotnitzky, Zhao 1994; Dudík, Langford, Li 2011).
"""

import math
from statistics import NormalDist
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

CONFIDENCE = 0.95


class Estimate(NamedTuple):
    """A mean and its interval.

    Attributes
    ----------
    low, high
        An asymptotic normal interval. It holds for many events, looked at once, when the chances
        are true and each event's error is zero on average given the past.
    events, observed
        Over how many events, and of how many of them the outcome was seen.
    """

    mean: float
    low: float
    high: float
    standard_error: float
    events: int
    observed: int


def doubly_robust(
    outcome: "NDArray[np.float64]",
    observed: "NDArray[np.bool_]",
    chance: "NDArray[np.float64]",
    model: "NDArray[np.float64]",
    confidence: float = CONFIDENCE,
) -> Estimate:
    """Estimate the mean outcome over all events from those whose outcome was seen.

    It is right on average when `chance` is true, whatever `model` says, as long as the model did
    not know the outcome; a good model makes it precise. (It is right as well when the model is
    right and the chances are not.)

    Parameters
    ----------
    outcome
        Of each event; where it was not seen, anything.
    observed
        Whether it was seen.
    chance
        Of its being seen, as it was when that was decided; above 0.
    model
        What a model expects the outcome to be, told before it was seen.

    Examples
    --------
    >>> import numpy as np
    >>> seen = np.array([True, False, True, False])
    >>> found = doubly_robust(np.array([1.0, 0, 3.0, 0]), seen, np.full(4, 0.5), np.full(4, 2.0))
    >>> found.mean, found.events, found.observed
    (2.0, 4, 2)
    """
    import numpy as np

    count = len(outcome)
    if not (len(observed) == len(chance) == len(model) == count) or count == 0:
        raise ValueError("outcome, observed, chance and model are of equal length, and not empty")
    if not bool(np.all((chance > 0) & (chance <= 1))):
        raise ValueError("a chance is above 0 and at most 1")
    correction = np.where(observed, outcome - model, 0.0) / chance
    each = model + correction
    mean = float(each.mean())
    error = float(each.std(ddof=1)) / math.sqrt(count) if count > 1 else math.inf
    reach = NormalDist().inv_cdf(0.5 + confidence / 2) * error
    return Estimate(mean, mean - reach, mean + reach, error, count, int(observed.sum()))
