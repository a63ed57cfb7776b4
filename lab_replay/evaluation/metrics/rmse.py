"""RMSE: the root of the mean squared error."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from labline.lab_replay.evaluation.answers import LabelledAnswers
from labline.lab_replay.evaluation.losses import Floats
from labline.lab_replay.evaluation.metric import Metric, Values, mean, running_means


@dataclass(frozen=True, kw_only=True)
class RootMeanSquaredError(Metric):
    """The root of the mean squared error; no mean itself, so a what-if has no interval for it."""

    def value(self, answers: LabelledAnswers) -> float | None:
        """Return the root over all events."""
        squared = mean(_squares(answers))
        return None if squared is None else float(np.sqrt(squared))

    def cumulative(self, answers: LabelledAnswers, ends: Sequence[int]) -> Values:
        """Return the roots of the running means."""
        means = running_means(_squares(answers), ends)
        return [None if squared is None else squared**0.5 for squared in means]


def _squares(answers: LabelledAnswers) -> Floats:
    return np.square(answers.score - answers.label)


METRIC = RootMeanSquaredError(title="RMSE", kinds=("regression",), lower_is_better=True)
