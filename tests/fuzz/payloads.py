"""Payloads by number: the same seed and number give the same bytes, on any machine."""

from collections.abc import Callable
from random import Random
from typing import NamedTuple

from labline.schemas.framing import (
    GUID_HEAD_BYTES,
    GUID_MARKER,
    ID_HEADER,
    SINGLE_OBJECT_MARKER,
    Headers,
    confluent_head,
)
from labline.schemas.rejection import PAYLOAD_MAX_BYTES
from labline.schemas.varint import varint
from tests.fuzz.targets import Framing, Target
from tests.fuzz.walk import LONGS, OVERLONG, Walk

LIES = 0.02  # per step of a walk
BYTES = (0x00, 0x01, 0x02, 0x7F, 0x80, 0xFE, 0xFF)
LARGE_EVERY = 2_000  # a payload near the limit: slow, so seldom

Mutate = Callable[[Random, bytes, Framing], bytes]


class Payload(NamedTuple):
    """What a broker may hand over."""

    value: bytes | None
    headers: Headers


class Payloads:
    """The payloads of a seed."""

    def __init__(self, seed: int, targets: tuple[Target, ...]) -> None:
        self._seed, self._targets = seed, targets
        self._source = Random()
        self._walk = Walk(self._source, LIES)

    def at(self, number: int) -> tuple[Target, Framing, Payload]:
        """Return the target, the framing that the payload is near to, and the payload."""
        source = self._source
        source.seed(self._seed << 32 | number)
        target = source.choice(self._targets)
        framing = source.choice(target.framings)
        kind = source.random()
        if number % LARGE_EVERY == LARGE_EVERY - 1:
            body = _large(source, framing)
        elif kind < 0.1:
            body = self._walk.body(framing.writer)
        elif kind < 0.15:
            body = source.randbytes(source.randrange(300))
        else:
            body = source.choice(framing.bodies)
            if kind > 0.2:  # else as it is
                for _ in range(source.choice((1, 1, 1, 2, 3))):
                    body = source.choice(MUTATIONS)(source, body, framing)
        if source.random() < 0.05:
            return target, framing, _misframed(source, body)
        return target, framing, Payload(framing.head + body, framing.headers)


def _misframed(source: Random, body: bytes) -> Payload:
    """Return a payload whose frame is unknown, incomplete, or not there."""
    guid = GUID_MARKER + source.randbytes(GUID_HEAD_BYTES - 1)
    match source.randrange(8):
        case 0:
            return Payload(source.choice((None, b"")), None)
        case 1:
            return Payload(body, None)
        case 2:
            return Payload(SINGLE_OBJECT_MARKER + source.randbytes(8) + body, None)
        case 3:
            return Payload(confluent_head(source.randrange(100, 2**32)) + body, None)
        case 4:
            return Payload(body, [(ID_HEADER, guid)])
        case 5:
            return Payload(body, [(ID_HEADER, guid[: source.randrange(GUID_HEAD_BYTES)])])
        case 6:
            return Payload(body, [(ID_HEADER, None), ("", b""), (ID_HEADER, b"\x02" + guid[1:])])
        case _:
            head = source.choice((SINGLE_OBJECT_MARKER + bytes(8), confluent_head(1)))
            return Payload(head[: source.randrange(len(head))], None)


def _large(source: Random, framing: Framing) -> bytes:
    """Return a body about as large as values may be, or a little larger."""
    room = PAYLOAD_MAX_BYTES - len(framing.head) + source.choice((-1_000, -1, 0, 1, 1_000))
    filling = source.choice(
        (b"\x00", b"\x02", b"\x80", b"\xff", b"\x02\x02a\x00", source.randbytes(7), b"\x02" * 16)
    )
    start = source.choice(framing.bodies)[: source.randrange(60)] + source.choice(
        (b"", varint(room), varint(2**62), varint(room // 2), varint(-room) + varint(room))
    )
    return (start + filling * (room // len(filling) + 1))[:room]


def _flip(source: Random, body: bytes, _: Framing) -> bytes:
    found = bytearray(body or b"\x00")
    for _turn in range(source.choice((1, 1, 2, 8))):
        found[source.randrange(len(found))] ^= 1 << source.randrange(8)
    return bytes(found)


def _cut(source: Random, body: bytes, _: Framing) -> bytes:
    return body[: source.randrange(len(body) + 1)]


def _trail(source: Random, body: bytes, _: Framing) -> bytes:
    return body + source.randbytes(source.choice((1, 2, 16)))


def _set(source: Random, body: bytes, _: Framing) -> bytes:
    at = source.randrange(len(body) + 1)
    return body[:at] + bytes((source.choice(BYTES),)) + body[at + 1 :]


def _number(source: Random, body: bytes, _: Framing) -> bytes:
    """Put a number where a length, a count or an index may be."""
    at = source.randrange(len(body) + 1)
    number = varint(source.choice(LONGS)) if source.random() < 0.7 else source.choice(OVERLONG)
    return body[:at] + number + body[at + source.randrange(2) :]


def _splice(source: Random, body: bytes, framing: Framing) -> bytes:
    other = source.choice(framing.bodies)
    return body[: source.randrange(len(body) + 1)] + other[source.randrange(len(other)) :]


def _move(source: Random, body: bytes, _: Framing) -> bytes:
    """Take out a stretch, double it, or put it elsewhere."""
    start, end = sorted(source.randrange(len(body) + 1) for _turn in range(2))
    rest, stretch = body[:start] + body[end:], body[start:end]
    at = source.randrange(len(rest) + 1)
    return source.choice((rest, body[:end] + stretch + body[end:], rest[:at] + stretch + rest[at:]))


MUTATIONS: tuple[Mutate, ...] = (_flip, _cut, _trail, _set, _number, _splice, _move)
