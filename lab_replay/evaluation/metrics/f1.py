"""F1: the harmonic mean of precision and recall of yes; none without a yes on either side."""

from labline.lab_replay.evaluation.answers import Table
from labline.lab_replay.evaluation.metric import TableMetric


def f1_of(table: Table) -> float | None:
    """Return F1 of yes, which is the second row and column.

    Examples
    --------
    >>> import numpy as np
    >>> f1_of(np.array([[1, 1], [0, 1]]))
    0.6666666666666666
    """
    sides = int(table[1].sum() + table[:, 1].sum())
    return 2 * int(table[1, 1]) / sides if sides else None


METRIC = TableMetric(
    title="F1",
    kinds=("binary",),
    lower_is_better=False,
    of_table=f1_of,
    undefined="neither a label nor an answer is yes",
)
