"""What was against what would have been: answers, probabilities, losses, costs.

Called by `labline.lab_replay.whatif.whatif`; printed by `table` and as JSON. What comes in are
pairs of answers and counts; what goes out are numbers and sentences. What must stay true: a number
that is not known is None, never 0, and JSON has it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np

from labline.engine.core.kinds import KINDS
from labline.engine.core.line import Costs
from labline.lab_replay.evaluation.losses import decided, finite
from labline.lab_replay.evaluation.metrics import METRICS
from labline.lab_replay.whatif.answers import AnswerPairs, Floats
from labline.lab_replay.whatif.figures import COST, Measure, on_labelled

QUANTILES = {"p50": 0.50, "p95": 0.95, "p99": 0.99, "max": 1.0}
COUNTS = ("left_out", "gone", "added", "unwritten")
NOTE = (
    "metrics: over events answered in both pasts that have a label in the changed one;"
    " 95 % intervals of the differences, asymptotic normal, where a metric is a mean over events"
)
#: What a line of this kind answers with.
SCORES = {
    "binary": "probability",
    "multiclass": "probability",
    "regression": "value",
    "anomaly": "score",
}


@dataclass(frozen=True)
class Part:
    """What a partition, or (None) all of them together, came to.

    Attributes
    ----------
    events : int
        Answered in both pasts: what everything else here is about.
    left_out : int
        Records that were left out.
    gone, added : int
        Answers that would not have been; answers that were not.
    unwritten : int
        Answers that retention took: the factual past is not known.
    to_yes, to_no : int
        Decisions that would have been the other one.
    to_class : int or None
        Of several classes: events that would have been another one; else None.
    factual_mean, counterfactual_mean : float or None
        Of the scores; None of several classes.
    shift : dict
        Of the scores: mean, percentiles and maximum of their absolute difference. Of several
        classes half the sum over them: how much of the probability went elsewhere.
    """

    partition: int | None
    events: int
    left_out: int
    gone: int
    added: int
    unwritten: int
    to_yes: int
    to_no: int
    to_class: int | None
    factual_mean: float | None
    counterfactual_mean: float | None
    shift: dict[str, float | None]
    labelled: int
    measures: tuple[Measure, ...]


class OutcomeCounts(NamedTuple):
    """How many labels had an outcome, and would have had it; None: not known any more."""

    factual: int | None
    counterfactual: int | None


@dataclass(frozen=True)
class WhatIf:
    """What would have been.

    Attributes
    ----------
    change : str
        What is otherwise, in words.
    outcomes : dict of str to OutcomeCounts
        Of labels, by name.
    unit : str
        Of the costs.
    elsewhere : tuple of str
        Other environments that wrote part of this past: differences may be theirs.
    """

    line: str
    kind: str
    change: str
    total: Part
    partitions: tuple[Part, ...]
    outcomes: dict[str, OutcomeCounts]
    unit: str
    environment: str
    elsewhere: tuple[str, ...]

    def document(self) -> dict[str, Any]:
        """Return it as JSON-able data."""
        document = asdict(self)
        for part in (document["total"], *document["partitions"]):
            part["measures"] = [measure._asdict() for measure in part["measures"]]
        document["outcomes"] = {name: each._asdict() for name, each in self.outcomes.items()}
        return document

    def sentences(self) -> Iterator[str]:
        """Yield it in words."""
        total = self.total
        yield f"{self.line}, {self.change}: {self._lead()}"
        for measure in total.measures:
            yield f"{title(measure.name)}: {self._measure(measure)}"
        if not total.measures:
            yield "no event has a label: whether that had been better is not known"
        counts = {
            "left out": total.left_out,
            "answers that would not have been": total.gone,
            "answers that only this past has": total.added,
            "answers that retention took": total.unwritten,
        }
        if phrases := [f"{count:,} {name}" for name, count in counts.items() if count]:
            yield "; ".join(phrases)
        yield NOTE
        if self.elsewhere:
            yield (
                f"parts of this past were written under {', '.join(self.elsewhere)}, folded here"
                f" under {self.environment}: a last digit may be theirs"
            )

    def _lead(self) -> str:
        """Return in words how far the answers would have been others."""
        total = self.total
        flips = total.to_yes + total.to_no
        answers = (
            f"{_some(flips, total.events)} answers would have been others, {total.to_yes:,} of"
            f" them yes and {total.to_no:,} no"
        )
        if KINDS[self.kind].decides or not total.events:
            return answers
        if total.to_class is not None:
            scores = f"{_some(total.to_class, total.events)} events would have been another class"
        else:
            scores = (
                f"the {SCORES[self.kind]} would have been {_number(total.counterfactual_mean)} on"
                f" average instead of {_number(total.factual_mean)}, and another by"
                f" {_number(total.shift['mean'])} on average, over {total.events:,} events"
            )
        return f"{scores}; {answers}" if flips else scores

    def _measure(self, measure: Measure) -> str:
        both = f"{_number(measure.counterfactual)} instead of {_number(measure.factual)}"
        if measure.difference is None:
            return both
        unit = f" {self.unit}" if measure.name == COST and self.unit else ""
        each = f"{unit} per event" if measure.name == COST else ""
        reach = interval(measure)
        return f"{both}{each}, difference {measure.difference:+.3g}{reach and f' {reach}'}"


def title(name: str) -> str:
    """Return what people call a figure.

    Examples
    --------
    >>> title("log_loss"), title("cost")
    ('log loss', 'cost')
    """
    return METRICS[name].title if name in METRICS else name


def interval(measure: Measure) -> str:
    """Return the interval of a difference, or nothing where there is none."""
    if measure.low is None or measure.high is None:
        return ""
    return f"[{measure.low:+.3g}, {measure.high:+.3g}]"


def _some(count: int, events: int) -> str:
    share = f" ({count / events:.1%})" if events else ""
    return f"{count:,} of {events:,}{share}"


def _number(figure: float | None) -> str:
    return "–" if figure is None else f"{figure:.6g}"


def part_of(
    partition: int | None,
    pairs: AnswerPairs,
    counts: Mapping[str, int],
    kind: str,
    costs: Costs | None,
) -> Part:
    """Return what a partition, or all of them, came to.

    Parameters
    ----------
    counts : mapping of str to int
        By the names in `COUNTS`.
    kind : str
        Of the line.
    costs : Costs or None
        Of wrong decisions.
    """
    flips = pairs.factual_yes != pairs.counterfactual_yes
    has_classes = pairs.counterfactual.ndim > 1
    to_class = None
    if has_classes:
        to_class = int((decided(pairs.factual) != decided(pairs.counterfactual)).sum())
    return Part(
        partition,
        len(pairs),
        **counts,
        to_yes=int((flips & pairs.counterfactual_yes).sum()),
        to_no=int((flips & pairs.factual_yes).sum()),
        to_class=to_class,
        factual_mean=None if has_classes else _average(pairs.factual),
        counterfactual_mean=None if has_classes else _average(pairs.counterfactual),
        shift=_shift(pairs),
        labelled=int(pairs.has_label.sum()),
        measures=on_labelled(pairs, kind, costs),
    )


def _shift(pairs: AnswerPairs) -> dict[str, float | None]:
    if not len(pairs):
        return {}
    with np.errstate(over="ignore"):
        apart = np.abs(pairs.counterfactual - pairs.factual)
    if apart.ndim > 1:
        apart = apart.sum(axis=1) / 2
    tops = np.quantile(apart, list(QUANTILES.values()), method="inverted_cdf").tolist()
    return {
        "mean": _average(apart),
        **{name: finite(top) for name, top in zip(QUANTILES, tops, strict=True)},
    }


def _average(scores: Floats) -> float | None:
    with np.errstate(over="ignore"):
        return finite(float(scores.mean())) if len(scores) else None
