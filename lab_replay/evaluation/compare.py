"""Is one candidate better than another? Paired on the same events, in the order of their labels."""

from dataclasses import replace
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from labline.engine.errors import LablineError
from labline.engine.stats.sequential import ConfidenceSequence, Steps
from labline.lab_replay.evaluation.bounded import paired_losses
from labline.lab_replay.evaluation.prediction_log import PredictionLog
from labline.lab_replay.evaluation.result import Versus

ALPHA = 0.05


class Comparison(NamedTuple):
    """How one candidate came out against another, and the way there.

    Attributes
    ----------
    steps
        Brackets of the mean difference of losses after more and more labels.
    time_ms
        When the last label of each came.
    """

    versus: Versus
    steps: Steps
    time_ms: NDArray[np.int64]


def versus(
    log: PredictionLog,
    name: str,
    other: str,
    alpha: float = ALPHA,
    loss: str | None = None,
    bound: float | None = None,
) -> Versus:
    """Return how a candidate came out against another; see `compare`."""
    return compare(log, name, other, alpha, loss, bound).versus


def compare(
    log: PredictionLog,
    name: str,
    other: str,
    alpha: float = ALPHA,
    loss: str | None = None,
    bound: float | None = None,
) -> Comparison:
    """Compare two candidates on the labelled events that both had an answer for.

    Parameters
    ----------
    loss
        ``brier``, ``log_loss`` (probabilities clipped by `bounded.COMPARE_CLIP`), or ``absolute``;
        None: the first that is for the kind of the log (`bounded.LOSSES`).
    bound
        Absolute errors count as no larger. None: what `range_of_first` makes of the labels; those
        that said it are not compared. If nothing says it, no label is.

    Raises
    ------
    LablineError
        ``LL-COMPARE-LOSS`` for a loss that is not for such a line, ``LL-COMPARE-NAME`` for a
        candidate that is not there, ``LL-COMPARE-BOUND`` for a bound that is none.

    Examples
    --------
    >>> label = np.arange(2_000) % 2
    >>> sure, unsure = np.where(label, 0.9, 0.1), np.full(2_000, 0.5)
    >>> log = PredictionLog(np.arange(2_000), label, {"sure": sure, "unsure": unsure})
    >>> versus = compare(log, "sure", "unsure").versus
    >>> versus.verdict, round(versus.difference, 2), versus.bound
    ('better', -0.24, 1.0)
    """
    for wanted in (name, other):
        if wanted not in log.scores:
            raise LablineError(
                "LL-COMPARE-NAME",
                f"there is no candidate {wanted!r}",
                f"name two of: {', '.join(log.scores)}",
            )
    pair = paired_losses(log, name, other, loss, bound)
    sequence = ConfidenceSequence(pair.widest, alpha)
    steps = sequence.add(pair.differences)
    time_ms = log.label_time_ms[pair.rows][steps.events - 1]
    verdict, step = _verdict(steps)
    outcome = Versus(
        other=other,
        loss=pair.loss,
        events=len(pair.rows),
        difference=float(pair.differences.mean()) if len(pair.rows) else 0.0,
        low=sequence.low,
        high=sequence.high,
        alpha=alpha,
        verdict=verdict,
        decided_at=None if step is None else int(steps.events[step]),
        decided_ms=None if step is None else int(time_ms[step]),
        bound=pair.bound,
    )
    return Comparison(outcome, steps, time_ms)


def _verdict(steps: Steps) -> tuple[Literal["better", "worse", "undecided"], int | None]:
    """Return what the last bracket says, and since which one it has been saying so."""
    sides = (steps.low > 0).astype(np.int8) - (steps.high < 0)
    if not len(sides) or not sides[-1]:
        return "undecided", None
    others = np.flatnonzero(sides != sides[-1])
    return "worse" if sides[-1] > 0 else "better", int(others[-1]) + 1 if len(others) else 0


def aligned(
    one: PredictionLog, name: str, two: PredictionLog, other: str
) -> tuple[PredictionLog, str, str]:
    """Return a log of two candidates of different experiments, and what they are called in it.

    Events are the same if partition and offset are; labels and their order are those of `one`,
    where the other has a label too.

    Raises
    ------
    LablineError
        ``LL-COMPARE-EVENTS`` if they have no event in common, or disagree about one.

    Examples
    --------
    >>> one = PredictionLog([5, 6, 7], [1, 0, 1], {"linear": [0.9, 0.2, 0.8]})
    >>> two = PredictionLog([6, 7], [0, 1], {"linear": [0.1, 0.7]}, offset=[1, 2])
    >>> both, a, b = aligned(one, "linear", two, "linear")
    >>> a, b, both.scores[a].tolist(), both.scores[b].tolist()
    ('linear', 'linear (2)', [0.2, 0.8], [0.1, 0.7])
    """
    rows_one, rows_two = _common(one, two)
    labelled = ~np.isnan(one.label[rows_one]) & ~np.isnan(two.label[rows_two])
    rows_one, rows_two = rows_one[labelled], rows_two[labelled]
    same = (
        len(rows_one) > 0
        and (one.kind, one.classes) == (two.kind, two.classes)
        and np.array_equal(one.event_time_ms[rows_one], two.event_time_ms[rows_two])
        and np.array_equal(one.label[rows_one], two.label[rows_two])
    )
    if not same:
        raise LablineError(
            "LL-COMPARE-EVENTS",
            "the two experiments were not run over the same labelled events",
            "run both recipes over one recording: labline lab run",
        )
    second = other if other != name else f"{other} (2)"
    scores = {name: one.scores[name][rows_one], second: two.scores[other][rows_two]}
    return replace(one.only().rows(rows_one), scores=scores), name, second


def _common(one: PredictionLog, two: PredictionLog) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the rows of the events that both logs have."""
    pairs = []
    for partition in np.intersect1d(one.partition, two.partition):
        rows = [np.flatnonzero(log.partition == partition) for log in (one, two)]
        _, at_one, at_two = np.intersect1d(
            one.offset[rows[0]], two.offset[rows[1]], assume_unique=True, return_indices=True
        )
        pairs.append((rows[0][at_one], rows[1][at_two]))
    if not pairs:
        return np.empty(0, np.intp), np.empty(0, np.intp)
    rows_one, rows_two = (np.concatenate(column) for column in zip(*pairs, strict=True))
    order = np.argsort(rows_one, kind="stable")
    return rows_one[order], rows_two[order]
