"""The kinds of lines: one table, with one row for each kind.

Whoever treats one kind of line otherwise than another looks at its row: the declaration
(`labline.engine.core.line`), the fold (`answer_rules`), score records (`scores`), the lab and the
reports. A row is looked up by the name that a line declares: ``KINDS[line.kind]``. No other module
compares a kind's name, so that a new kind is a new row; tables of what only one room knows of each
kind (its metrics, its river classes) have these names as their keys.
"""

import sys
from collections.abc import Mapping
from enum import Enum
from typing import Final, Literal, NamedTuple, TypeAlias

from labline.schemas.rejection import Rejection

#: Which field of a score record has what a model answered: the probability of yes, one probability
#: for each class, or a number.
ScoreField: TypeAlias = Literal["probability", "probabilities", "value"]

FINITE_MAX: Final = sys.float_info.max
THRESHOLD: Final = 0.5  # of a probability, where the line declares none
CLASSES_MIN, CLASSES_MAX = 2, 100

_NO_PROBABILITY = Rejection("score", "no-probability", "the champion's score is no probability")
_NO_VALUE = Rejection("score", "no-value", "the champion's score is no finite number")


class Truth(Enum):
    """What the label of an event says."""

    YES_NO = "yes or no"
    CLASS = "one of the line's classes"
    NUMBER = "a number"


class ScoreSchemas(NamedTuple):
    """Names of the schemas of a line's answers and of its shadow scores."""

    answer: str
    shadow: str


class LineKind(NamedTuple):
    """A kind of line: all that hangs on it and on nothing else.

    Attributes
    ----------
    name
        What ``kind`` is in a line's declaration.
    low, high
        A valid score lies between them, both included.
    invalid
        Why an event has no answer when the champion's score is not valid.
    score_field
        Where a score record has the score.
    schemas
        Of score records.
    threshold
        From this score on the answer is yes, where the line declares no threshold. None: then the
        answer is never yes.
    truth
        What a label says.
    learns_labels
        Whether models learn from labels; else they learn each event once it was scored.
    baselines
        Names and recipes of what a line is compared with when it declares nothing else.
    """

    name: str
    low: float
    high: float
    invalid: Rejection
    score_field: ScoreField
    schemas: ScoreSchemas
    threshold: float | None
    truth: Truth
    learns_labels: bool
    baselines: tuple[tuple[str, str], ...]

    @property
    def probable(self) -> bool:
        """Whether scores are probabilities; else they are any finite numbers."""
        return self.score_field != "value"

    @property
    def decides(self) -> bool:
        """Whether the answer is a decision, yes or no, about what the label will say.

        Only such answers have costs, a calibration curve and wrong ones of two sorts.
        """
        return self.score_field == "probability"

    @property
    def has_classes(self) -> bool:
        """Whether a score is one probability for each of the line's classes."""
        return self.score_field == "probabilities"

    @property
    def predicts_number(self) -> bool:
        """Whether the score says what number the label will be."""
        return self.truth is Truth.NUMBER


_SCORES = ScoreSchemas("labline.Score", "labline.Shadow")
_CLASS_SCORES = ScoreSchemas("labline.ClassScore", "labline.ClassShadow")

BINARY = LineKind(
    name="binary",
    low=0.0,
    high=1.0,
    invalid=_NO_PROBABILITY,
    score_field="probability",
    schemas=_SCORES,
    threshold=THRESHOLD,
    truth=Truth.YES_NO,
    learns_labels=True,
    baselines=(("base-rate", "BaseRate()"),),
)
MULTICLASS = BINARY._replace(
    name="multiclass",
    score_field="probabilities",
    schemas=_CLASS_SCORES,
    truth=Truth.CLASS,
    baselines=(("class-shares", "ClassShares()"),),
)
REGRESSION = LineKind(
    name="regression",
    low=-FINITE_MAX,
    high=FINITE_MAX,
    invalid=_NO_VALUE,
    score_field="value",
    schemas=_SCORES,
    threshold=None,
    truth=Truth.NUMBER,
    learns_labels=True,
    baselines=(("mean", "MeanValue()"),),
)
ANOMALY = REGRESSION._replace(
    name="anomaly",
    truth=Truth.YES_NO,
    learns_labels=False,
    baselines=(("constant", "ConstantScore()"),),
)

DEFAULT_KIND: Final = BINARY.name  # of a line that does not say its kind
#: The table, by the name that a line declares.
KINDS: Final[Mapping[str, LineKind]] = {
    kind.name: kind for kind in (BINARY, MULTICLASS, REGRESSION, ANOMALY)
}
