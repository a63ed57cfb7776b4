"""Avro values: a schema that encodes what is right and decodes any bytes without ever raising.

Framing is Avro's single-object encoding: ``C3 01``, the schema's fingerprint, the body.
"""

import copy
import json
import struct
from collections.abc import Callable, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any, TypeAlias

from fastavro import parse_schema, schemaless_reader, schemaless_writer
from fastavro.read import SchemaResolutionError
from fastavro.schema import (
    SchemaParseException,
    UnknownType,
    fingerprint,
    to_parsing_canonical_form,
)

from labline.engine.errors import LablineError
from labline.schemas.constraints import record_check
from labline.schemas.misfit import fits, misfit
from labline.schemas.rejection import (
    CANNOT_RESOLVE,
    EMPTY,
    MISTYPED,
    OTHER_SCHEMA,
    PAYLOAD_MAX_BYTES,
    TOO_LARGE,
    TRAILING,
    TRUNCATED,
    UNKNOWN_FRAMING,
    UNREADABLE,
    Rejection,
    SchemaViolation,
)
from labline.schemas.shape import expand, refused

SINGLE_OBJECT_MARKER = b"\xc3\x01"
HEAD_BYTES = 10  # marker and fingerprint

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
DecodeBody: TypeAlias = "Callable[[bytes, int], dict[str, Any] | Rejection]"


class Schema:
    """A record schema with its constraints, ready to encode and decode.

    Logical types are documentation here: times stay whole milliseconds.

    Examples
    --------
    >>> schema = Schema.parse({"type": "record", "name": "Flight", "fields": [
    ...     {"name": "id", "type": "string", "max_length": 9},
    ...     {"name": "at", "type": "long", "event_time": True},
    ...     {"name": "delay", "type": ["null", "double"], "minimum": -90}]})
    >>> value = schema.encode({"id": "UA1545", "at": 1357034400000, "delay": 2.0})
    >>> schema.decode(value)
    {'id': 'UA1545', 'at': 1357034400000, 'delay': 2.0}
    >>> schema.decode(value[:-1]).reason
    'truncated'
    >>> schema.event_time, schema.fingerprint.hex()
    ('at', '1283c35d902c696c')
    """

    __slots__ = (
        "_check",
        "_encoder",
        "_parsed",
        "decode",
        "document",
        "event_time",
        "field_names",
        "fingerprint",
        "head",
        "name",
    )

    #: Return the record in framed bytes, or why there is none. Never raises, whatever the bytes.
    #:
    #: What no decoder of one pass sees: an enum's or a union's index of -1 reads as the last
    #: one, a boolean of 2 as true, numbers in more bytes than needed as themselves. Such bytes
    #: give a valid record, the same in lab and factory.
    decode: Callable[[bytes | None], dict[str, Any] | Rejection]

    def __init__(self, document: Mapping[str, Any]) -> None:
        expanded = expand(document)
        self.document: dict[str, Any] = copy.deepcopy(dict(document))
        try:
            self._parsed: Any = parse_schema(_bare(copy.deepcopy(self.document)), expand=True)
            canonical = to_parsing_canonical_form(copy.deepcopy(self.document))
        except (SchemaParseException, UnknownType, KeyError, TypeError, ValueError) as error:
            raise refused(f"not an Avro schema: {error}", "see avro.apache.org/docs") from error
        self.name: str = expanded["name"]
        self.fingerprint: bytes = bytes.fromhex(fingerprint(canonical, "CRC-64-AVRO"))
        self.field_names: tuple[str, ...] = tuple(field["name"] for field in expanded["fields"])
        self.event_time: str | None = _event_time(expanded)
        self.head = SINGLE_OBJECT_MARKER + self.fingerprint
        self._check = record_check(expanded)
        self._encoder: Callable[[Mapping[str, object], bytes], bytes] | None = None
        self.decode = _decoder(self)

    @classmethod
    def parse(cls, document: Mapping[str, Any]) -> "Schema":
        """Return the schema that a document describes, or refuse it (`LablineError`)."""
        return cls(document)

    @classmethod
    def load(cls, path: Path) -> "Schema":
        """Read an ``.avsc`` file."""
        try:
            document = json.loads(path.read_text("utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            raise LablineError(
                "LL-SCHEMA-FILE", f"{path.name} is not readable as JSON", str(error)
            ) from error
        try:
            return cls.parse(document)
        except LablineError as error:
            raise LablineError(error.code, f"{path.name}: {error.message}", error.remedy) from error

    def __reduce__(self) -> tuple[type["Schema"], tuple[dict[str, Any]]]:
        return Schema, (self.document,)  # to another process goes the document, not its closures

    def encode(self, datum: Mapping[str, object], head: bytes | None = None) -> bytes:
        """Return a record as framed bytes.

        Parameters
        ----------
        head
            What stands before the body; this schema's single-object head unless given.

        Raises
        ------
        SchemaViolation
            When a field is missing, unknown, of another type, or breaks a constraint.
        """
        return self.encoder(datum, self.head if head is None else head)

    @property
    def encoder(self) -> Callable[[Mapping[str, object], bytes], bytes]:
        """`encode` itself, of a datum and a head: for who calls it very often."""
        if self._encoder is None:  # made at the first use: most schemas only decode
            from labline.schemas.encoder import compile_encoder

            expanded = expand(self.document)
            self._encoder = compile_encoder(expanded, self._encode_slowly, PAYLOAD_MAX_BYTES)
        return self._encoder

    def _encode_slowly(self, datum: Mapping[str, object], head: bytes) -> bytes:
        """Encode what the compiled encoder was not sure of, or say what is wrong with it."""
        found = self._written(datum, head)
        if isinstance(found, Rejection):
            raise SchemaViolation(found)
        return found

    def _written(self, datum: Mapping[str, object], head: bytes) -> bytes | Rejection:
        out = BytesIO()
        out.write(head)
        try:
            if not fits(datum, self._parsed) or datum.keys() != set(self.field_names):
                return MISTYPED._replace(message=misfit(datum, self._parsed))
            if broken := self._check(datum):
                return Rejection("constraints", *broken)
            schemaless_writer(out, self._parsed, datum, strict=True, disable_tuple_notation=True)
        except (ValueError, TypeError, ArithmeticError, LookupError, struct.error):
            return MISTYPED  # such as half of a surrogate pair
        return out.getvalue() if out.tell() <= PAYLOAD_MAX_BYTES else TOO_LARGE


def body_decoder(writer: Schema, reader: Schema) -> DecodeBody:
    """Return what reads bodies that `writer` wrote as records of `reader`. It never raises.

    A closure, because it is the hot path: names are looked up once, not 30,000 times a second.
    """
    written, check = writer._parsed, reader._check
    wanted = None if writer.fingerprint == reader.fingerprint else reader._parsed

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

    return decode if wanted is not None else _compiled_at_first_use(reader, decode)


def _compiled_at_first_use(schema: Schema, slow: DecodeBody) -> DecodeBody:
    """Return the compiled decoder of a schema; most schemas of a process never decode."""
    compiled: DecodeBody | None = None

    def decode(value: bytes, start: int) -> dict[str, Any] | Rejection:
        nonlocal compiled
        if compiled is None:
            from labline.schemas.decoder import compile_decoder

            compiled = compile_decoder(expand(schema.document), slow)
        return compiled(value, start)

    return decode


def _decoder(schema: Schema) -> Callable[[bytes | None], dict[str, Any] | Rejection]:
    head, decode_body = schema.head, body_decoder(schema, schema)

    def decode(value: bytes | None) -> dict[str, Any] | Rejection:
        if not value:
            return EMPTY
        if len(value) > PAYLOAD_MAX_BYTES:
            return TOO_LARGE
        if not value.startswith(head):
            return _not_ours(value)
        return decode_body(value, HEAD_BYTES)

    return decode


def _not_ours(value: bytes) -> Rejection:
    if not value.startswith(SINGLE_OBJECT_MARKER):
        return UNKNOWN_FRAMING
    return OTHER_SCHEMA if len(value) >= HEAD_BYTES else TRUNCATED


def _event_time(record: Mapping[str, Any]) -> str | None:
    """Return the name of the field that says when the event happened."""
    marked = [field for field in record["fields"] if field.get("event_time")]
    if len(marked) > 1 or any(field["type"] != "long" for field in marked):
        raise refused(
            f"{record['name']}: event_time marks one field of type long",
            "milliseconds since 1970, UTC, never null",
        )
    return marked[0]["name"] if marked else None


def _bare(avro: Any) -> Any:  # a JSON document
    """Return a schema without logical types: values stay as Avro's own types."""
    if isinstance(avro, dict):
        return {k: _bare(v) for k, v in avro.items() if k != "logicalType"}
    return [_bare(item) for item in avro] if isinstance(avro, list) else avro
