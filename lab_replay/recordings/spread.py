"""Records of a topic spread over its partitions as they come, then kept as a recording's files."""

import tempfile
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from engine.core.record import Record
from lab_replay.recordings.container import BLOCK_RECORDS, ContainerWriter
from lab_replay.recordings.recording_format import PartitionFile, data_name, entry_of, index_name
from lab_replay.recordings.storage import Store
from lab_replay.recordings.writers import Writers


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
    ...     files = spread.keep(Store("memory://examples/spread"), "t")
    >>> [(partition, file.records) for partition, file in files.items()]
    [(0, 0), (1, 1)]
    """

    def __init__(self) -> None:
        self.partitions = 0
        self._stack = ExitStack()
        self._kept: dict[int, _Kept] = {}

    def __enter__(self) -> Self:
        self._folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory()))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def add(self, partition: int, time_ms: int, key: bytes | None, value: bytes | None) -> None:
        """Append a record to a partition."""
        self._of(partition).add(time_ms, key, value)

    def keep(self, store: Store, topic: str) -> dict[int, PartitionFile]:
        """Put the files where they belong; return what the manifest says of them."""
        files = {}
        for partition in range(self.partitions):
            kept = self._of(partition)
            files[partition] = kept.finish()
            store.upload(data_name(topic, partition), kept.data_path)
            store.upload(index_name(topic, partition), kept.index_path)
        return files

    def _of(self, partition: int) -> "_Kept":
        if partition not in self._kept:
            self._kept[partition] = _Kept(self._folder, partition, self._stack)
        return self._kept[partition]


class _Kept:
    """One partition's files, being written."""

    def __init__(self, folder: Path, partition: int, stack: ExitStack) -> None:
        self.data_path = folder / f"{partition}.avro"
        self.index_path = folder / f"{partition}.blocks"
        self._files: list[IO[bytes]] = [
            stack.enter_context(path.open("wb")) for path in (self.data_path, self.index_path)
        ]
        self._writer, self._writers = ContainerWriter(*self._files), Writers()
        self._writer.begin()
        self._block: list[Record] = []
        self._next = 0

    def add(self, time_ms: int, key: bytes | None, value: bytes | None) -> None:
        self._block.append((self._next, time_ms, key, value, None))
        self._next += 1
        if len(self._block) == BLOCK_RECORDS:
            self._write()

    def finish(self) -> PartitionFile:
        self._write()
        for file in self._files:
            file.close()
        return entry_of(self._writer, self._writers, 0, self._next)

    def _write(self) -> None:
        if self._block:
            self._writers.see(self._block)
            self._writer.add(self._block)
            self._block = []
