"""The snapshot format: a task's whole state, where it stands, and a MAC over all of it.

``labline-snapshot-2``, the header's length, the header (JSON), the state, HMAC-SHA256. Nothing is
read from bytes whose MAC does not fit. Format 1 differs in the names of labline's own estimators
in the state and in its digest: they were ``engine.models…`` and are ``labline.engine.models…``.
"""

import hashlib
import hmac
import json
import struct
from typing import Any, Literal, NamedTuple, TypeAlias

from pydantic import BaseModel, ConfigDict, ValidationError

FORMAT = 2
MAGIC = b"labline-snapshot-%d\n" % FORMAT
_FORMATS = {b"labline-snapshot-1\n": 1, MAGIC: FORMAT}
MAC_BYTES = 32
_LENGTH = struct.Struct(">I")

#: How a state came to its environment: by folding in it, or at a switch (see the journal's kinds).
Origin: TypeAlias = Literal["folded", "rebuilt"]


class Header(BaseModel):
    """What a snapshot says about itself.

    Attributes
    ----------
    sequence
        Of the next journal entry: entries below it are in the state.
    journal_offset
        Of the last entry in the state, on the journal topic; -1 when it is not known.
    entry_digest
        That entry's digest, in hex: a snapshot of another past does not fit the journal.
    next_offsets
        Per input, as in the journal.
    environment
        Digest of the environment that folded it.
    state_digest
        Of the state, see `labline.engine.core.state_digest`.
    origin
        ``folded``, or ``rebuilt``: the whole past folded anew in an environment that did not
        write it.
    written_ms
        When, for people and for keeping some by age; nothing is decided by it.
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    line: str
    partition: int
    sequence: int
    journal_offset: int
    entry_digest: str
    next_offsets: list[int]
    revision: int
    environment: str
    state_digest: str
    origin: Origin = "folded"
    written_ms: int = 0


class Sealed(NamedTuple):
    """A snapshot whose MAC fits; `state` is not loaded yet."""

    header: Header
    state: bytes
    format: int = FORMAT


def seal(header: Header, state: bytes, key: bytes) -> bytes:
    """Return a snapshot's bytes."""
    told = json.dumps(header.model_dump(mode="json"), sort_keys=True).encode()
    body = MAGIC + _LENGTH.pack(len(told)) + told + state
    return body + _mac(body, key)


def unseal(content: bytes, key: bytes) -> Sealed | str:
    """Return a snapshot, or why these bytes are not to be trusted.

    Examples
    --------
    >>> header = Header(line="l", partition=0, sequence=1, journal_offset=0, entry_digest="",
    ...     next_offsets=[1, 0, 0], revision=0, environment="e", state_digest="d")
    >>> content = seal(header, b"state", b"k" * 32)
    >>> unseal(content, b"k" * 32).state
    b'state'
    >>> unseal(content[:-1] + b"?", b"k" * 32)
    'its MAC does not fit: damaged, or sealed with another key'
    """
    number = _FORMATS.get(content[: len(MAGIC)])
    if number is None:
        return "it is no snapshot of a format that this version reads"
    body, mac = content[:-MAC_BYTES], content[-MAC_BYTES:]
    if not hmac.compare_digest(mac, _mac(body, key)):
        return "its MAC does not fit: damaged, or sealed with another key"
    begin = len(MAGIC) + _LENGTH.size
    (length,) = _LENGTH.unpack(body[len(MAGIC) : begin])
    try:
        told: Any = json.loads(body[begin : begin + length])
        header = Header.model_validate(told)
    except (ValueError, ValidationError):
        return "its header is not as this version writes it"
    return Sealed(header, body[begin + length :], number)


def _mac(body: bytes, key: bytes) -> bytes:
    return hmac.new(key, body, hashlib.sha256).digest()
