"""Framing: the bytes before a value's body that name the schema it was written with.

Every module that meets such a head asks here what it is; none takes one apart itself. Three are
known: Avro's single-object encoding (``C3 01``, fingerprint), Confluent's (``00``, four bytes of a
registry's id), and Confluent's id in a header (``01``, a GUID) beside a bare body. A head goes
through the code as the bytes that it is, and keeps its meaning for ever: what a registry calls 7
today it never calls anything else.
"""

from typing import TypeAlias
from uuid import UUID

from labline.schemas.rejection import TRUNCATED, UNKNOWN_FRAMING, Rejection

SINGLE_OBJECT_MARKER = b"\xc3\x01"
SINGLE_OBJECT_HEAD_BYTES = 10  # marker and fingerprint
CONFLUENT_MARKER = b"\x00"
CONFLUENT_HEAD_BYTES = 5
ID_HEADER = "__value_schema_id"  # Confluent's HeaderSchemaIdSerializer
GUID_MARKER = b"\x01"
GUID_HEAD_BYTES = 17

FINGERPRINT, REGISTRY, UNFRAMED = "avro", "registry", "unframed"  # in manifests of recordings

Headers: TypeAlias = list[tuple[str, bytes | None]] | None


def single_object_head(fingerprint: bytes) -> bytes:
    r"""Return the head of values whose schema has this fingerprint.

    Examples
    --------
    >>> single_object_head(bytes(8))
    b'\xc3\x01\x00\x00\x00\x00\x00\x00\x00\x00'
    """
    return SINGLE_OBJECT_MARKER + fingerprint


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
        if len(value) < SINGLE_OBJECT_HEAD_BYTES:
            return TRUNCATED
        return value[:SINGLE_OBJECT_HEAD_BYTES], SINGLE_OBJECT_HEAD_BYTES
    if value.startswith(CONFLUENT_MARKER):
        if len(value) < CONFLUENT_HEAD_BYTES:
            return TRUNCATED
        return value[:CONFLUENT_HEAD_BYTES], CONFLUENT_HEAD_BYTES
    return UNKNOWN_FRAMING


def fingerprint_in(head: bytes) -> bytes | None:
    r"""Return the fingerprint that a head, or a value, of single-object encoding begins with.

    Examples
    --------
    >>> fingerprint_in(single_object_head(b"abcdefgh") + b"body"), fingerprint_in(b"\x00abcd")
    (b'abcdefgh', None)
    """
    if not head.startswith(SINGLE_OBJECT_MARKER):
        return None
    return head[len(SINGLE_OBJECT_MARKER) : SINGLE_OBJECT_HEAD_BYTES]


def registry_key(head: bytes) -> int | UUID | None:
    r"""Return what a registry knows a head's schema by: its id or its GUID; None for neither.

    Examples
    --------
    >>> registry_key(confluent_head(7)), registry_key(single_object_head(bytes(8)))
    (7, None)
    """
    if len(head) == CONFLUENT_HEAD_BYTES and head.startswith(CONFLUENT_MARKER):
        return int.from_bytes(head[len(CONFLUENT_MARKER) :])
    if len(head) == GUID_HEAD_BYTES and head.startswith(GUID_MARKER):
        return UUID(bytes=head[len(GUID_MARKER) :])
    return None


def head_name(head: bytes | None) -> str:
    r"""Return how the manifest of a recording writes a head; None is a value without one.

    Examples
    --------
    >>> head_name(confluent_head(7)), head_name(single_object_head(bytes(8))), head_name(None)
    ('registry:7', 'avro:0000000000000000', 'unframed')
    """
    if head is None:
        return UNFRAMED
    if (fingerprint := fingerprint_in(head)) is not None:
        return f"{FINGERPRINT}:{fingerprint.hex()}"
    key = registry_key(head)
    return f"{REGISTRY}:{key.hex if isinstance(key, UUID) else key}"


def head_of(name: str) -> bytes | None:
    r"""Return the head that a name in a manifest stands for; None: it stands for none.

    Examples
    --------
    >>> head_of("registry:7"), head_of("avro:" + "00" * 8), head_of("unframed")
    (b'\x00\x00\x00\x00\x07', b'\xc3\x01\x00\x00\x00\x00\x00\x00\x00\x00', None)
    """
    kind, _, rest = name.partition(":")
    if kind == FINGERPRINT:
        return single_object_head(bytes.fromhex(rest))
    if kind == REGISTRY:
        is_guid = len(rest) == 2 * (GUID_HEAD_BYTES - len(GUID_MARKER))
        return GUID_MARKER + bytes.fromhex(rest) if is_guid else confluent_head(int(rest))
    return None
