"""What the columns of a file look like: types, gaps, ranges, as every one of their cells tells."""

import math
import re
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

EVENT_TIME = "event_time"  # what the field of an event's time is called: no column's own
CATEGORIES_MAX = 50  # a text with more different values is no category
NAME_MAX = 40
ODD_MAX = 20  # so many cells that are no number are kept of a column
#: What stands for no value in a CSV, which has no other way to say so.
MISSING_WORDS = frozenset({"", "NA", "N/A", "n/a", "NaN", "nan", "NULL", "null", "None"})
LONG_MAX = 2**63 - 1

_INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,18})")


class Column(NamedTuple):
    """A column as far as its cells tell.

    Attributes
    ----------
    header
        Its name in the file.
    name
        What its field is called.
    kind
        ``long``, ``double``, ``boolean`` or ``string``.
    missing
        The texts that stand for no value in it.
    low, high
        The smallest and greatest number.
    longest
        Characters of its longest text.
    values
        How often which value is there; None when there are more than a category has.
    pattern
        What every value looks like; None when they differ.
    numbers, odd
        How many cells are numbers, and the first that are none: what keeps it from being a number.
    gaps
        How often which of `missing` is there.
    """

    header: str
    name: str
    kind: str
    missing: tuple[str, ...]
    low: float | None
    high: float | None
    longest: int
    values: dict[str, int] | None
    pattern: str | None
    numbers: int = 0
    odd: tuple[str, ...] = ()
    gaps: tuple[int, ...] = ()

    @property
    def categorical(self) -> bool:
        """Whether its values are few and come again, so that each can have a weight."""
        few = self.values is not None and len(self.values) >= 2
        return few and self.kind in ("string", "boolean") and max(self._counts) > 1

    @property
    def numeric(self) -> bool:
        """Whether it is a number that is not always the same."""
        return self.kind in ("long", "double") and self.low != self.high

    @property
    def _counts(self) -> list[int]:
        return list((self.values or {}).values())


class Seen:
    """Takes a column's cells one by one.

    Parameters
    ----------
    missing
        The texts that stand for no value.

    Examples
    --------
    >>> seen = Seen("Wind speed (km/h)")
    >>> for cell in ("12", "NA", "7.5"):
    ...     seen.add(cell)
    >>> column = seen.column("wind_speed_km_h")
    >>> column.kind, column.missing, column.low, column.high
    ('double', ('NA',), 7.5, 12.0)
    """

    def __init__(self, header: str, missing: frozenset[str] = MISSING_WORDS) -> None:
        self.header = header
        self._words = missing
        self._missing: Counter[str] = Counter()
        self._whole = self._number = self._truth = True
        self._numbers, self._odd = 0, list[str]()
        self._low, self._high = math.inf, -math.inf
        self._longest = 0
        self._values: Counter[str] | None = Counter()
        self._shape: str | None = None
        self._one_shape = True

    def add(self, cell: str) -> None:
        """Take a cell."""
        if cell in self._words:
            self._missing[cell] += 1
            return
        self._longest = max(self._longest, len(cell))
        if self._values is not None:
            self._values[cell] += 1
            if len(self._values) > CATEGORIES_MAX:
                self._values = None
        self._truth = self._truth and cell.lower() in ("true", "false")
        if len(self._odd) < ODD_MAX:
            self._add_number(cell)
        if self._one_shape:
            shape = _shape(cell)
            self._one_shape = self._shape in (None, shape)
            self._shape = shape

    def _add_number(self, cell: str) -> None:
        try:
            number = float(cell)
        except ValueError:
            number = math.nan
        # a number that begins with 0 is a code: as a number it would lose it
        code = re.match(r"-?0[0-9]", cell) is not None or "_" in cell
        if not math.isfinite(number) or code:
            self._number = False
            self._odd.append(cell)
            return
        self._numbers += 1
        self._whole = self._whole and _INTEGER.fullmatch(cell) is not None
        self._low, self._high = min(self._low, number), max(self._high, number)

    def column(self, name: str) -> Column:
        """Return what the cells have shown."""
        empty = self._longest == 0
        whole = self._whole and self._low >= -LONG_MAX and self._high <= LONG_MAX
        if self._truth and not empty:
            kind = "boolean"
        elif self._number and not empty:
            kind = "long" if whole else "double"
        else:
            kind = "string"
        number = kind in ("long", "double")
        cast = int if kind == "long" else float
        return Column(
            header=self.header,
            name=name,
            kind=kind,
            missing=tuple(sorted(self._missing)),
            low=cast(self._low) if number else None,
            high=cast(self._high) if number else None,
            longest=self._longest,
            values=None if self._values is None else dict(self._values),
            pattern=self._shape if self._one_shape and kind == "string" else None,
            numbers=self._numbers,
            odd=tuple(self._odd),
            gaps=tuple(self._missing[word] for word in sorted(self._missing)),
        )


def field_names(headers: list[str], reserved: Iterable[str] = ()) -> list[str]:
    """Return a plain name of its own for each column, none of them reserved.

    Examples
    --------
    >>> field_names(["Culmen Length (mm)", "culmen length (mm)", "", "2nd"])
    ['culmen_length_mm', 'culmen_length_mm_2', 'column_3', 'c_2nd']
    """
    names = list(reserved)
    given = len(names)
    for place, header in enumerate(headers, start=1):
        if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", header) and len(header) <= NAME_MAX:
            plain = header
        else:
            plain = re.sub(r"[^a-z0-9]+", "_", header.lower()).strip("_")[:NAME_MAX]
        plain = plain or f"column_{place}"
        plain = f"c_{plain}" if plain[0].isdigit() else plain
        names.append(free_name(plain, names))
    return names[given:]


def free_name(wanted: str, taken: list[str]) -> str:
    """Return `wanted`, with a number behind it when it is taken.

    Examples
    --------
    >>> free_name("id", ["id", "id_2"])
    'id_3'
    """
    name, number = wanted, 1
    while name in taken:
        number += 1
        name = f"{wanted}_{number}"
    return name


def _shape(cell: str) -> str | None:
    """Return a pattern of what a text looks like; None for one that is free text."""
    runs = re.findall(r"[0-9]+|[A-Z]+|[a-z]+|[^0-9A-Za-z]", cell)
    if len(cell) > NAME_MAX or not cell.isascii() or not cell.isprintable():
        return None
    classes = {"digit": "[0-9]", "upper": "[A-Z]", "lower": "[a-z]"}
    out = []
    for run in runs:
        if not run.isalnum():
            out.append(run if run == " " else re.escape(run))
            continue
        kind = "digit" if run.isdigit() else "upper" if run.isupper() else "lower"
        out.append(classes[kind] + (f"{{{len(run)}}}" if len(run) > 1 else ""))
    return "".join(out)
