"""Who is best: only figures over the same events can be compared with each other.

Tables, headlines, reports and frames show candidates in this order, and the verdicts take the
leaders from it. Whoever answered only some of the events comes after those that answered all.
"""

from labline.lab_replay.evaluation.metrics import METRICS
from labline.lab_replay.evaluation.result import Candidate, ExperimentResult

#: The share of labelled events from which on a candidate counts as one that answered all.
WHOLE = 0.999


def is_whole(candidate: Candidate, most: int) -> bool:
    """Tell whether a candidate's figures can be compared with those of one that answered `most`.

    Whoever answers only what is easy, or was given up before it became hard, has better figures.

    Examples
    --------
    >>> picky = Candidate(name="picky", recipe="", kind="candidate", metrics={}, events=500)
    >>> is_whole(picky, 500), is_whole(picky, 10_000)
    (True, False)
    """
    return candidate.events >= WHOLE * most


def ranking(candidates: list[Candidate], metric: str, most: int | None = None) -> list[Candidate]:
    """Return `candidates`, the best by `metric` first, equals in the order given.

    Whoever answered fewer events comes after those that answered all, however good its figure;
    among those that did not answer all the same holds again. Without a figure one is last.

    Parameters
    ----------
    most
        How many labelled events a whole candidate answered; None: the most among these.

    Examples
    --------
    >>> def one(name, loss, events=9):
    ...     return Candidate(
    ...         name=name, recipe="", kind="candidate", metrics={"log_loss": loss}, events=events)
    >>> candidates = [
    ...     one("a", None), one("b", 0.5), one("c", 0.4), one("d", 0.1, 3), one("e", 0.2, 6)]
    >>> [c.name for c in ranking(candidates, "log_loss")]
    ['c', 'b', 'e', 'd', 'a']
    """
    sign = 1.0 if METRICS[metric].lower_is_better else -1.0

    def key(candidate: Candidate) -> float:
        return sign * (candidate.metrics[metric] or 0.0)

    ordered: list[Candidate] = []
    rest = [c for c in candidates if c.metrics.get(metric) is not None]
    while rest:
        most = max(c.events for c in rest) if most is None else most
        ordered += sorted((c for c in rest if is_whole(c, most)), key=key)
        rest = [c for c in rest if not is_whole(c, most)]
        most = None
    return ordered + [c for c in candidates if c.metrics.get(metric) is None]


def result_ranking(
    result: ExperimentResult, kind: str | None = None, metric: str | None = None
) -> list[Candidate]:
    """Return a result's candidates, the best first.

    Parameters
    ----------
    kind
        Only those of this kind; None: candidates and baselines.
    metric
        By which one; None: the first of the result's metrics.
    """
    candidates = [one for one in result.candidates if kind in (None, one.kind)]
    return ranking(candidates, metric or result.metrics[0], most_answered(result))


def most_answered(result: ExperimentResult) -> int:
    """Return how many labelled events the candidate that answered the most has figures of."""
    return max((candidate.events for candidate in result.candidates), default=0)
