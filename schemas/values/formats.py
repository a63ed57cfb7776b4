"""The formats that there are, by name: a module of this package with a `FORMAT` is one."""

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from labline.engine.errors import LablineError
from labline.schemas import values
from labline.schemas.avro import Schema
from labline.schemas.values.value_format import NO_WRITERS, Heads, ValueFormat, ValueReader


@cache
def value_formats() -> Mapping[str, ValueFormat]:
    """Return every format by its name.

    Examples
    --------
    >>> value_formats()["avro"].in_registry
    True
    """
    modules = [
        import_module(f"{values.__name__}.{each.name}") for each in iter_modules(values.__path__)
    ]
    formats = [module.FORMAT for module in modules if hasattr(module, "FORMAT")]
    return {each.name: each for each in formats}


def format_of(schema: Schema) -> ValueFormat:
    r"""Return the format that values of a schema are written in.

    Raises
    ------
    LablineError
        ``LL-SCHEMA-REFUSED`` for one that this version does not know.

    Examples
    --------
    >>> schema = Schema.parse({"type": "record", "name": "R", "fields": [
    ...     {"name": "x", "type": "int"}]})
    >>> format_of(schema).head(schema, 7)
    b'\x00\x00\x00\x00\x07'
    """
    known = value_formats()
    if schema.value_format not in known:
        raise LablineError(
            "LL-SCHEMA-REFUSED",
            f"values of {schema.name} are in the format {schema.value_format!r}, "
            "which this version of labline does not know",
            f"upgrade labline, or name one of {', '.join(sorted(known))}",
        )
    return known[schema.value_format]


def reader_of(schema: Schema, writers: Heads = NO_WRITERS) -> ValueReader:
    """Return what reads values of a topic as records of its schema, whichever version wrote them.

    Examples
    --------
    >>> schema = Schema.parse({"type": "record", "name": "R", "fields": [
    ...     {"name": "x", "type": "int"}]})
    >>> reader_of(schema).decode(schema.encode({"x": 1}))
    {'x': 1}
    """
    return format_of(schema).reader(schema, writers)
