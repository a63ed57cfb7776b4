"""Framing: how a value says which schema it was written with, and reading it whoever wrote it.

Three heads are known: Avro's single-object encoding (``C3 01``, fingerprint), Confluent's (``00``,
four bytes of a registry's id), and Confluent's id in a header (``01``, a GUID) beside a bare body.
A line reads with one schema, the reader's; records of older and newer versions are resolved to it.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from labline.schemas.avro import HEAD_BYTES, SINGLE_OBJECT_MARKER, DecodeBody, Schema, body_decoder
from labline.schemas.rejection import (
    EMPTY,
    PAYLOAD_MAX_BYTES,
    TOO_LARGE,
    TRUNCATED,
    UNKNOWN_FRAMING,
    UNKNOWN_SCHEMA,
    Rejection,
)

CONFLUENT_MARKER = b"\x00"
CONFLUENT_HEAD_BYTES = 5
ID_HEADER = "__value_schema_id"  # Confluent's HeaderSchemaIdSerializer
GUID_MARKER = b"\x01"
GUID_HEAD_BYTES = 17

#: A frame's head -> the schema that the value was written with.
Heads: TypeAlias = Mapping[bytes, Schema]
Headers: TypeAlias = list[tuple[str, bytes | None]] | None

NOTHING_ELSE: Final[Heads] = {}
READERS_MAX = 1_000  # heads whose way of reading is kept ready


def confluent_head(schema_id: int) -> bytes:
    r"""Return the head of values whose schema has this id in a registry.

    Examples
    --------
    >>> confluent_head(258)
    b'\x00\x00\x00\x01\x02'
    """
    return CONFLUENT_MARKER + schema_id.to_bytes(4)


def frame(value: bytes, headers: Headers = None) -> tuple[bytes, int] | Rejection:
    r"""Return a value's head and where its body begins; a header that names the schema wins.

    Examples
    --------
    >>> frame(b"\x00\x00\x00\x00\x07body")
    (b'\x00\x00\x00\x00\x07', 5)
    >>> frame(b"body").reason
    'unknown-framing'
    """
    for name, content in headers or ():
        if name == ID_HEADER and content:
            if len(content) == GUID_HEAD_BYTES and content.startswith(GUID_MARKER):
                return content, 0
            return UNKNOWN_FRAMING
    if value.startswith(SINGLE_OBJECT_MARKER):
        return (value[:HEAD_BYTES], HEAD_BYTES) if len(value) >= HEAD_BYTES else TRUNCATED
    if value.startswith(CONFLUENT_MARKER):
        if len(value) < CONFLUENT_HEAD_BYTES:
            return TRUNCATED
        return value[:CONFLUENT_HEAD_BYTES], CONFLUENT_HEAD_BYTES
    return UNKNOWN_FRAMING


class Codec:
    """Reads values as one schema says, whichever version wrote them. Never raises for bytes.

    Parameters
    ----------
    reader
        What a record is read as; its constraints hold for records of every version.
    writers
        By head, the schemas that values may be written with, beside the reader's own. It may look
        one up when it is asked: what a head means never changes.

    Examples
    --------
    >>> old = Schema.parse({"type": "record", "name": "R", "fields": [
    ...     {"name": "x", "type": "int"}]})
    >>> new = Schema.parse({"type": "record", "name": "R", "fields": [
    ...     {"name": "x", "type": "long"}, {"name": "y", "type": "int", "default": 0}]})
    >>> codec = Codec(new, {old.head: old, confluent_head(7): old})
    >>> codec.decode(old.encode({"x": 1})), codec.decode(old.encode({"x": 2}, confluent_head(7)))
    ({'x': 1, 'y': 0}, {'x': 2, 'y': 0})
    >>> codec.decode(old.encode({"x": 1}, confluent_head(8))).reason
    'unknown-schema'
    """

    __slots__ = ("_own_head", "_readers", "_writers", "decode_own", "reader")

    def __init__(self, reader: Schema, writers: Heads = NOTHING_ELSE) -> None:
        self.reader = reader
        self._writers = writers
        self._own_head = reader.head
        self.decode_own: Callable[[bytes | None], dict[str, Any] | Rejection] = reader.decode
        self._readers: dict[bytes, DecodeBody] = {reader.head: body_decoder(reader, reader)}

    def decode(self, value: bytes | None, headers: Headers = None) -> dict[str, Any] | Rejection:
        """Return a record, or why there is none."""
        if headers is None and (not value or value.startswith(self._own_head)):
            return self.decode_own(value)  # the common case, a call less
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
            read = self._readers[head] = body_decoder(writer, self.reader)
        return read(value, start)
