"""Figures and costs of both pasts, over the events that have a label.

Called by `labline.lab_replay.whatif.result`. What comes in are pairs of answers; what goes out is a
`Measure` for each figure of the line's kind. What must stay true: both pasts are judged on the same
events, so a difference is one of the answers, not of who was judged.
"""

import math
from collections.abc import Callable
from statistics import NormalDist
from typing import NamedTuple, TypeAlias

import numpy as np

from labline.engine.core.kinds import KINDS, THRESHOLD
from labline.engine.core.line import Costs
from labline.lab_replay.evaluation.answers import LabelledAnswers
from labline.lab_replay.evaluation.figures import figures, metrics_for
from labline.lab_replay.evaluation.losses import finite
from labline.lab_replay.evaluation.metric import MeanMetric
from labline.lab_replay.evaluation.metrics import DEFAULT_METRICS, METRICS
from labline.lab_replay.whatif.answers import AnswerPairs, Bools, Floats

#: scores, answers (yes or no), labels -> what each event cost
Loss: TypeAlias = Callable[[Floats, Bools, Floats], Floats]

COST = "cost"
CONFIDENCE = 0.95


class Measure(NamedTuple):
    """A figure of both pasts, and the interval of its difference.

    Attributes
    ----------
    name : str
        One of `METRICS`, or ``cost``.
    factual, counterfactual, difference : float or None
        The difference is the counterfactual figure minus the factual one. None where it is not
        defined: of one class only, or of labels that do not vary.
    low, high : float or None
        None of a figure that is no mean over events.
    events : int
        Over how many events.
    """

    name: str
    factual: float | None
    counterfactual: float | None
    difference: float | None
    low: float | None
    high: float | None
    events: int


def losses(kind: str, costs: Costs | None) -> dict[str, Loss]:
    """Return by name the figures that are means over events; costs where the line declares them."""
    means = {
        name: _loss(metric)
        for name in metrics_for(kind)
        if isinstance(metric := METRICS[name], MeanMetric)
    }
    if costs is not None and KINDS[kind].decides:
        declared = costs

        def cost(_: Floats, yes: Bools, label: Floats) -> Floats:
            wrong_yes, wrong_no = yes & (label != 1), ~yes & (label == 1)
            each = declared.false_positive * wrong_yes + declared.false_negative * wrong_no
            return np.asarray(each, dtype=np.float64)

        means[COST] = cost
    return means


def _loss(metric: MeanMetric) -> Loss:
    """Return a metric's number of each event; a decision is the answer that was given."""

    def loss(score: Floats, yes: Bools, label: Floats) -> Floats:
        answer = score if score.ndim > 1 or not metric.of_decisions else yes.astype(np.float64)
        return metric.per_event(LabelledAnswers(answer, label)).astype(np.float64)

    return loss


def on_labelled(pairs: AnswerPairs, kind: str, costs: Costs | None) -> tuple[Measure, ...]:
    """Return the figures of a kind of line over the events that have a label."""
    pairs = pairs.only(pairs.has_label)
    if not len(pairs):
        return ()
    means = losses(kind, costs)
    names = [*DEFAULT_METRICS[kind], *([COST] if COST in means else [])]
    return tuple(
        _mean(name, means[name], pairs) if name in means else _whole(name, pairs) for name in names
    )


def _mean(name: str, loss: Loss, pairs: AnswerPairs) -> Measure:
    """Return a figure that is a mean over events.

    Its interval is asymptotic normal: it holds for many events, looked at once, when each event's
    difference is right on average given the past.
    """
    factual = loss(pairs.factual, pairs.factual_yes, pairs.label)
    counterfactual = loss(pairs.counterfactual, pairs.counterfactual_yes, pairs.label)
    each, events = counterfactual - factual, len(pairs)
    difference = float(each.mean())
    error = float(each.std(ddof=1)) / math.sqrt(events) if events > 1 else math.inf
    reach = NormalDist().inv_cdf(0.5 + CONFIDENCE / 2) * error
    return Measure(
        name,
        finite(float(factual.mean())),
        finite(float(counterfactual.mean())),
        finite(difference),
        finite(difference - reach),
        finite(difference + reach),
        events,
    )


def _whole(name: str, pairs: AnswerPairs) -> Measure:
    """Return a figure that is of all events together."""
    factual, counterfactual = (
        figures(score, pairs.label, [name], THRESHOLD).metrics[name]
        for score in (pairs.factual, pairs.counterfactual)
    )
    difference = None
    if factual is not None and counterfactual is not None:
        difference = counterfactual - factual
    return Measure(name, factual, counterfactual, difference, None, None, len(pairs))
