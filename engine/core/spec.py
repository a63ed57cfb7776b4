"""What a task is made of: models in their slots, under a line's declaration."""

from dataclasses import dataclass
from typing import NamedTuple, Protocol

from engine.core.features import Features
from engine.core.line import Line
from schemas.avro import Schema


class Learner(Protocol):
    """What a slot holds: anything that scores features and learns a label."""

    def score(self, features: Features) -> float:
        """Return the probability of the positive label, before learning it."""

    def learn(self, features: Features, label: bool) -> None:
        """Learn one label."""


class Slot(NamedTuple):
    """A model in its place. `model` is ``name@N`` for a promoted one."""

    slot: str
    model: str
    learner: Learner


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
    """

    line: Line
    revision: int
    inputs: tuple[str, str | None, str]
    event_schema: Schema
    label_schema: Schema | None
    champion: Slot
    others: tuple[Slot, ...] = ()
