"""The format ``json``: a value is a JSON object in UTF-8, with nothing before it.

Names, types and constraints are the schema's, so a record is the same Python value as in Avro
(`json_fields` says how). JSON names no writer: names that the schema lacks are ignored, an absent
field is looked for by its aliases and then has its default, so evolution goes as in Avro.
"""

import json
from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any, NoReturn

from labline.schemas.avro import Encode, Schema
from labline.schemas.framing import Headers
from labline.schemas.rejection import (
    EMPTY,
    MISTYPED,
    PAYLOAD_MAX_BYTES,
    TOO_LARGE,
    Rejection,
    SchemaViolation,
)
from labline.schemas.shape import expand
from labline.schemas.values.json_fields import MisfitError, record_reader
from labline.schemas.values.value_format import NO_WRITERS, Heads, Replacement

NOT_JSON = Rejection("decode", "not-json", "the value is not JSON")
NOT_AN_OBJECT = Rejection("decode", "not-an-object", "the value is not a JSON object")
NOT_FINITE = Rejection("constraints", "not-finite", "JSON has no number that is not finite")


class JsonReader:
    """Reads JSON objects as records of a schema.

    Examples
    --------
    >>> reader = JsonReader(Schema.parse({"type": "record", "name": "R", "fields": [
    ...     {"name": "x", "type": ["null", "double"], "default": None, "maximum": 9},
    ...     {"name": "id", "type": "string", "aliases": ["name"]}]}))
    >>> reader.decode(b'{"name": "a", "x": 1, "more": []}'), reader.decode(b'{"id": "b"}')
    ({'x': 1.0, 'id': 'a'}, {'x': None, 'id': 'b'})
    >>> reader.decode(b'{"x": 1}').message, reader.decode(b'{"id": "c", "x": 10}').reason
    ('id is missing', 'out-of-range')
    """

    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        self._read = record_reader(expand(schema.document))
        self._encode = _encoder(schema)

    def decode(self, value: bytes | None, headers: Headers = None) -> dict[str, Any] | Rejection:
        """Return a record, or why there is none."""
        del headers
        if not value:
            return EMPTY
        if len(value) > PAYLOAD_MAX_BYTES:
            return TOO_LARGE
        try:
            document = json.loads(
                value.decode(), parse_constant=_no_number, object_pairs_hook=_each_once
            )
        except (ValueError, RecursionError):
            return NOT_JSON
        if not isinstance(document, dict):
            return NOT_AN_OBJECT
        try:
            datum: dict[str, Any] = self._read(document)
        except MisfitError as misfit:
            return MISTYPED._replace(message=str(misfit))
        broken = self.schema.check(datum)
        return Rejection("constraints", *broken) if broken else datum

    def rewrite(
        self, value: bytes, headers: Headers, replacement: Replacement
    ) -> bytes | Rejection:
        """Return a value with fields replaced, and without what no field of the schema reads."""
        datum = self.decode(value, headers)
        if isinstance(datum, Rejection):
            return datum
        return self._encode({**datum, **replacement(self.schema)}, b"")


class JsonFormat:
    """JSON text without a schema's name."""

    name = "json"
    in_registry = False

    def head(self, schema: Schema, schema_id: int | None = None) -> bytes:
        """Return nothing: a value is the text alone."""
        del schema, schema_id
        return b""

    def encoder(self, schema: Schema) -> Encode:
        """Return what writes records as text, their fields in the schema's order."""
        return _encoder(schema)

    def reader(self, schema: Schema, writers: Heads = NO_WRITERS) -> JsonReader:
        """Return what reads values by the names in them, whoever wrote them."""
        del writers
        return JsonReader(schema)


FORMAT = JsonFormat()


def _encoder(schema: Schema) -> Encode:
    check, names = schema.encoder, schema.field_names

    def encode(datum: Mapping[str, object], head: bytes) -> bytes:
        check(datum, head)  # what Avro refuses is no record of the schema, so here neither
        ordered = {name: datum[name] for name in names}
        try:
            text = json.dumps(
                ordered, ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_plain
            )
        except ValueError:
            raise SchemaViolation(NOT_FINITE) from None
        value = head + text.encode()
        if len(value) > PAYLOAD_MAX_BYTES:
            raise SchemaViolation(TOO_LARGE)
        return value

    return encode


def _plain(part: object) -> object:
    """Return in JSON's terms what a schema allows and `json` does not know."""
    if isinstance(part, bytes | bytearray):
        return part.decode("latin-1")
    if isinstance(part, Integral):  # another library's number
        return int(part)
    if isinstance(part, Real):
        return float(part)
    return dict(part) if isinstance(part, Mapping) else list(part)  # type: ignore[call-overload]


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) < len(pairs):
        raise ValueError("a name is there twice")
    return document
