"""What a proposal is for: a line that people declare and keep, or one replay of a file."""

from typing import NamedTuple


class Scope(NamedTuple):
    """How much of a file a proposal takes.

    Attributes
    ----------
    needs_label
        Whether a line without a label is of no use, unless it looks for anomalies.
    every_row
        Whether a row that cannot be taken is an error; else publishing will reject it.
    every_column
        Whether events have a field for each column; else for each feature.
    varied
        Whether only columns whose values differ, and come again, are features.
    features_max
        At most so many numbers, and so many texts, are features; None: all.
    clock
        Whether the hour and the weekday of the event time are features.
    """

    needs_label: bool
    every_row: bool
    every_column: bool
    varied: bool
    features_max: int | None
    clock: bool


#: People read what is declared, and take out what they do not want.
DECLARATION = Scope(
    needs_label=False, every_row=False, every_column=True, varied=True, features_max=60, clock=True
)
#: A replay sees what the file's columns say, and no more, as river would: figures are the same.
REPLAY = Scope(
    needs_label=True,
    every_row=True,
    every_column=False,
    varied=False,
    features_max=None,
    clock=False,
)
