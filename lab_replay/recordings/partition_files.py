"""Records of a topic spread over its partitions as they come, then kept as a recording's files."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from labline.engine.core.record import Record
from labline.lab_replay.recordings.container import ContainerWriter, GrowingBlock
from labline.lab_replay.recordings.recording_format import (
    PartitionFile,
    data_name,
    entry_of,
    index_name,
)
from labline.lab_replay.recordings.schema_heads import SchemaHeads


class Spread:
    """Takes records one by one; memory holds a block a partition.

    Attributes
    ----------
    partitions
        How many the topic has: those without a record get a file, too.

    Examples
    --------
    >>> with Spread() as spread:
    ...     spread.partitions = 2
    ...     spread.add(1, 1_000, b"k", b"v")
    ...     entries = spread.finish()
    ...     names = [name for name, _ in spread.files("t")]
    >>> [(partition, entry.records) for partition, entry in entries.items()], names[2:]
    ([(0, 0), (1, 1)], ['t/1.avro', 't/1.blocks'])
    """

    def __init__(self) -> None:
        self.partitions = 0
        self._place = tempfile.TemporaryDirectory()
        self._kept: dict[int, _Kept] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._place.cleanup()

    def add(self, partition: int, time_ms: int, key: bytes | None, value: bytes | None) -> None:
        """Append a record to a partition."""
        self._of(partition).add(time_ms, key, value)

    def finish(self) -> dict[int, PartitionFile]:
        """Write what is left; return what the manifest says of each partition."""
        return {partition: self._of(partition).finish() for partition in range(self.partitions)}

    def files(self, topic: str) -> Iterator[tuple[str, Path]]:
        """Yield the finished files with what they are called in a recording."""
        for partition in range(self.partitions):
            kept = self._of(partition)
            yield data_name(topic, partition), kept.data.path
            yield index_name(topic, partition), kept.index.path

    def _of(self, partition: int) -> "_Kept":
        if partition not in self._kept:
            self._kept[partition] = _Kept(Path(self._place.name), partition)
        return self._kept[partition]


class _Appended:
    """A file that is open only while it is written to: those of many partitions are too many."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, data: bytes, /) -> None:
        with self.path.open("ab") as file:
            file.write(data)


class _Kept:
    """One partition's files, being written."""

    def __init__(self, folder: Path, partition: int) -> None:
        self.data = _Appended(folder / f"{partition}.avro")
        self.index = _Appended(folder / f"{partition}.blocks")
        self.index.write(b"")  # so that it is there, also without a block
        self._writer, self._heads = ContainerWriter(self.data, self.index), SchemaHeads()
        self._writer.begin()
        self._growing = GrowingBlock()
        self._next = 0

    def add(self, time_ms: int, key: bytes | None, value: bytes | None) -> None:
        self._write(self._growing.add((self._next, time_ms, key, value, None)))
        self._next += 1

    def finish(self) -> PartitionFile:
        self._write(self._growing.rest())
        return entry_of(self._writer, self._heads, 0, self._next)

    def _write(self, block: list[Record] | None) -> None:
        if block:
            self._heads.add(block)
            self._writer.add(block)
