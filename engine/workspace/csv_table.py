"""A CSV's lines as cells, what is not CSV kept with its line."""

import csv
from collections.abc import Iterable, Iterator

BYTE_ORDER_MARK = "\ufeff"


def csv_table(lines: Iterable[str]) -> Iterator[tuple[int, list[str] | None]]:
    r"""Yield line numbers and cells of a CSV, None for a line that is not CSV.

    Its first line that is not blank tells what stands between the cells: comma, semicolon or tab.

    Examples
    --------
    >>> list(csv_table(["a;b\n", "1;2,5\n", "\n", '"x\n']))
    [(1, ['a', 'b']), (2, ['1', '2,5']), (4, None)]
    >>> list(csv_table(["\n", "a;b\n"]))
    [(2, ['a', 'b'])]
    """
    number = 0
    source = iter(lines)
    first, skipped = next(source, "").removeprefix(BYTE_ORDER_MARK), 0
    while first.isspace() and (line := next(source, None)) is not None:
        first, skipped = line, skipped + 1

    def counted() -> Iterator[str]:
        nonlocal number  # csv's own count stands still at a line that it cannot read
        number = skipped + 1
        yield first
        for number, line in enumerate(source, start=skipped + 2):  # noqa: B007  # read below
            yield line

    reader = csv.reader(counted(), delimiter=max(",;\t", key=first.count), strict=True)
    while True:
        try:
            cells = next(reader, None)
        except csv.Error:
            yield number, None
            continue
        if cells is None:
            return
        if cells:
            yield number, cells
