"""Metrics of decisions, from a table of how often each class was answered with each."""

import numpy as np
from numpy.typing import NDArray

from labline.lab_replay.evaluation.losses import Floats, decided

Table = NDArray[np.int64]


def cells(score: Floats, label: Floats, threshold: float) -> tuple[NDArray[np.int64], int]:
    """Return each event's cell in the table, row by row, and how many classes there are."""
    if score.ndim == 1:
        classes, truth = 2, (label != 0).astype(np.int64)
    else:
        classes, truth = score.shape[1], label.astype(np.int64)
    return truth * classes + decided(score, threshold), classes


def table_of(cell: NDArray[np.int64], classes: int) -> Table:
    """Return how often each class (row) was answered with each (column).

    Examples
    --------
    >>> table_of(*cells(np.array([0.9, 0.9, 0.1]), np.array([1.0, 0, 0]), 0.5)).tolist()
    [[1, 1], [0, 1]]
    """
    return np.bincount(cell, minlength=classes * classes).reshape(classes, classes)


def f1_of(table: Table) -> float | None:
    """Return the harmonic mean of precision and recall of yes; None without a yes on either side.

    Examples
    --------
    >>> f1_of(np.array([[1, 1], [0, 1]]))
    0.6666666666666666
    """
    sides = int(table[1].sum() + table[:, 1].sum())
    return 2 * int(table[1, 1]) / sides if sides else None


def macro_f1_of(table: Table) -> float | None:
    """Return the mean F1 of the classes that were so or were answered."""
    sides = table.sum(axis=0) + table.sum(axis=1)
    there = sides > 0
    return float((2 * np.diag(table)[there] / sides[there]).mean()) if there.any() else None


def kappa_of(table: Table) -> float | None:
    """Return Cohen's kappa: accuracy beyond what chance gives; None where chance gives all."""
    events = table.sum()
    if not events:
        return None
    agreed = np.trace(table) / events
    by_chance = float((table.sum(axis=0) / events * (table.sum(axis=1) / events)).sum())
    return None if by_chance >= 1 else float((agreed - by_chance) / (1 - by_chance))
