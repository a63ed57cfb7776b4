"""How the fold judges a model's answer and a label, by the kind, classes and threshold of a line.

`Task` asks for the rules once for each configuration, and the what-if for each past that it folds
again. A declared line comes in; plain functions and bounds go out, ready for the hot path. The
rules depend on the declaration alone, so that every host of the fold judges alike.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

from labline.engine.core.kinds import KINDS, Truth
from labline.engine.core.line import Line
from labline.schemas.rejection import Rejection

#: From what a label's field holds to what is learned, or why it is not.
ReadTruth: TypeAlias = Callable[[Any], Any]
#: From a model's answer to the number that decides; NaN when the answer is not valid.
Deciding: TypeAlias = Callable[[Any], float]


class AnswerRules(NamedTuple):
    """What a line asks of answers and labels.

    Attributes
    ----------
    low, high
        Between them lies a valid score.
    threshold
        The answer is yes from here on; infinite when it is never yes.
    invalid
        Why an event has no answer when the score is not valid.
    deciding
        None: the score itself decides.
    truth
        None: the label is learned as its field holds it.
    learns_labels
        Else each event is learned, once it was scored.
    """

    low: float
    high: float
    threshold: float
    invalid: Rejection
    deciding: Deciding | None
    truth: ReadTruth | None
    learns_labels: bool

    def valid(self, score: Any) -> bool:
        """Tell whether a model's answer is one."""
        return self.low <= (score if self.deciding is None else self.deciding(score)) <= self.high


def answer_rules(line: Line) -> AnswerRules:
    """Return the rules of a line.

    Examples
    --------
    >>> line = Line.parse({"name": "l", "kind": "multiclass", "classes": ["a", "b"],
    ...     "events": "e", "id": "id", "features": {"numeric": ["x"]}})
    >>> rules = answer_rules(line)
    >>> rules.valid((0.25, 0.75)), rules.valid((0.25,)), rules.truth("c").reason
    (True, False, 'unknown-class')
    """
    kind, threshold = KINDS[line.kind], line.decision.threshold
    truth: ReadTruth | None = None
    if kind.truth is Truth.CLASS:
        truth = _class_reader(line.classes)
    elif kind.truth is Truth.NUMBER:
        truth = _finite_number
    return AnswerRules(
        kind.low,
        kind.high,
        math.inf if threshold is None else threshold,  # no finite score reaches it
        kind.invalid,
        _best_of(len(line.classes)) if kind.has_classes else None,
        truth,
        kind.learns_labels,
    )


def _best_of(count: int) -> Deciding:
    def best(probabilities: Any) -> float:
        if type(probabilities) is not tuple or len(probabilities) != count:
            return math.nan
        # a NaN lies between no bounds, wherever it stands
        fits = all(0.0 <= probability <= 1.0 for probability in probabilities)
        return max(probabilities) if fits else math.nan

    return best


def _class_reader(classes: Sequence[str]) -> ReadTruth:
    known = frozenset(classes)

    def truth(label: str) -> str | Rejection:
        if label in known:
            return label
        return Rejection("label", "unknown-class", f"{label[:100]!r} is none of the line's classes")

    return truth


def _finite_number(label: float) -> float | Rejection:
    number = float(label)
    if number - number == 0.0:
        return number
    return Rejection("label", "not-finite", "the label is no finite number")
