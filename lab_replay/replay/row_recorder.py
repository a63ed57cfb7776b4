"""A learner that tells events apart, as rows, and passes on what becomes of each.

Put into a task's slot by `steps` (which writes down the steps of a recorded past) and by what-if
(which keeps answers and labels of a changed one). What comes in is what a task asks of any learner;
what goes out are rows, one for each event that was scored. What must stay true: the task's own
answers are of no use then, so each is one that the task takes; only an event to which the learner
inside has no valid answer gets an invalid one, and with it no row.
"""

import math
from contextlib import suppress
from typing import Any, Protocol

from labline.engine.core.answer_rules import answer_rules
from labline.engine.core.features import Features
from labline.engine.core.line import Line
from labline.engine.core.spec import Learner, LearnFailed
from labline.engine.models.adapters import NO_OPINION


class RowSink(Protocol):
    """What takes the rows."""

    def score(self, features: Features, answer: Any) -> int:
        """Take a new row and return its number; the answer is None where no learner is inside."""

    def learn(self, row: int, features: Features, label: Any) -> None:
        """Take the label of a row, or the correction of one."""


class RowRecorder:
    """Passes on the events that it scores as rows; a label finds the row of its event again.

    A task learns a label with the very object that it scored, and keeps it for as long as the label
    is waited for. So the object's address tells the row.

    Parameters
    ----------
    line : Line
        What the learner inside answers for.
    sink : RowSink
        What takes the rows.
    inner : Learner, optional
        A learner that answers and learns; without one nothing is learned.
    """

    def __init__(self, line: Line, sink: RowSink, inner: Learner | None = None) -> None:
        self._sink, self._inner = sink, inner
        rules, classes = answer_rules(line), len(line.classes)
        self._is_valid, self._learns_events = rules.valid, not rules.learns_labels
        self._neutral: Any = (1.0 / classes,) * classes if classes else NO_OPINION
        self._row_of: dict[int, int] = {}

    def around(self, line: Line, inner: Learner) -> "RowRecorder":
        """Return a recorder of the same rows around another learner, as a promotion puts in.

        A task that keeps its learner goes on with this one, so both must know all rows.
        """
        other = RowRecorder(line, self._sink, inner)
        other._row_of = self._row_of
        return other

    def score(self, features: Features) -> Any:
        """Begin a row; return an answer that the task takes."""
        answer = None
        if self._inner is not None:
            answer = self._inner.score(features)
            if not self._is_valid(answer):
                return math.nan  # no answer, but a dead letter
        self._row_of[id(features)] = self._sink.score(features, answer)
        if self._learns_events and self._inner is not None:
            with suppress(LearnFailed):
                self._inner.learn(features, None)
        return self._neutral

    def learn(self, features: Features, label: Any) -> None:
        """Learn a label, and pass it on; a learner of events learns no label."""
        row = self._row_of.get(id(features))
        if row is not None:
            self._sink.learn(row, features, label)
        if self._inner is not None and not self._learns_events:
            self._inner.learn(features, label)

    def river(self) -> Any:
        """Return the inner learner's model; None: it learns nothing."""
        return None if self._inner is None else self._inner.river()
