"""Why a column is no feature, or not the one that a person expects."""

import re
from collections.abc import Iterable

from labline.engine.tables.columns import CATEGORIES_MAX, Column

_THOUSANDS = re.compile(r"-?[1-9][0-9]{0,2}([ ,'_.\u00a0\u202f][0-9]{3})+([.,][0-9]+)?")
_COMMA = re.compile(r"-?([0-9]+|[0-9]{1,3}([. '\u00a0\u202f][0-9]{3})+),[0-9]+")
_NOT_FINITE = re.compile(r"[+-]?(inf|infinity|nan)", re.IGNORECASE)
_CODE = re.compile(r"-?0[0-9]+")


def no_number(column: Column) -> str | None:
    """Return what keeps a text from being the number that it nearly is; None: it is not near one.

    Examples
    --------
    >>> from labline.engine.tables.columns import Seen
    >>> def reason(*cells):
    ...     seen = Seen("x")
    ...     for cell in cells:
    ...         seen.add(cell)
    ...     return no_number(seen.column("x"))
    >>> reason("1,5", "2,25"), reason("1,234", "999")
    ("numbers with a decimal comma, such as '1,5'", "thousands with a sign between, as in '1,234'")
    >>> reason("1.5", "inf", "2"), reason('{"a": 1}')
    ("numbers but for 'inf'", 'objects or lists')
    >>> reason("rain", "sun"), reason("1", "2")
    (None, None)
    """
    odd = column.odd
    if column.kind != "string" or not odd:
        return None
    if all(cell[0] in "{[" for cell in odd):
        return "objects or lists"
    if all(_THOUSANDS.fullmatch(cell) for cell in odd):
        return f"thousands with a sign between, as in {odd[0]!r}"
    if all(_COMMA.fullmatch(cell) for cell in odd):
        return f"numbers with a decimal comma, such as {odd[0]!r}"
    if all(_CODE.fullmatch(cell) for cell in odd):
        return f"codes that begin with 0, such as {odd[0]!r}"
    if all(_NOT_FINITE.fullmatch(cell) for cell in odd) or column.numbers > len(odd):
        cells = ", ".join(repr(cell[:20]) for cell in dict.fromkeys(odd[:3]))
        return f"numbers but for {cells}"
    return None


def why_unused(column: Column) -> str:
    """Return why a column is no feature.

    Examples
    --------
    >>> from labline.engine.tables.columns import Seen
    >>> why_unused(Seen("x").column("x"))
    'empty'
    """
    if not column.longest:
        return "empty"
    if (why := no_number(column)) is not None:
        return why
    if column.values is None:
        return f"text with more than {CATEGORIES_MAX} different values"
    if len(column.values) == 1:
        return "always the same"
    return "no value comes again"


def to_mend(columns: Iterable[Column]) -> list[str]:
    """Return which columns are taken as text though they look like something else."""
    reasons = ((column.header, no_number(column)) for column in columns)
    return [f"{header} is taken as text: {why}" for header, why in reasons if why is not None]
