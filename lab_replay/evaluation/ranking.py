"""Who is best: only figures over the same events can be held against each other."""

from typing import TYPE_CHECKING

from labline.lab_replay.evaluation.metrics import METRICS

if TYPE_CHECKING:
    from labline.lab_replay.evaluation.result import Candidate

#: The share of labelled events from which on a candidate counts as one that answered all.
WHOLE = 0.999


def is_whole(candidate: "Candidate", most: int) -> bool:
    """Tell whether a candidate's figures can be held against those of one that answered `most`.

    Whoever answers only what is easy, or was given up before it became hard, has better figures.

    Examples
    --------
    >>> from labline.lab_replay.evaluation.result import Candidate
    >>> picky = Candidate(name="picky", recipe="", kind="candidate", metrics={}, events=500)
    >>> is_whole(picky, 500), is_whole(picky, 10_000)
    (True, False)
    """
    return candidate.events >= WHOLE * most


def ranking(
    candidates: list["Candidate"], metric: str, most: int | None = None
) -> list["Candidate"]:
    """Return `candidates`, the best by `metric` first, equals in the order given.

    Whoever answered fewer events comes after those that answered all, however good its figure;
    among those that did not answer all the same holds again. Without a figure one is last.

    Parameters
    ----------
    most
        How many labelled events a whole candidate answered; None: the most among these.

    Examples
    --------
    >>> from labline.lab_replay.evaluation.result import Candidate
    >>> def one(name, loss, events=9):
    ...     return Candidate(
    ...         name=name, recipe="", kind="candidate", metrics={"log_loss": loss}, events=events)
    >>> found = [one("a", None), one("b", 0.5), one("c", 0.4), one("d", 0.1, 3), one("e", 0.2, 6)]
    >>> [c.name for c in ranking(found, "log_loss")]
    ['c', 'b', 'e', 'd', 'a']
    """
    sign = 1.0 if METRICS[metric].lower_is_better else -1.0

    def key(candidate: "Candidate") -> float:
        return sign * (candidate.metrics[metric] or 0.0)

    found: list[Candidate] = []
    rest = [c for c in candidates if c.metrics.get(metric) is not None]
    while rest:
        most = max(c.events for c in rest) if most is None else most
        found += sorted((c for c in rest if is_whole(c, most)), key=key)
        rest = [c for c in rest if not is_whole(c, most)]
        most = None
    return found + [c for c in candidates if c.metrics.get(metric) is None]
