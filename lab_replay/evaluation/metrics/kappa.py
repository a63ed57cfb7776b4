"""Cohen's kappa: accuracy beyond what chance gives; none where chance gives all."""

import numpy as np

from labline.lab_replay.evaluation.answers import Table
from labline.lab_replay.evaluation.metric import TableMetric


def kappa_of(table: Table) -> float | None:
    """Return Cohen's kappa.

    Examples
    --------
    >>> kappa_of(np.array([[2, 1], [0, 1]]))
    0.5
    """
    events = table.sum()
    if not events:
        return None
    agreed = np.trace(table) / events
    by_chance = float((table.sum(axis=0) / events * (table.sum(axis=1) / events)).sum())
    return None if by_chance >= 1 else float((agreed - by_chance) / (1 - by_chance))


METRIC = TableMetric(
    title="kappa",
    kinds=("binary", "multiclass"),
    lower_is_better=False,
    of_table=kappa_of,
    undefined="labels and answers are all of one class",
)
