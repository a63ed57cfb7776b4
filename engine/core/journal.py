"""The journal: what a task took, in which order, and a digest of what it emitted.

Whoever has the inputs, the control records and the journal can run the task's past again and
prove that it is the same past.
"""

import hashlib
import struct
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import NamedTuple

from labline.engine.core.record import ANSWER, DEAD_LETTER, SHADOW, Emission
from labline.engine.errors import LablineError
from labline.schemas.engine_schemas import engine_schema
from labline.schemas.rejection import Rejection

FORMAT = 1
#: Kinds of entries. A switch of environment, and moved offsets, are changes that no input explains.
TAKEN, CARRIED, REBUILT, MOVED = "taken", "carried", "rebuilt", "moved"
KINDS = frozenset({TAKEN, CARRIED, REBUILT, MOVED})
_HEADER = struct.Struct(">cii").pack
_KINDS = {kind: kind.encode() for kind in (ANSWER, SHADOW, DEAD_LETTER)}


class Entry(NamedTuple):
    """One transaction of one task, or a change of its state that no input explains.

    Attributes
    ----------
    first_offsets, next_offsets
        Per input (events, labels, retry); -1 for an input that the line does not have.
    order
        (input, count) runs, in the order taken.
    digest
        sha256 of the emissions.
    kind
        ``taken``: records were folded; ``carried``: a new environment goes on with the state as
        it was; ``rebuilt``: a new environment folded the whole past anew; ``moved``: an operator
        accepted that the next offsets are others.
    offset
        Its own on the journal topic, for one that was read from there.
    """

    sequence: int
    revision: int
    environment: str
    first_offsets: tuple[int, ...]
    next_offsets: tuple[int, ...]
    order: tuple[tuple[int, int], ...]
    digest: bytes
    kind: str = TAKEN
    offset: int = -1


def encode_entry(entry: Entry) -> bytes:
    """Return the entry as a journal record's value."""
    return engine_schema("labline.Journal").encode(
        {
            "format": FORMAT,
            "kind": entry.kind,
            "sequence": entry.sequence,
            "revision": entry.revision,
            "environment": entry.environment,
            "first_offsets": list(entry.first_offsets),
            "next_offsets": list(entry.next_offsets),
            "order": pack_order(entry.order),
            "digest": entry.digest,
        }
    )


def decode_entry(value: bytes | None, offset: int = -1) -> Entry:
    """Return the entry in a journal record's value.

    Raises
    ------
    LablineError
        ``LL-JOURNAL-FORMAT`` when these bytes are no journal entry that this version reads.
    """
    found = engine_schema("labline.Journal").decode(value)
    if isinstance(found, Rejection) or found["format"] != FORMAT or found["kind"] not in KINDS:
        why = found.message if isinstance(found, Rejection) else "of a newer format or kind"
        raise LablineError(
            "LL-JOURNAL-FORMAT",
            f"a journal record cannot be read: {why}",
            "check that only labline writes this topic; a newer labline may have written it",
        )
    fields: dict = found  # type: ignore[type-arg]  # the schema has checked it
    return Entry(
        fields["sequence"],
        fields["revision"],
        fields["environment"],
        tuple(fields["first_offsets"]),
        tuple(fields["next_offsets"]),
        tuple(unpack_order(fields["order"])),
        fields["digest"],
        fields["kind"],
        offset,
    )


def runs(inputs: Iterable[int]) -> tuple[tuple[int, int], ...]:
    """Return a sequence of inputs as (input, count) runs.

    Examples
    --------
    >>> runs([0, 0, 1, 0])
    ((0, 2), (1, 1), (0, 1))
    """
    return tuple((which, len(list(group))) for which, group in groupby(inputs))


def pack_order(order: Iterable[tuple[int, int]]) -> bytes:
    """Return runs as unsigned varints of ``count << 2 | input``: a byte for up to 31.

    Examples
    --------
    >>> list(unpack_order(pack_order([(0, 2), (1, 300)])))
    [(0, 2), (1, 300)]
    """
    out = bytearray()
    for which, count in order:
        rest = count << 2 | which
        while rest > 0x7F:
            out.append((rest & 0x7F) | 0x80)
            rest >>= 7
        out.append(rest)
    return bytes(out)


def unpack_order(packed: bytes) -> Iterator[tuple[int, int]]:
    """Yield the (input, count) runs of `pack_order`."""
    number = shift = 0
    for byte in packed:
        number |= (byte & 0x7F) << shift
        if byte & 0x80:
            shift += 7
        else:
            yield number & 3, number >> 2
            number = shift = 0


def digest(emissions: Iterable[Emission]) -> bytes:
    """Return sha256 over kind, key and value of each emission, each with its length, in order.

    Headers are left out: they may hold times of processing.

    Examples
    --------
    >>> digest([("a", b"k", b"v", None)]) == digest([("a", b"kv", b"", None)])
    False
    """
    parts: list[bytes] = []
    for kind, key, value, _ in emissions:
        lengths = -1 if key is None else len(key), -1 if value is None else len(value)
        parts += (_HEADER(_KINDS[kind], *lengths), key or b"", value or b"")
    return hashlib.sha256(b"".join(parts)).digest()
