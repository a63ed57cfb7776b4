"""What each kind of line has of its own: valid scores, the decision, labels, bytes."""

import math
import sys
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

from labline.engine.core.class_score import class_answer_encoder, class_shadow_encoder
from labline.engine.core.line import Line
from labline.engine.core.score import (
    EncodeAnswer,
    EncodeShadow,
    Place,
    answer_encoder,
    shadow_encoder,
)
from labline.schemas.avro import Rejection

NO_PROBABILITY = Rejection("score", "no-probability", "the champion's score is no probability")
NO_VALUE = Rejection("score", "no-value", "the champion's score is no finite number")
FINITE_MAX = sys.float_info.max
#: Schemas of answers and of shadow scores: of multiclass lines, and of all others.
CLASS_SCORES = ("labline.ClassScore", "labline.ClassShadow")
SCORES = ("labline.Score", "labline.Shadow")

#: From what a label's field holds to what is learned, or why it is not.
Truth: TypeAlias = Callable[[Any], Any]
#: From a model's answer to the number that decides; NaN when the answer is not valid.
Best: TypeAlias = Callable[[Any], float]
#: (slot, model), the one that answers first
Slots: TypeAlias = Sequence[tuple[str, str]]


class Kind(NamedTuple):
    """A kind of line, as the fold needs it.

    Attributes
    ----------
    low, high
        Between them lies a valid score.
    threshold
        The answer is yes from here on.
    invalid
        Why an event has no answer when the score is not valid.
    best, truth
        None: the score, and the label, are taken as they are.
    learns_labels
        Else it learns each event, once it was scored.
    """

    low: float
    high: float
    threshold: float
    invalid: Rejection
    best: Best | None
    truth: Truth | None
    learns_labels: bool

    def valid(self, score: Any) -> bool:
        """Tell whether a model's answer is one."""
        return self.low <= (score if self.best is None else self.best(score)) <= self.high


def kind_of(line: Line) -> Kind:
    """Return what the kind of a line asks of the fold.

    Examples
    --------
    >>> line = Line.parse({"name": "l", "kind": "multiclass", "classes": ["a", "b"],
    ...     "events": "e", "id": "id", "features": {"numeric": ["x"]}})
    >>> kind = kind_of(line)
    >>> kind.valid((0.25, 0.75)), kind.valid((0.25,)), kind.truth("c").reason
    (True, False, 'unknown-class')
    """
    told = line.decision.threshold
    threshold = math.inf if told is None else told  # no finite score reaches it
    if line.kind == "binary":
        return Kind(0.0, 1.0, threshold, NO_PROBABILITY, None, None, learns_labels=True)
    if line.kind == "multiclass":
        best, truth = _best_of(len(line.classes)), _one_of(line.classes)
        return Kind(0.0, 1.0, threshold, NO_PROBABILITY, best, truth, learns_labels=True)
    number = _number if line.kind == "regression" else None
    learns_labels = line.kind == "regression"
    return Kind(-FINITE_MAX, FINITE_MAX, threshold, NO_VALUE, None, number, learns_labels)


def encoders(line: Line, slots: Slots, place: Place) -> tuple[EncodeAnswer, EncodeShadow]:
    """Return what lays out the scores from one source partition."""
    (slot, model), others = slots[0], slots[1:]
    if line.kind == "multiclass":
        classes = line.classes
        return (
            class_answer_encoder(slot, model, place, classes),
            class_shadow_encoder(others, place, classes),
        )
    probable = line.kind == "binary"
    return (
        answer_encoder(slot, model, place, probable=probable),
        shadow_encoder(others, place, probable=probable),
    )


def score_schemas(line: Line) -> tuple[str, str]:
    """Return the names of the schemas of a line's answers and shadow scores."""
    return CLASS_SCORES if line.kind == "multiclass" else SCORES


def _best_of(count: int) -> Best:
    def best(probabilities: Any) -> float:
        if type(probabilities) is not tuple or len(probabilities) != count:
            return math.nan
        # a NaN lies between no bounds, wherever it stands
        fits = all(0.0 <= probability <= 1.0 for probability in probabilities)
        return max(probabilities) if fits else math.nan

    return best


def _one_of(classes: Sequence[str]) -> Truth:
    known = frozenset(classes)

    def truth(label: str) -> str | Rejection:
        if label in known:
            return label
        return Rejection("label", "unknown-class", f"{label[:100]!r} is none of the line's classes")

    return truth


def _number(label: float) -> float | Rejection:
    number = float(label)
    if number - number == 0.0:
        return number
    return Rejection("label", "not-finite", "the label is no finite number")
