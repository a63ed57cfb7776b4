"""The champion of a changed past: its answer to each event, and the label that it learns of it."""

import math
from array import array
from contextlib import suppress
from typing import Any

from labline.engine.core.features import Features
from labline.engine.core.kinds import kind_of
from labline.engine.core.line import Line
from labline.engine.core.spec import Learner, LearnFailed

NO_LABEL = math.nan


class Watch:
    """A learner around the champion; each event that it has an answer to is a row.

    A label is learned with the very features that were scored, so the object tells the row: its
    address stays its own for as long as it is waited for. What the task writes down of an answer
    is not looked at: `scores` has it.

    Attributes
    ----------
    width
        Numbers an answer: of several classes one each.
    scores
        The answers, one after another.
    labels
        By row: `NO_LABEL`, 0 or 1, the index of a class, or a value.
    """

    def __init__(self, line: Line, inner: Learner | None) -> None:
        self._inner = inner  # None: what was written is the score
        self._valid, self._classes = kind_of(line).valid, line.classes
        self._places = {name: place for place, name in enumerate(line.classes)}
        self._at_once = not kind_of(line).learns_labels
        self.width = len(line.classes) or 1
        self._nothing: Any = (1.0 / self.width,) * self.width if line.classes else 0.5
        self._row_of: dict[int, int] = {}
        self.scores, self.labels = array("d"), array("d")

    def over(self, line: Line, inner: Learner) -> "Watch":
        """Return the same watch over another learner, as a promotion puts it in place."""
        other = Watch(line, inner)
        other._row_of, other.scores, other.labels = self._row_of, self.scores, self.labels
        return other

    def score(self, features: Features) -> Any:
        """Note the champion's answer; return one that the task takes."""
        answer: Any = self._nothing
        if self._inner is not None:
            answer = self._inner.score(features)
            if not self._valid(answer):
                return math.nan  # no answer, but a dead letter
        self._row_of[id(features)] = len(self.labels)
        self.labels.append(NO_LABEL)
        if self._classes:
            self.scores.extend(answer)
        else:
            self.scores.append(answer)
        if self._at_once and self._inner is not None:
            with suppress(LearnFailed):
                self._inner.learn(features, None)
        return self._nothing

    def learn(self, features: Features, label: Any) -> None:
        """Learn a label, and note it; one of a line that learns events is only noted."""
        row = self._row_of.get(id(features))
        if row is not None:
            self.labels[row] = self._places[label] if self._classes else float(label)
        if self._inner is not None and not self._at_once:
            self._inner.learn(features, label)

    def river(self) -> Any:
        """Return the champion's model."""
        return None if self._inner is None else self._inner.river()
