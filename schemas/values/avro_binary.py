"""The format ``avro``: a framed head that names the writer's schema, then Avro's binary encoding.

A topic is read with one schema, its own; records of older and newer versions are resolved to it.
What a head means never changes, so the way of reading it is kept ready.
"""

from collections.abc import Callable
from typing import Any

from labline.schemas.avro import AVRO, Encode, Schema, body_decoder
from labline.schemas.avro_body import DecodeBody
from labline.schemas.framing import Headers, confluent_head, frame
from labline.schemas.rejection import (
    EMPTY,
    PAYLOAD_MAX_BYTES,
    TOO_LARGE,
    UNKNOWN_SCHEMA,
    Rejection,
)
from labline.schemas.values.value_format import NO_WRITERS, Heads, Replacement

READERS_MAX = 1_000  # heads whose way of reading is kept ready


class AvroReader:
    """Reads framed values as one schema says, whichever version wrote them.

    Parameters
    ----------
    schema
        What a record is read as.
    writers
        By head, the schemas that values may be written with, beside the reader's own.

    Examples
    --------
    >>> old = Schema.parse({"type": "record", "name": "R", "fields": [
    ...     {"name": "x", "type": "int"}]})
    >>> new = Schema.parse({"type": "record", "name": "R", "fields": [
    ...     {"name": "x", "type": "long"}, {"name": "y", "type": "int", "default": 0}]})
    >>> reader = AvroReader(new, {old.head: old, confluent_head(7): old})
    >>> reader.decode(old.encode({"x": 1})), reader.decode(old.encode({"x": 2}, confluent_head(7)))
    ({'x': 1, 'y': 0}, {'x': 2, 'y': 0})
    >>> reader.decode(old.encode({"x": 1}, confluent_head(8))).reason
    'unknown-schema'
    """

    __slots__ = ("_decode_own", "_own_head", "_readers", "_verbatim", "_writers", "schema")

    def __init__(self, schema: Schema, writers: Heads = NO_WRITERS) -> None:
        self.schema = schema
        self._writers = writers
        self._own_head = schema.head
        self._decode_own: Callable[[bytes | None], dict[str, Any] | Rejection] = schema.decode
        self._readers: dict[bytes, DecodeBody] = {schema.head: body_decoder(schema, schema)}
        self._verbatim = VerbatimReaders(writers, schema)

    def decode(self, value: bytes | None, headers: Headers = None) -> dict[str, Any] | Rejection:
        """Return a record, or why there is none."""
        if headers is None and (not value or value.startswith(self._own_head)):
            return self._decode_own(value)  # the common case, a call less
        if not value:
            return EMPTY
        if len(value) > PAYLOAD_MAX_BYTES:
            return TOO_LARGE
        framed = frame(value, headers)
        if isinstance(framed, Rejection):
            return framed
        head, start = framed
        read = self._readers.get(head)
        if read is None:
            writer = self._writers.get(head)
            if writer is None:
                return UNKNOWN_SCHEMA
            if len(self._readers) >= READERS_MAX:
                self._readers.clear()
            read = self._readers[head] = body_decoder(writer, self.schema)
        return read(value, start)

    def rewrite(
        self, value: bytes, headers: Headers, replacement: Replacement
    ) -> bytes | Rejection:
        """Return a value with fields replaced: by the schema that wrote it, with the same head."""
        if len(value) > PAYLOAD_MAX_BYTES:
            return TOO_LARGE
        framed = frame(value, headers)
        if isinstance(framed, Rejection):
            return framed
        head, start = framed
        verbatim = self._verbatim.of(head)
        if verbatim is None:
            return UNKNOWN_SCHEMA
        writer, read = verbatim
        datum = read(value, start)  # unresolved, so that nothing but these fields changes
        if isinstance(datum, Rejection):
            return datum
        replaced = replacement(writer)
        if not replaced:
            return value
        return writer.encode({**datum, **replaced}, head if start else b"")


class VerbatimReaders:
    """Reads values as the very schema says that wrote them: nothing is resolved.

    Parameters
    ----------
    writers
        By head, the schemas that values may be written with; another mapping may take its place.
    known
        Further ones, known by their own heads.
    """

    __slots__ = ("_known", "_readers", "writers")

    def __init__(self, writers: Heads, *known: Schema) -> None:
        self.writers = writers
        self._known = {schema.head: schema for schema in known}
        self._readers: dict[bytes, tuple[Schema, DecodeBody]] = {}

    def of(self, head: bytes) -> tuple[Schema, DecodeBody] | None:
        """Return the schema that a head names and what reads bodies of it; None: nobody knows."""
        reader = self._readers.get(head)
        if reader is None:
            writer = self._known.get(head) or self.writers.get(head)
            if writer is None:
                return None
            if len(self._readers) >= READERS_MAX:
                self._readers.clear()
            reader = self._readers[head] = (writer, body_decoder(writer, writer))
        return reader


class AvroFormat:
    """Single-object encoding, or with a registry's id Confluent's; readers take both."""

    name = AVRO
    in_registry = True

    def head(self, schema: Schema, schema_id: int | None = None) -> bytes:
        """Return the head of values that are written with a schema."""
        return schema.head if schema_id is None else confluent_head(schema_id)

    def encoder(self, schema: Schema) -> Encode:
        """Return the schema's compiled encoder."""
        return schema.encoder

    def reader(self, schema: Schema, writers: Heads = NO_WRITERS) -> AvroReader:
        """Return what reads values of every framing."""
        return AvroReader(schema, writers)


FORMAT = AvroFormat()
