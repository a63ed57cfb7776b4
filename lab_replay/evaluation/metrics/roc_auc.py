"""ROC AUC: the chance that a positive event outranks a negative one, ties counting half.

Exact: ranks are counted in integers and divided once (river's own counts in bins).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from labline.lab_replay.evaluation.answers import Counts, LabelledAnswers
from labline.lab_replay.evaluation.metric import Metric, Values


@dataclass(frozen=True, kw_only=True)
class RocAuc(Metric):
    """The area under the ROC curve; None where all labels are of one class."""

    def value(self, answers: LabelledAnswers) -> float | None:
        """Return the area over all events.

        Examples
        --------
        >>> METRIC.value(LabelledAnswers(
        ...     np.array([0.1, 0.4, 0.35, 0.8]), np.array([0.0, 0, 1, 1])))
        0.75
        """
        score, label = answers.score, answers.label
        positives = int(np.count_nonzero(label))
        negatives = len(label) - positives
        if not positives or not negatives:
            return None
        order = np.argsort(score)
        ranked = score[order]
        firsts = np.concatenate([[0], np.flatnonzero(ranked[1:] != ranked[:-1]) + 1])
        ends = np.concatenate([firsts[1:], [len(ranked)]])
        yes = np.add.reduceat((label[order] != 0).astype(np.int64), firsts)
        of_positives = int((yes * (firsts + ends + 1)).sum())  # mean ranks of ties, doubled
        return (of_positives - positives * (positives + 1)) / (2 * positives * negatives)

    def cumulative(self, answers: LabelledAnswers, ends: Sequence[int]) -> Values:
        """Return the areas over the events before each of `ends`, which are sorted only once."""
        return [_area(yes, no) for yes, no in answers.counts(ends)]


def _area(yes: Counts, no: Counts) -> float | None:
    """Return the area from how many events of each score are yes and no."""
    positives, negatives = int(yes.sum()), int(no.sum())
    if not positives or not negatives:
        return None
    outranked = int((yes * (2 * np.cumsum(no) - no)).sum())  # ties count once, the others twice
    return outranked / (2 * positives * negatives)


METRIC = RocAuc(
    title="ROC AUC",
    kinds=("binary", "anomaly"),
    lower_is_better=False,
    undefined="all labels are of one class",
)
