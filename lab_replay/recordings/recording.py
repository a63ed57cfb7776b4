"""Recordings: what a topic's log held, kept as files, exact, and checked while they are read.

One Avro container file a partition, under a manifest with ranges, counts and digests. Both times
are kept: the append time with the record, the event time inside its value.
"""

import hashlib
import io
from collections.abc import Iterator
from pathlib import Path

from labline.engine.core.record import Record
from labline.engine.errors import LablineError
from labline.lab_replay.recordings.container import HEAD, Block, decode_block
from labline.lab_replay.recordings.format_1 import read_rows
from labline.lab_replay.recordings.recording_format import (
    Manifest,
    PartitionFile,
    damaged,
    data_name,
    index_name,
    read_manifest,
)
from labline.lab_replay.recordings.storage import Store

HASHED_BYTES = 1024 * 1024


class Recording:
    """A recording, opened. Other processes get it by pickle: its URL and its manifest.

    Parameters
    ----------
    url, manifest
        Where it is and what is in it; use `open`.
    """

    def __init__(self, url: str | Path, manifest: Manifest) -> None:
        self.url = str(url)
        self.manifest = manifest
        self._store = Store(url)

    @classmethod
    def open(cls, url: str | Path, *, verify: bool = True) -> "Recording":
        """Return the recording in a folder or at a URL.

        Its files' sizes are checked here, and every block's digest when it is read: nothing that
        was altered is ever given out. (Files of format 1 have no digests of blocks: they are
        hashed here as a whole.)

        Parameters
        ----------
        verify
            False leaves out even the look at the sizes, for a process that was told of a
            recording by one that has looked.

        Raises
        ------
        LablineError
            ``LL-RECORDING-MISSING``, ``-UNFINISHED``, ``-DAMAGED`` naming the file, ``-URL``,
            ``-STORE``.
        """
        opened = cls(url, read_manifest(Store(url)))
        if verify:
            for topic, files in opened.manifest.topics.items():
                for partition, entry in files.items():
                    opened._look_at(topic, partition, entry)
        return opened

    def __reduce__(self) -> tuple[type["Recording"], tuple[str, Manifest]]:
        return type(self), (self.url, self.manifest)

    @property
    def digest(self) -> str:
        """The digest that stands for all of it."""
        return self.manifest.digest

    @property
    def topics(self) -> tuple[str, ...]:
        """The recorded topics."""
        return tuple(self.manifest.topics)

    def partitions(self, topic: str) -> tuple[int, ...]:
        """Return the recorded partitions of a topic, ascending."""
        return tuple(sorted(self._files(topic)))

    def records(self, topic: str, partition: int) -> Iterator[list[Record]]:
        """Yield a partition's records in the order of offsets, block by block.

        Raises
        ------
        LablineError
            ``LL-RECORDING-TOPIC``; ``LL-RECORDING-DAMAGED`` with the place, before any record
            of a block that was altered.
        """
        files = self._files(topic)
        if partition not in files:
            raise LablineError(
                "LL-RECORDING-TOPIC",
                f"{self.url} holds no partition {partition} of {topic}",
                f"recorded: {', '.join(map(str, self.partitions(topic)))}",
            )
        name = data_name(topic, partition)
        if self.manifest.format == 1:
            with self._store.reading(name) as file:
                yield from read_rows(file)
            return
        blocks = self._blocks(topic, partition, files[partition])
        with self._store.reading(name) as file:
            if file.read(len(HEAD)) != HEAD:
                raise damaged(self._store.path(name), "does not begin as it was recorded")
            for block in blocks:
                content = file.read(block.size)
                if hashlib.sha256(content).hexdigest() != block.sha256:
                    raise self._altered(name, block, len(content))
                yield decode_block(content)
            if file.read(1):
                raise damaged(self._store.path(name), "has more bytes than were recorded")

    def _blocks(self, topic: str, partition: int, entry: PartitionFile) -> list[Block]:
        name = index_name(topic, partition)
        content = self._store.read(name)
        if content is None:
            raise damaged(self._store.path(name), "is missing")
        if hashlib.sha256(content).hexdigest() != entry.index_sha256:
            raise damaged(self._store.path(name), "is not what was recorded (sha256)")
        found = [Block.parse(line) for line in io.BytesIO(content)]
        return [block for block in found if block is not None]

    def _altered(self, name: str, block: Block, got_bytes: int) -> LablineError:
        where = _offsets(block)
        if got_bytes < block.size:
            return damaged(self._store.path(name), f"ends within its block with {where}")
        return damaged(self._store.path(name), f"was altered in its block with {where}")

    def _look_at(self, topic: str, partition: int, entry: PartitionFile) -> None:
        name = data_name(topic, partition)
        size = self._store.size(name)
        if size is None:
            raise damaged(self._store.path(name), "is missing")
        if self.manifest.format == 1:
            with self._store.reading(name) as file:
                digest = hashlib.sha256()
                while piece := file.read(HASHED_BYTES):
                    digest.update(piece)
            if digest.hexdigest() != entry.sha256:
                raise damaged(self._store.path(name), "is not what was recorded (sha256)")
        elif size != entry.size:
            what = f"has {size:,} bytes where {entry.size:,} were recorded"
            if entry.size is not None and size < entry.size:
                what += self._where_it_ends(topic, partition, entry, size)
            raise damaged(self._store.path(name), what)

    def _where_it_ends(self, topic: str, partition: int, entry: PartitionFile, size: int) -> str:
        end = len(HEAD)
        for block in self._blocks(topic, partition, entry):
            end += block.size
            if end > size:
                return f": what is lost begins in the block with {_offsets(block)}"
        return ""

    def _files(self, topic: str) -> dict[int, PartitionFile]:
        if topic not in self.manifest.topics:
            raise LablineError(
                "LL-RECORDING-TOPIC",
                f"{self.url} holds no topic {topic}",
                f"recorded: {', '.join(self.topics)}",
            )
        return self.manifest.topics[topic]


def _offsets(block: Block) -> str:
    return f"offsets {block.first} to {block.last} ({block.records:,} records)"
