"""Rows of files by their time: as they are where they ascend, else sorted as far as memory goes."""

from collections.abc import Iterable, Iterator
from heapq import heappop, heappush
from typing import Any, TypeVar

from labline.engine.errors import LablineError

SORT_MAX_ROWS = 1_000_000

Timed = TypeVar("Timed", bound=tuple[Any, ...])


SORT_REMEDY = "sort the file by its time"


def in_time_order(
    rows: Iterable[Timed], remedy: str = SORT_REMEDY, code: str = "LL-IMPORT-ORDER"
) -> Iterator[Timed]:
    """Yield rows, which begin with their times, by time; equal ones as they came.

    Parameters
    ----------
    remedy, code
        What to do where they are too many, and what that error is called.

    Raises
    ------
    LablineError
        `code` when they are more than `SORT_MAX_ROWS`.

    Examples
    --------
    >>> list(in_time_order([(2, "b"), (1, "z"), (1, "a")]))
    [(1, 'z'), (1, 'a'), (2, 'b')]
    """
    kept: list[Timed] = []
    for row in rows:
        if len(kept) == SORT_MAX_ROWS:
            raise _too_many(remedy, code)
        kept.append(row)
    kept.sort(key=lambda row: row[0])
    yield from kept


def as_due(rows: Iterable[tuple[int, Timed]], remedy: str = SORT_REMEDY) -> Iterator[Timed]:
    """Yield rows, each known at a time and due then or later, by the times when they are due.

    They are what `in_time_order` gives; in memory are only those that are waited for.

    Parameters
    ----------
    rows
        When each is known, in order, and the row, which begins with when it is due.

    Raises
    ------
    LablineError
        ``LL-IMPORT-ORDER`` when too many are waited for at once.

    Examples
    --------
    >>> list(as_due([(1, (9, "a")), (2, (3, "b")), (4, (4, "c"))]))
    [(3, 'b'), (4, 'c'), (9, 'a')]
    """
    waiting: list[tuple[int, int, Timed]] = []
    for number, (known_ms, row) in enumerate(rows):
        while waiting and waiting[0][0] < known_ms:
            yield heappop(waiting)[2]
        if len(waiting) == SORT_MAX_ROWS:
            raise _too_many(remedy, "LL-IMPORT-ORDER")
        heappush(waiting, (row[0], number, row))
    while waiting:
        yield heappop(waiting)[2]


def _too_many(remedy: str, code: str) -> LablineError:
    return LablineError(code, f"more than {SORT_MAX_ROWS:,} rows are not sorted in memory", remedy)
