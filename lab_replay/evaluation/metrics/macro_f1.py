"""Macro F1: the mean F1 of the classes that were so or were answered."""

import numpy as np

from labline.lab_replay.evaluation.answers import Table
from labline.lab_replay.evaluation.metric import TableMetric


def macro_f1_of(table: Table) -> float | None:
    """Return the mean of the classes' F1; each counts the same.

    Examples
    --------
    >>> macro_f1_of(np.array([[1, 0, 0], [1, 1, 0], [0, 0, 0]]))
    0.6666666666666666
    """
    sides = table.sum(axis=0) + table.sum(axis=1)
    there = sides > 0
    return float((2 * np.diag(table)[there] / sides[there]).mean()) if there.any() else None


METRIC = TableMetric(
    title="macro F1", kinds=("multiclass",), lower_is_better=False, of_table=macro_f1_of
)
