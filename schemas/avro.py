"""Schemas of records, as ``.avsc`` files write them, and Avro's binary encoding of those records.

A `Schema` stands behind every topic, in whatever format its values are. Its own `encode` and
`decode` are Avro's single-object encoding (``C3 01``, fingerprint, body), in which the engine
writes its own records; values of declared topics are written and read by `labline.schemas.values`.
What must stay true: encoding refuses what the schema does not allow, decoding never raises, and
both are of one opinion about what is right.
"""

import copy
import json
import struct
from collections.abc import Callable, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any, TypeAlias

from fastavro import parse_schema, schemaless_writer
from fastavro.schema import (
    SchemaParseException,
    UnknownType,
    fingerprint,
    to_parsing_canonical_form,
)

from labline.engine.errors import LablineError
from labline.schemas.avro_body import DecodeBody, compiled_at_first_use, slow_decoder
from labline.schemas.constraints import record_check
from labline.schemas.framing import SINGLE_OBJECT_HEAD_BYTES, fingerprint_in, single_object_head
from labline.schemas.misfit import fits, misfit
from labline.schemas.rejection import (
    EMPTY,
    MISTYPED,
    OTHER_SCHEMA,
    PAYLOAD_MAX_BYTES,
    TOO_LARGE,
    TRUNCATED,
    UNKNOWN_FRAMING,
    Rejection,
    SchemaViolation,
)
from labline.schemas.shape import expand, refused

AVRO = "avro"  # the format of values unless a topic declares another
VALUE_FORMAT = "value_format"  # the attribute of a document that names another

#: A record and what stands before its body -> a value; raises `SchemaViolation`.
Encode: TypeAlias = Callable[[Mapping[str, object], bytes], bytes]


class Schema:
    """A record schema with its constraints, ready to encode and decode.

    Logical types are documentation here: times stay whole milliseconds.

    Attributes
    ----------
    document
        As the ``.avsc`` has it.
    fingerprint
        Avro's of the canonical form, 8 bytes: equal where two schemas read each other's bytes.
    event_time
        The field that says when the event happened; None: none does.
    head
        What values in single-object encoding begin with.
    value_format
        How values of the schema are written at its topic, see `labline.schemas.values`.
    check
        Returns what of a decoded record breaks a constraint.

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
        "_encoder",
        "_parsed",
        "check",
        "decode",
        "document",
        "event_time",
        "field_names",
        "fingerprint",
        "head",
        "name",
        "value_format",
    )

    #: Return the record in a value of single-object encoding, or why there is none. Never raises.
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
        self.head = single_object_head(self.fingerprint)
        self.value_format: str = str(self.document.get(VALUE_FORMAT, AVRO))
        self.check = record_check(expanded)
        self._encoder: Encode | None = None
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

    def written_as(self, value_format: str) -> "Schema":
        """Return this schema for a topic whose values are in a format.

        Its document says so too, and with it the control record and whatever else keeps one.

        Examples
        --------
        >>> schema = Schema.parse({"type": "record", "name": "R", "fields": [
        ...     {"name": "x", "type": "int"}]})
        >>> schema.written_as("avro") is schema, schema.written_as("json").document["value_format"]
        (True, 'json')
        """
        if value_format == self.value_format:
            return self
        document = {name: part for name, part in self.document.items() if name != VALUE_FORMAT}
        if value_format != AVRO:
            document[VALUE_FORMAT] = value_format
        return Schema(document)

    def encode(self, datum: Mapping[str, object], head: bytes | None = None) -> bytes:
        """Return a record in Avro's binary encoding, after its head.

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
    def encoder(self) -> Encode:
        """`encode` itself, of a datum and a head: for who calls it very often."""
        if self._encoder is None:  # made at the first use: most schemas only decode
            from labline.schemas.encoder import compile_encoder

            expanded = expand(self.document)
            self._encoder = compile_encoder(expanded, self._encode_slowly, PAYLOAD_MAX_BYTES)
        return self._encoder

    def _encode_slowly(self, datum: Mapping[str, object], head: bytes) -> bytes:
        """Encode what the compiled encoder was not sure of, or say what is wrong with it."""
        value = self._encoded(datum, head)
        if isinstance(value, Rejection):
            raise SchemaViolation(value)
        return value

    def _encoded(self, datum: Mapping[str, object], head: bytes) -> bytes | Rejection:
        out = BytesIO()
        out.write(head)
        try:
            if not fits(datum, self._parsed) or datum.keys() != set(self.field_names):
                return MISTYPED._replace(message=misfit(datum, self._parsed))
            if broken := self.check(datum):
                return Rejection("constraints", *broken)
            schemaless_writer(out, self._parsed, datum, strict=True, disable_tuple_notation=True)
        except (ValueError, TypeError, ArithmeticError, LookupError, struct.error):
            return MISTYPED  # such as half of a surrogate pair
        return out.getvalue() if out.tell() <= PAYLOAD_MAX_BYTES else TOO_LARGE


def body_decoder(writer: Schema, reader: Schema) -> DecodeBody:
    """Return what reads bodies that `writer` wrote as records of `reader`. It never raises."""
    if writer.fingerprint != reader.fingerprint:
        return slow_decoder(writer._parsed, reader._parsed, reader.check)
    slow = slow_decoder(writer._parsed, None, reader.check)
    return compiled_at_first_use(reader.document, slow)


def _decoder(schema: Schema) -> Callable[[bytes | None], dict[str, Any] | Rejection]:
    head, decode_body = schema.head, body_decoder(schema, schema)

    def decode(value: bytes | None) -> dict[str, Any] | Rejection:
        if not value:
            return EMPTY
        if len(value) > PAYLOAD_MAX_BYTES:
            return TOO_LARGE
        if not value.startswith(head):
            return _not_ours(value)
        return decode_body(value, SINGLE_OBJECT_HEAD_BYTES)

    return decode


def _not_ours(value: bytes) -> Rejection:
    if fingerprint_in(value) is None:
        return UNKNOWN_FRAMING
    return OTHER_SCHEMA if len(value) >= SINGLE_OBJECT_HEAD_BYTES else TRUNCATED


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
