"""Candidates: models that walk over the steps of a past, scoring first and learning second."""

import math
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labline.engine.core.features import Features
from labline.engine.core.kinds import KINDS
from labline.engine.core.line import Line
from labline.engine.core.spec import Learner, LearnFailed
from labline.engine.models.learning.learner import cold
from labline.engine.models.recipes.features import inputs_of
from labline.engine.models.state.unpickle import dump
from labline.lab_replay.replay.spill import Column, Spill
from labline.lab_replay.replay.steps import Step

#: From a step's row to which of a candidate's learners it belongs.
Route = Callable[[int], int]


class Candidate:
    """A model over one pass: its learners, and a column of what they answered.

    An event that it has no valid score for would be a dead letter, had it been the champion: so it
    learns no label of it either.

    Parameters
    ----------
    recipe
        Of the model; every learner begins cold.
    learners
        How many: one, or as many as a `route` tells apart.
    spill
        Where its answers go when they are many.
    """

    def __init__(
        self, recipe: str, line: Line, learners: int = 1, spill: Spill | None = None
    ) -> None:
        self._learners: list[Learner] = [
            cold(recipe, line.kind, line.classes, named=True, inputs=inputs_of(line))
            for _ in range(learners)
        ]
        self._width = len(line.classes) or 1
        kind = KINDS[line.kind]
        self._low, self._high = kind.low, kind.high
        self._learns_at_once = not kind.learns_labels
        self._column = Column(spill or Spill())
        self._dead: set[int] = set()
        self.learn_failed = 0
        self.cpu_s = 0.0
        self.stopped_at: int | None = None

    def walk(self, steps: Sequence[Step], route: Route | None = None) -> None:
        """Walk over a block of steps."""
        if self.stopped_at is not None:
            scored = sum(step[3] is None for step in steps)
            self._column.fresh.extend([math.nan] * (scored * self._width))
            self._column.rest()
            return
        started_s = time.thread_time()
        if route is None:
            self._walk(self._learners[0], steps)
        else:
            for step in steps:
                self._walk(self._learners[route(step[1])], (step,))
        self._column.rest()
        self.cpu_s += time.thread_time() - started_s

    def _walk(self, learner: Learner, steps: Iterable[Step]) -> None:
        score, learn, dead = learner.score, learner.learn, self._dead
        append, low, high = self._column.fresh.append, self._low, self._high
        at_once, single = self._learns_at_once, self._width == 1
        for _, row, features, label in steps:
            if label is not None:
                if not at_once and row not in dead:
                    self._learn(learn, features, label)
                continue
            answer: Any
            try:
                answer = score(features)
            except Exception:  # whatever a model raises for an event is the event's own trouble
                answer = math.nan if single else ()
            if single:
                if low <= answer <= high:
                    append(answer)
                else:
                    append(math.nan)
                    dead.add(row)
            else:
                self._add_vector(row, answer)
            if at_once and row not in dead:
                self._learn(learn, features, None)

    def _learn(
        self, learn: Callable[[Features, Any], None], features: Features, label: Any
    ) -> None:
        try:
            learn(features, label)
        except LearnFailed:
            self.learn_failed += 1

    def _add_vector(self, row: int, answer: Sequence[float]) -> None:
        if len(answer) == self._width and all(self._low <= p <= self._high for p in answer):
            self._column.fresh.extend(answer)
        else:
            self._column.fresh.extend([math.nan] * self._width)
            self._dead.add(row)

    def stop(self, labels: int) -> None:
        """Give it up: it answers and learns no more.

        Parameters
        ----------
        labels
            After how many.
        """
        self.stopped_at = labels
        self._learners.clear()

    @property
    def unanswered(self) -> int:
        """Return to how many events it had no valid score."""
        return len(self._dead)

    def scores_of(self, rows: Sequence[int]) -> NDArray[np.float64]:
        """Return what it answered to some events of a pass over one partition."""
        width = self._width
        if width == 1:
            return self._column.at(rows)
        places = [row * width + k for row in rows for k in range(width)]
        return self._column.at(places).reshape(-1, width)

    def scores(self) -> NDArray[np.float64]:
        """Return what it answered, a row an event."""
        flat = self._column.all()
        return flat if self._width == 1 else flat.reshape(-1, self._width)

    def state_bytes(self) -> int | None:
        """Return how large what it learned is; None for what cannot be written down."""
        try:
            return sum(len(dump(learner.river())) for learner in self._learners)
        except (TypeError, ValueError, AttributeError):
            return None
