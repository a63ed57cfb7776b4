"""Constraints: what a field's value must be beyond its Avro type, prepared once per schema.

They ride in the ``.avsc`` as attributes of a field: ``minimum``, ``maximum``, ``pattern`` (the
whole text), ``max_length`` (characters, or bytes) and ``finite``. They hold for every number and
text in the field's value, through unions, arrays and maps; a record's fields have their own.
"""

import re
import struct
import sys
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

from labline.schemas.shape import AvroType, refused

#: The reason and message of what a value breaks, None when it breaks nothing.
Broken: TypeAlias = tuple[str, str] | None
Check: TypeAlias = Callable[[Any], Broken]

WORDS = ("minimum", "maximum", "pattern", "max_length", "finite")
FLOAT_MAX = 3.4028234663852886e38  # Avro's float has 32 bits; above it lies infinity
DOUBLE_MAX = sys.float_info.max
INT_MAX = 2**31 - 1
LONG_MAX = 2**63 - 1
NUMBERS = frozenset({"int", "long", "float", "double"})
TEXTS = frozenset({"string", "bytes", "fixed", "enum"})


class Limits(NamedTuple):
    """The constraints of one field."""

    minimum: float | None
    maximum: float | None
    fullmatch: Callable[[str], object] | None
    max_length: int | None
    finite: bool
    pattern: str | None

    def bounds(self, kind: str) -> tuple[float, float] | None:
        """Return the smallest and the greatest number that a primitive may be here.

        A NaN lies between no bounds; so finite is what every double must be by default.
        """
        if kind in ("float", "double"):
            most = FLOAT_MAX if kind == "float" else DOUBLE_MAX
            free = (-most, most) if self.finite else (-float("inf"), float("inf"))
        else:  # the decoder lets an int run over its 32 bits
            free = (-INT_MAX - 1, INT_MAX) if kind == "int" else (-LONG_MAX - 1, LONG_MAX)
        low = free[0] if self.minimum is None else max(free[0], self.minimum)
        high = free[1] if self.maximum is None else min(free[1], self.maximum)
        if kind == "float":  # what is rounded to 32 bits must still be within
            low, high = min(low, _as_float(low)), max(high, _as_float(high))
        needless = kind == "long" or (kind in ("float", "double") and not self.finite)
        return None if needless and self.minimum is None and self.maximum is None else (low, high)


def _as_float(number: float) -> float:
    if abs(number) > FLOAT_MAX:
        return number
    rounded: float = struct.unpack("f", struct.pack("f", number))[0]
    return rounded


def read_limits(field: Mapping[str, Any], place: str) -> Limits:
    """Return a field's constraints, or refuse ones that make no sense.

    Examples
    --------
    >>> read_limits({"name": "x", "type": "int", "minimum": 1}, "x").bounds("int")
    (1, 2147483647)
    """
    for word in ("minimum", "maximum"):
        bound = field.get(word)
        if bound is not None and (
            isinstance(bound, bool) or not isinstance(bound, int | float) or bound - bound != 0
        ):
            raise refused(f"{place}: {word} is not a number", "write it without quotes")
    low, high = field.get("minimum"), field.get("maximum")
    if low is not None and high is not None and not low <= high:
        raise refused(f"{place}: minimum is above maximum", "turn them round")
    length, finite = field.get("max_length"), field.get("finite", True)
    if length is not None and (
        isinstance(length, bool) or not isinstance(length, int) or length < 0
    ):
        raise refused(f"{place}: max_length is not a whole number", "for example 64")
    if not isinstance(finite, bool):
        raise refused(f"{place}: finite is true or false", "leave it out for true")
    pattern = field.get("pattern")
    return Limits(low, high, _pattern(pattern, place), length, finite, pattern)


def _pattern(pattern: object, place: str) -> Callable[[str], object] | None:
    if pattern is None:
        return None
    try:
        return re.compile(pattern).fullmatch  # type: ignore[call-overload,no-any-return]
    except (re.error, TypeError, RecursionError, OverflowError) as error:
        raise refused(f"{place}: the pattern is no regular expression", str(error)) from error


def record_check(record: Mapping[str, Any]) -> Check:
    """Return the check of a record that the decoder has already typed.

    Numbers and texts that stand alone or beside null, most fields of most events, are checked
    in two flat loops: a call per field would cost more than decoding it.
    """
    bounds: list[tuple[str, float, float]] = []
    texts: list[tuple[str, int, Callable[[str], object] | None]] = []
    others: list[tuple[str, Check]] = []
    for field in record["fields"]:
        name = field["name"]
        limits = read_limits(field, f"{record['name']}.{name}")
        kinds = _kinds(field["type"])
        single = [kind for kind in kinds if kind != "null"]
        words = [word for word in WORDS if word in field]
        _refuse_misplaced(words, field["type"], f"{record['name']}.{name}")
        if len(single) == 1 and single[0] in NUMBERS:
            if span := limits.bounds(single[0]):
                bounds.append((name, *span))
        elif len(single) == 1 and single[0] == "string":
            if limits.fullmatch or limits.max_length is not None:
                length = limits.max_length if limits.max_length is not None else LONG_MAX
                texts.append((name, length, limits.fullmatch))
        elif check := _value_check(field["type"], limits):
            others.append((name, check))
    return _flat_check(tuple(bounds), tuple(texts), tuple(others))


def _flat_check(
    bounds: tuple[tuple[str, float, float], ...],
    texts: tuple[tuple[str, int, Callable[[str], object] | None], ...],
    others: tuple[tuple[str, Check], ...],
) -> Check:
    def check(datum: Mapping[str, Any]) -> Broken:
        for name, low, high in bounds:
            number = datum[name]
            if number is not None and not low <= number <= high:
                return _number_broken(number, name)
        for name, length, fullmatch in texts:
            text = datum[name]
            if text is not None:
                if len(text) > length:
                    return "too-long", f"{name} is longer than its max_length"
                if fullmatch is not None and fullmatch(text) is None:
                    return "pattern", f"{name} does not fit its pattern"
        for name, inner in others:
            if broken := inner(datum[name]):
                return broken[0], f"{name}: {broken[1]}"
        return None

    return check


def _number_broken(number: float, what: str) -> Broken:
    if number - number != 0:  # NaN and the infinities
        return "not-finite", f"{what} is not a finite number"
    return "out-of-range", f"{what} is outside its range"


def _kinds(avro: AvroType) -> list[str]:
    branches = avro if isinstance(avro, list) else [avro]
    return [branch if isinstance(branch, str) else branch["type"] for branch in branches]


def _refuse_misplaced(words: list[str], avro: AvroType, place: str) -> None:
    """Refuse a constraint that nothing in the field's value could break."""
    inside = _leaves(avro)
    for word in words:
        fit = {"pattern": {"string"}, "max_length": TEXTS - {"enum"}, "finite": {"float", "double"}}
        if not inside & fit.get(word, NUMBERS):
            raise refused(f"{place}: {word} has no meaning for its type", "take it out")


def _leaves(avro: AvroType) -> set[str]:
    if isinstance(avro, list):
        return set().union(*map(_leaves, avro))
    if isinstance(avro, dict) and avro["type"] in ("array", "map"):
        return _leaves(avro["items" if avro["type"] == "array" else "values"])
    return {avro if isinstance(avro, str) else avro["type"]}


def _value_check(avro: AvroType, limits: Limits) -> Check | None:
    """Return the check of one value, None when there is nothing to check."""
    if isinstance(avro, list):
        return _union_check(avro, limits)
    kind = avro if isinstance(avro, str) else avro["type"]
    if kind in NUMBERS:
        span = limits.bounds(kind)
        return _number_check(*span) if span else None
    if kind == "record":
        assert isinstance(avro, dict)
        return record_check(avro)
    if kind in ("array", "map"):
        assert isinstance(avro, dict)
        inner = _value_check(avro["items" if kind == "array" else "values"], limits)
        return _each_check(inner) if inner else None
    if kind in ("string", "bytes", "fixed") and (limits.fullmatch or limits.max_length is not None):
        return _text_check(limits)
    return None


def _number_check(low: float, high: float) -> Check:
    return lambda value: None if low <= value <= high else _number_broken(value, "a number")


def _text_check(limits: Limits) -> Check:
    length = LONG_MAX if limits.max_length is None else limits.max_length

    def check(value: str | bytes) -> Broken:
        if len(value) > length:
            return "too-long", "longer than its max_length"
        if limits.fullmatch and isinstance(value, str) and limits.fullmatch(value) is None:
            return "pattern", "does not fit its pattern"
        return None

    return check


def _each_check(inner: Check) -> Check:
    def check(value: list[Any] | dict[str, Any]) -> Broken:
        for item in value.values() if isinstance(value, dict) else value:
            if broken := inner(item):
                return broken
        return None

    return check


def _union_check(branches: list[AvroType], limits: Limits) -> Check | None:
    """Return the check of a union: the decoded value tells which branch it came from."""
    by_class = _number_checks({_kinds(branch)[0] for branch in branches} & NUMBERS, limits)
    records: dict[frozenset[str], Check] = {}
    for branch in branches:
        check = _value_check(branch, limits)
        kind = _kinds(branch)[0]
        if check is None or kind in NUMBERS:
            continue
        if isinstance(branch, dict) and kind == "record":
            records[frozenset(field["name"] for field in branch["fields"])] = check
        else:
            by_class.setdefault(_CLASSES[kind], check)
    symbols = {symbol for branch in branches for symbol in _symbols(branch)}
    if symbols and str in by_class:
        by_class[str] = _unless(symbols, by_class[str])
    if not by_class and not records:
        return None

    def check_branch(value: object) -> Broken:
        branch_check = by_class.get(type(value))
        if isinstance(value, dict) and records:
            branch_check = records.get(frozenset(value), branch_check)
        return branch_check(value) if branch_check else None

    return check_branch


def _symbols(branch: AvroType) -> list[str]:
    return branch.get("symbols", []) if isinstance(branch, dict) else []


def _unless(symbols: set[str], check: Check) -> Check:
    """Return the check of a text that may also be an enum's symbol."""
    return lambda value: None if value in symbols else check(value)


def _number_checks(kinds: set[str], limits: Limits) -> dict[type, Check]:
    """Return the checks of a union's numbers; a whole number may become its widest one."""
    widest: list[str] = [kind for kind in ("double", "float", "long", "int") if kind in kinds]
    wanted: dict[type, list[str]] = {
        int: widest,
        float: [kind for kind in widest if kind in ("double", "float")],
    }
    spans = {of: limits.bounds(fitting[0]) for of, fitting in wanted.items() if fitting}
    return {of: _number_check(*span) for of, span in spans.items() if span}


_CLASSES: dict[str, type] = {
    "string": str, "bytes": bytes, "fixed": bytes, "array": list, "map": dict,
}  # fmt: skip
