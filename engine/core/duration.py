"""Durations as people write them: ``5s``, ``36h``, ``2d``."""

import re
from typing import Annotated

from pydantic import AfterValidator

UNITS_MS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
DURATION_MAX_MS = 100 * 366 * UNITS_MS["d"]  # a century: more is a slip of the hand

_PATTERN = re.compile(r"([0-9]{1,13})(ms|s|m|h|d|w)")


def parse_duration_ms(text: str) -> int:
    """Return the milliseconds of a duration: a whole number and a unit.

    Raises
    ------
    ValueError
        For any other text, for zero, and for more than a century.

    Examples
    --------
    >>> parse_duration_ms("2d"), parse_duration_ms("5s"), parse_duration_ms("250ms")
    (172800000, 5000, 250)
    >>> parse_duration_ms("2 days")
    Traceback (most recent call last):
    ...
    ValueError: a duration is a whole number and one of ms, s, m, h, d, w, such as 36h
    """
    match = _PATTERN.fullmatch(text)
    if match is None:
        units = ", ".join(UNITS_MS)
        raise ValueError(f"a duration is a whole number and one of {units}, such as 36h")
    duration_ms = int(match[1]) * UNITS_MS[match[2]]
    if not 0 < duration_ms <= DURATION_MAX_MS:
        raise ValueError("a duration is more than nothing and at most a century")
    return duration_ms


def _check(text: str) -> str:
    parse_duration_ms(text)
    return text


#: A field of a declaration that holds a duration; the text is kept as it was written.
Duration = Annotated[str, AfterValidator(_check)]
