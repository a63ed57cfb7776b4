"""A CSV's lines as cells.

Whoever reads a CSV comes here: tables of files, ``labline publish``, standard input. In come lines
with their ends, out come cells with line numbers. No line is lost: one that is not CSV comes out as
its text, and the lines behind it are read all the same.
"""

import csv
import re
from collections import deque
from collections.abc import Iterable, Iterator

BYTE_ORDER_MARK = "\ufeff"
SEPARATORS = ",;\t"
SEPARATORS_IN_WORDS = "comma, semicolon or tab"
_QUOTED = re.compile(r'"[^"]*"')
_DECLARED_SEPARATOR = re.compile(r"sep=(.)\r?\n?", re.IGNORECASE)  # as Excel writes it


def csv_table(lines: Iterable[str]) -> Iterator[tuple[int, list[str] | str]]:
    r"""Yield line numbers and cells of a CSV; the text of a line that is not CSV.

    Its first line that is not blank tells what stands between the cells: comma, semicolon or tab,
    whichever is there most often outside of quotes, or what a line such as ``sep=|`` says. A quote
    that is never closed spoils the line in which it opens, and no other.

    Examples
    --------
    >>> list(csv_table(["a;b\n", "1;2,5\n", "\n", '"x\n', "3;4\n"]))
    [(1, ['a', 'b']), (2, ['1', '2,5']), (4, '"x'), (5, ['3', '4'])]
    >>> list(csv_table(["\n", "a;b\n"]))
    [(2, ['a', 'b'])]
    >>> list(csv_table(["id, x\n", "1, NA\n"]))
    [(1, ['id', 'x']), (2, ['1', 'NA'])]
    """
    source = _Lines(lines)
    first = next(source, "").removeprefix(BYTE_ORDER_MARK)
    while first.isspace() and (line := next(source, None)) is not None:
        first = line
    declared = _DECLARED_SEPARATOR.fullmatch(first)
    if declared is not None:
        first = next(source, "")
    separator = declared[1] if declared else _separator(first)
    bare = _QUOTED.sub("", first)
    blanks = separator != " " and 0 < bare.count(separator) == bare.count(f"{separator} ")
    reader = csv.reader(source, delimiter=separator, strict=True, skipinitialspace=blanks)
    source.read_again([(source.number, first)])
    while True:
        source.record.clear()
        try:
            cells = next(reader, None)
        except csv.Error:
            (number, text), *rest = source.record
            source.read_again(rest)
            yield number, text.rstrip("\r\n")
            continue
        if cells is None:
            return
        if cells:
            yield source.number, cells


def _separator(first: str) -> str:
    return max(SEPARATORS, key=_QUOTED.sub("", first).count)


class _Lines:
    """Gives lines to csv's reader; those that a broken record swallowed are given once more.

    Attributes
    ----------
    record
        The numbered lines of the record that is being read.
    """

    def __init__(self, lines: Iterable[str]) -> None:
        self._source = enumerate(lines, start=1)
        self._again = deque[tuple[int, str]]()
        self.record: list[tuple[int, str]] = []
        self.number = 0

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        numbered = self._again.popleft() if self._again else next(self._source)
        self.record.append(numbered)
        self.number, line = numbered
        return line

    def read_again(self, numbered: list[tuple[int, str]]) -> None:
        """Give these lines before all others."""
        self._again.extendleft(reversed(numbered))
