"""R²: the share of the labels' variance that is explained; none where they do not vary."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from labline.lab_replay.evaluation.answers import LabelledAnswers, pieces
from labline.lab_replay.evaluation.metric import Metric, Values


@dataclass(frozen=True, kw_only=True)
class ExplainedVariance(Metric):
    """One less the squared errors' share of the labels' spread.

    Labels count as distances from the first one: far from zero, differences of means would lose
    digits, and the mean of equal labels may be off in the last one.
    """

    def value(self, answers: LabelledAnswers) -> float | None:
        """Return the share over all events."""
        label = answers.label
        near = label - label[:1]
        total = float(np.square(near - near.mean()).sum()) if len(label) else 0.0
        missed = float(np.square(answers.score - label).sum())
        return 1.0 - missed / total if total else None

    def cumulative(self, answers: LabelledAnswers, ends: Sequence[int]) -> Values:
        """Return the running shares; spreads are joined as Chan, Golub and LeVeque do."""
        count, mean, spread, missed = 0, 0.0, 0.0, 0.0
        values: Values = []
        near = answers.label - answers.label[:1]
        for piece in pieces(ends):
            part = near[piece]
            if len(part):
                missed += float(np.square(answers.score[piece] - answers.label[piece]).sum())
                off = float(part.mean()) - mean
                joined = count + len(part)
                spread += float(np.square(part - part.mean()).sum())
                spread += off * off * count * len(part) / joined
                mean += off * len(part) / joined
                count = joined
            values.append(1.0 - missed / spread if spread else None)
        return values


METRIC = ExplainedVariance(
    title="R²",
    kinds=("regression",),
    lower_is_better=False,
    undefined="the labels are all the same, or errors are beyond all numbers",
)
