"""Rows of files by their time: as they are where they ascend, else sorted as far as memory goes."""

from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

from lab_replay.files.tables import bad

SORT_MAX_ROWS = 1_000_000

Timed = TypeVar("Timed", bound=tuple[Any, ...])


def in_time_order(
    rows: Iterable[Timed], remedy: str = "sort the file by its time"
) -> Iterator[Timed]:
    """Yield rows, which begin with their times, by time; equal ones as they came.

    Parameters
    ----------
    remedy
        What to do where they are too many.

    Raises
    ------
    LablineError
        ``LL-IMPORT-ORDER`` when they are too many.

    Examples
    --------
    >>> list(in_time_order([(2, "b"), (1, "z"), (1, "a")]))
    [(1, 'z'), (1, 'a'), (2, 'b')]
    """
    kept: list[Timed] = []
    for row in rows:
        if len(kept) == SORT_MAX_ROWS:
            raise bad(
                "ORDER",
                f"more than {SORT_MAX_ROWS:,} rows are not sorted in memory",
                remedy,
            )
        kept.append(row)
    kept.sort(key=lambda row: row[0])
    yield from kept


def is_ascending(times_ms: Iterable[int]) -> bool:
    """Tell whether no time is before one that came earlier.

    Examples
    --------
    >>> is_ascending([1, 1, 3]), is_ascending([2, 1])
    (True, False)
    """
    latest_ms = None
    for time_ms in times_ms:
        if latest_ms is not None and time_ms < latest_ms:
            return False
        latest_ms = time_ms
    return True
