"""A partition's file: an Avro container whose blocks hold records by columns, and their index.

Columns, because a row at a time costs several times as much to read. Offsets and append times
are kept as steps from the one before, headers once for all records that have the same. The index
has a line for each block, with its sha256: so a block is checked before any of it is given out.
"""

import hashlib
import io
import json
from collections.abc import Iterable, Iterator
from itertools import accumulate
from typing import Any, NamedTuple, Protocol

import fastavro

from labline.engine.core.record import Headers, Record
from labline.schemas.varint import varint

BLOCK_RECORDS = 1_000
BLOCK_MAX_BYTES = 4 * 1024 * 1024

_BYTES = {"type": "array", "items": ["null", "bytes"]}
_HEADER = {
    "type": "record",
    "name": "labline.RecordedHeader",
    "fields": [
        {"name": "name", "type": "string"},
        {"name": "value", "type": ["null", "bytes"]},
    ],
}
BLOCK = {
    "type": "record",
    "name": "labline.RecordedBlock",
    "fields": [
        {"name": "offset_steps", "type": {"type": "array", "items": "long"}},
        {"name": "timestamp_steps_ms", "type": {"type": "array", "items": "long"}},
        {"name": "keys", "type": _BYTES},
        {"name": "values", "type": _BYTES},
        {
            "name": "header_sets",
            "type": {"type": "array", "items": ["null", {"type": "array", "items": _HEADER}]},
        },
        {"name": "headers", "type": {"type": "array", "items": "int"}},
    ],
}
_PARSED = fastavro.parse_schema(BLOCK)
# Fixed, and no compression: a file's bytes depend on the records alone, so the same range recorded
# twice, anywhere, has the same digest.
SYNC = hashlib.md5(b"labline.RecordedBlock", usedforsecurity=False).digest()


def _head() -> bytes:
    """Return how each file begins; made by hand, so that no library's version changes it."""
    schema = json.dumps(BLOCK, separators=(",", ":")).encode()
    entries = ((b"avro.schema", schema), (b"avro.codec", b"null"))
    pairs = b"".join(varint(len(part)) + part for entry in entries for part in entry)
    return b"Obj\x01" + varint(len(entries)) + pairs + varint(0) + SYNC


HEAD = _head()


class Block(NamedTuple):
    """A block's line in the index.

    Attributes
    ----------
    size
        In bytes, as it is in the file.
    records
        How many it holds.
    first, last
        Their offsets.
    """

    size: int
    records: int
    first: int
    last: int
    sha256: str

    def line(self) -> bytes:
        """Return it as it is written."""
        return json.dumps(self, separators=(",", ":")).encode() + b"\n"

    @classmethod
    def parse(cls, line: bytes) -> "Block | None":
        """Return the block of a line; None when it is none."""
        try:
            size, records, first, last, sha256 = json.loads(line)
        except (ValueError, TypeError):
            return None
        whole = all(type(n) is int and n >= 0 for n in (size, records, first, last))
        if not whole or type(sha256) is not str or not line.endswith(b"\n"):
            return None
        return cls(size, records, first, last, sha256)


def encode_block(records: list[Record]) -> bytes:
    r"""Return records as a container's block.

    Examples
    --------
    >>> records = [(3, 1_000, b"k", None, [("a", b"1")]), (5, 1_000, None, b"v", None)]
    >>> decode_block(encode_block(records)) == records
    True
    """
    offsets, timestamps_ms, keys, values, headers = zip(*records, strict=True)
    sets: dict[tuple[tuple[str, bytes | None], ...] | None, int] = {}
    places = [sets.setdefault(told if told is None else tuple(told), len(sets)) for told in headers]
    body = io.BytesIO()
    columns = {
        "offset_steps": _steps(offsets),
        "timestamp_steps_ms": _steps(timestamps_ms),
        "keys": keys,
        "values": values,
        "header_sets": [
            told if told is None else [{"name": n, "value": v} for n, v in told] for told in sets
        ],
        "headers": places,
    }
    fastavro.schemaless_writer(body, _PARSED, columns)
    content = body.getvalue()
    return varint(1) + varint(len(content)) + content + SYNC


def decode_block(block: bytes) -> list[Record]:
    """Return the records of a block that was checked against its digest."""
    file = io.BytesIO(block)
    for _ in range(2):  # how many Avro records (one), and their size
        while file.read(1) >= b"\x80":
            pass
    columns: Any = fastavro.schemaless_reader(file, _PARSED, None)
    sets: list[Headers] = [
        told if told is None else [(header["name"], header["value"]) for header in told]
        for told in columns["header_sets"]
    ]
    return list(
        zip(
            accumulate(columns["offset_steps"]),
            accumulate(columns["timestamp_steps_ms"]),
            columns["keys"],
            columns["values"],
            [sets[place] for place in columns["headers"]],
            strict=True,
        )
    )


def blocks_of(batches: Iterable[list[Record]]) -> Iterator[list[Record]]:
    """Yield the records in the blocks in which they are written: cut by the records alone."""
    growing = GrowingBlock()
    for batch in batches:
        for record in batch:
            if (block := growing.add(record)) is not None:
                yield block
    if block := growing.rest():
        yield block


class GrowingBlock:
    """Records on their way into a block: a thousand, or fewer that are large."""

    def __init__(self) -> None:
        self._records: list[Record] = []
        self._size = 0

    def add(self, record: Record) -> list[Record] | None:
        """Take a record; return the block that it completes."""
        _, _, key, value, headers = record
        self._size += len(key or b"") + len(value or b"")
        if headers:
            self._size += sum(len(name) + len(content or b"") for name, content in headers)
        self._records.append(record)
        if len(self._records) == BLOCK_RECORDS or self._size >= BLOCK_MAX_BYTES:
            return self.rest()
        return None

    def rest(self) -> list[Record]:
        """Return the records of the block that is not complete, and begin another one."""
        records, self._records, self._size = self._records, [], 0
        return records


class Sink(Protocol):
    """What a file is written to."""

    def write(self, data: bytes, /) -> Any:
        """Take bytes."""


class ContainerWriter:
    """Writes a partition's file and its index, block by block, and counts.

    Attributes
    ----------
    records, size
        So far.
    """

    def __init__(self, data: Sink, index: Sink) -> None:
        self._data, self._index = data, index
        self._sha256, self._index_sha256 = hashlib.sha256(), hashlib.sha256()
        self.records = self.size = 0

    def begin(self) -> None:
        """Write what comes before the first block."""
        self._data.write(HEAD)
        self._count(HEAD)

    def add(self, records: list[Record]) -> None:
        """Write a block: first itself, then its line in the index."""
        content = encode_block(records)
        digest = hashlib.sha256(content).hexdigest()
        block = Block(len(content), len(records), records[0][0], records[-1][0], digest)
        self._data.write(content)
        self._index.write(block.line())
        self.keep(block, content)

    def keep(self, block: Block, content: bytes) -> None:
        """Count a block that is there already."""
        self._count(content)
        self._index_sha256.update(block.line())
        self.records += block.records

    def keep_head(self) -> None:
        """Count the head that is there already."""
        self._count(HEAD)

    @property
    def digests(self) -> tuple[str, str]:
        """The sha256 of file and index so far."""
        return self._sha256.hexdigest(), self._index_sha256.hexdigest()

    def _count(self, content: bytes) -> None:
        self._sha256.update(content)
        self.size += len(content)


def _steps(numbers: tuple[int, ...]) -> list[int]:
    return [number - before for number, before in zip(numbers, (0, *numbers), strict=False)]
