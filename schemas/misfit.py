"""Whether a record has its schema's fields and types, and if not, which field it is about.

The slow path of encoding asks; fastavro decides. A message names fields and never quotes a
value.
"""

from collections.abc import Mapping
from typing import Any

from fastavro.validation import ValidationError, validate


def fits(datum: object, parsed: Any) -> bool:  # as fastavro keeps it
    """Tell whether a datum has no value of another type than the schema's, and lacks none."""
    return bool(_validate(datum, parsed, raise_errors=False))


def misfit(datum: object, parsed: Any) -> str:
    """Return what is wrong with a datum that does not fit, without quoting a value.

    Examples
    --------
    >>> from fastavro import parse_schema
    >>> parsed = parse_schema({"type": "record", "name": "R", "fields": [
    ...     {"name": "x", "type": "int"}]})
    >>> misfit({}, parsed), misfit({"x": "1"}, parsed), misfit({"x": 1, "y": 2}, parsed)
    ('x is missing', 'x is of another type', "'y' is not in the schema")
    """
    if not isinstance(datum, Mapping):
        return "the record is no mapping of names to values"
    names = [field["name"] for field in parsed["fields"]]
    for name in names:
        if name not in datum:
            return f"{name} is missing"
    for name in datum:
        if name not in names:
            return f"{name!a:.60} is not in the schema"
    try:
        _validate(datum, parsed, raise_errors=True)
    except ValidationError as error:
        place = error.errors[0].field.removeprefix(f"{parsed['name']}.")
        return f"{place} is of another type"
    return "a field is missing, unknown or of another type"  # in a record inside


def _validate(datum: object, parsed: Any, *, raise_errors: bool) -> object:
    return validate(  # type: ignore[call-arg]  # missing in fastavro's types only
        datum, parsed, raise_errors=raise_errors, strict=True, disable_tuple_notation=True
    )
