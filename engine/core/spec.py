"""What a task is made of: models in their slots, under a line's declaration."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from labline.engine.core.features import Features
from labline.engine.core.line import Line
from labline.schemas.avro import Schema
from labline.schemas.values.value_format import Heads


class LearnFailed(Exception):  # noqa: N818  # a fact about a label, counted
    """A model raised while it learned; it is as it was before."""


class Learner(Protocol):
    """What a slot holds: anything that scores features and learns a label."""

    def score(self, features: Features) -> Any:
        """Return what the line's kind asks for.

        Binary: the probability of yes. Multiclass: a tuple, one for each class in their order.
        Regression: the value. Anomaly: how odd the event is.
        """

    def learn(self, features: Features, label: Any) -> None:
        """Learn one label, of an anomaly line (None) the event.

        Raises `LearnFailed` when that left no trace.
        """

    def river(self) -> Any:
        """Return the model with all that it has learned, as a snapshot keeps it."""


class Slot(NamedTuple):
    """A model in its place. `model` is ``name@N`` for a promoted one.

    What it has learned is its own as long as place, name and recipe stay: a baseline's name may
    get another recipe.
    """

    slot: str
    model: str
    learner: Learner
    recipe: str = ""

    @property
    def identity(self) -> tuple[str, str, str]:
        """Return what tells it from every other."""
        return self.slot, self.model, self.recipe


@dataclass(frozen=True)
class Spec:
    """All that a task's behaviour depends on, beside its journal and inputs.

    Attributes
    ----------
    revision
        Offset on the control topic of the configuration in force.
    inputs
        Topics of events, labels (None: the line has none) and retries.
    champion
        Its score is the answer.
    others
        Score and learn beside it, to the shadow topic.
    writers
        By frame head, schemas that records may be written with beside those they are read as.
    """

    line: Line
    revision: int
    inputs: tuple[str, str | None, str]
    event_schema: Schema
    label_schema: Schema | None
    champion: Slot
    others: tuple[Slot, ...] = ()
    writers: Heads = field(default_factory=dict)
