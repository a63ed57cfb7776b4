"""The answers of both pasts: the factual one, which was written, and the counterfactual one.

`AnswerLog` collects what the champion of the changed past answers, behind a `RowRecorder`;
`AnswerPairs` sets both pasts side by side, for figures and for a file of differences. What must
stay true: row *n* of every column is the same event, answered in both pasts.
"""

import math
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from labline.engine.core.features import Features
from labline.engine.core.line import Line

Floats: TypeAlias = NDArray[np.float64]
Bools: TypeAlias = NDArray[np.bool_]
Integers: TypeAlias = NDArray[np.int64]

NO_LABEL = math.nan


class AnswerLog:
    """What the champion of a changed past answers, and the label that comes to each event.

    Attributes
    ----------
    width : int
        Numbers in an answer: of several classes one each.
    scores : array of float
        The answers, one after another; empty where none was asked for.
    labels : array of float
        By row: `NO_LABEL`, 0 or 1, the index of a class, or a value.
    """

    def __init__(self, line: Line) -> None:
        self._class_index = {name: index for index, name in enumerate(line.classes)}
        self.width = len(line.classes) or 1
        self.scores, self.labels = array("d"), array("d")

    def score(self, _features: Features, answer: Any) -> int:
        """Note an answer (None: nobody was asked) and return its row."""
        if answer is not None:
            self.scores.extend(answer if self._class_index else (answer,))
        self.labels.append(NO_LABEL)
        return len(self.labels) - 1

    def learn(self, row: int, _features: Features, label: Any) -> None:
        """Note a row's label, or the correction of one."""
        self.labels[row] = self._class_index[label] if self._class_index else float(label)

    def answer(self, row: int) -> list[float]:
        """Return the numbers of a row's answer."""
        return self.scores[row * self.width : (row + 1) * self.width].tolist()


@dataclass(frozen=True)
class AnswerPairs:
    """Events that were answered in both pasts, by column; about 50 bytes each.

    Attributes
    ----------
    factual, counterfactual : array of float
        The scores, as in a `PredictionLog`: of several classes a row for each event.
    factual_yes, counterfactual_yes : array of bool
        The answers.
    label : array of float
        NaN where none came in the counterfactual past.
    time_ms : array of int
        Event time.
    offset : array of int
        Of the event, or of its retry.
    is_retry : array of bool
        Whether it came by the retry topic.
    """

    factual: Floats
    counterfactual: Floats
    factual_yes: Bools
    counterfactual_yes: Bools
    label: Floats
    time_ms: Integers
    offset: Integers
    is_retry: Bools

    def __len__(self) -> int:
        return len(self.factual)

    @property
    def has_label(self) -> Bools:
        """Tell which events have a label."""
        return ~np.isnan(self.label)

    def only(self, mask: Bools) -> Self:
        """Return some of the events."""
        return type(self)(*(getattr(self, column.name)[mask] for column in fields(self)))

    @classmethod
    def together(cls, parts: Sequence[Self]) -> Self:
        """Return those of several partitions as one."""
        columns = (column.name for column in fields(cls))
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in columns))
