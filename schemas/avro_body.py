"""Bodies of Avro values as records: fastavro decides what is right, compiled code is faster.

`labline.schemas.avro` makes one decoder for each pair of a writer's and a reader's schema. Bytes
that are no record give a `Rejection`; nothing here raises, whatever the bytes.
"""

import struct
from collections.abc import Callable, Mapping
from io import BytesIO
from typing import Any, TypeAlias

from fastavro import schemaless_reader
from fastavro.read import SchemaResolutionError

from labline.schemas.constraints import Check
from labline.schemas.rejection import (
    CANNOT_RESOLVE,
    TRAILING,
    TRUNCATED,
    UNREADABLE,
    Rejection,
)
from labline.schemas.shape import expand

#: All that fastavro's reader raises for bytes that are not what the schema says, beside EOFError;
#: UnicodeDecodeError is a ValueError, IndexError a LookupError.
_UNREADABLE = (
    ValueError,
    LookupError,
    ArithmeticError,
    TypeError,
    AttributeError,
    AssertionError,
    MemoryError,
    RecursionError,
    struct.error,
)


#: A value and where its body begins -> the record, or why there is none.
DecodeBody: TypeAlias = Callable[[bytes, int], dict[str, Any] | Rejection]


def slow_decoder(written: Any, wanted: Any, check: Check) -> DecodeBody:
    """Return what reads bodies by fastavro.

    A closure, because it is a hot path: names are looked up once, not 30,000 times a second.

    Parameters
    ----------
    written, wanted
        The writer's and the reader's schema as fastavro keeps them; None: nothing is to resolve.
    check
        Of the reader's constraints.
    """

    def decode(value: bytes, start: int) -> dict[str, Any] | Rejection:
        size = len(value)
        source = BytesIO(value)
        source.seek(start)
        try:
            datum: Any = schemaless_reader(source, written, wanted)
        except EOFError:
            return TRUNCATED
        except SchemaResolutionError:
            return CANNOT_RESOLVE
        except _UNREADABLE:
            # a number cut short is an IndexError too, with nothing left to read
            return TRUNCATED if source.tell() == size else UNREADABLE
        if source.tell() != size:
            return TRAILING
        try:
            broken = check(datum)
        except (LookupError, TypeError):  # the reader's own default is no value of its field
            return CANNOT_RESOLVE
        if broken is None:
            return datum  # type: ignore[no-any-return]
        return Rejection("constraints", *broken)

    return decode


def compiled_at_first_use(document: Mapping[str, Any], slow: DecodeBody) -> DecodeBody:
    """Return the compiled decoder of a schema; most schemas of a process never decode."""
    compiled: DecodeBody | None = None

    def decode(value: bytes, start: int) -> dict[str, Any] | Rejection:
        nonlocal compiled
        if compiled is None:
            from labline.schemas.decoder import compile_decoder

            compiled = compile_decoder(expand(document), slow)
        return compiled(value, start)

    return decode
