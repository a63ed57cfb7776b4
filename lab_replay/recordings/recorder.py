"""Recording: topics' records read off the broker into files, going on where it was cut off.

`unfinished.json` says what was asked, which ranges that meant when it began, and which partitions
are done. In a folder, a partition that is half written is cut back to its last whole block; an
object store shows no half-written file, so there it begins again.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Protocol

from confluent_kafka import KafkaException

from labline.engine.broker.reader import read_range
from labline.engine.core.record import Record
from labline.engine.errors import LablineError
from labline.lab_replay.recordings.container import (
    HEAD,
    Block,
    ContainerWriter,
    blocks_of,
    decode_block,
)
from labline.lab_replay.recordings.recording_format import (
    UNFINISHED,
    Manifest,
    PartitionFile,
    Redacted,
    data_name,
    entry_of,
    index_name,
    write_manifest,
)
from labline.lab_replay.recordings.redact import UNREADABLE, Redactor
from labline.lab_replay.recordings.schema_heads import SchemaHeads
from labline.lab_replay.recordings.storage import Store
from labline.lab_replay.recordings.unfinished import (
    Unfinished,
    asked_of,
    is_recorded,
    other_recording,
    plan_of,
    recording_ranges,
)

__all__ = ["is_recorded", "record", "recording_ranges"]

Told = Callable[[int], None]


class Predecessor(Protocol):
    """An earlier recording of the same topics, which the new one begins with."""

    @property
    def manifest(self) -> Manifest:
        """What it holds."""

    def records(self, topic: str, partition: int) -> Iterator[list[Record]]:
        """Yield a partition's records in the order of offsets."""


def record(
    bootstrap: str,
    topics: Sequence[str],
    out: str | Path,
    *,
    since: Sequence[str] = (),
    until: Sequence[str] = (),
    redactors: Mapping[str, Redactor] | None = None,
    extends: Predecessor | None = None,
    progress: Told | None = None,
) -> Manifest:
    """Record `topics` into a folder or URL, or go on where that was cut off.

    Nothing is committed, no group joined; memory is bounded by a few batches. It is a recording
    when its manifest is there, which is written last.

    Parameters
    ----------
    since, until
        A time, or offsets as ``TOPIC/PARTITION=OFFSET`` (to: exclusive); without them all that
        is committed now. A recording that goes on keeps the ranges that it began with.
    redactors
        By topic, what leaves personal data out of its records.
    extends
        An earlier recording of the same topics: its records come first, also those that the
        broker has no more, and only what is behind them is read off the broker.
    progress
        Told after every batch how many offsets it went forward.

    Raises
    ------
    LablineError
        ``LL-RECORDING-EXISTS``, ``-OTHER``, ``-RANGE``, ``-READ``, ``-STORE``, ``-URL``;
        ``LL-TOPIC-MISSING``.
    """
    store = Store(out)
    redactors = redactors or {}
    asked = asked_of(bootstrap, topics, since, until, redactors)
    with store.alone():
        plan = plan_of(bootstrap, store, asked, extends.manifest if extends else None)
        for topic, partitions in plan.ranges.items():
            for partition, stretch in partitions.items():
                told = progress or _unheard
                if partition in plan.done.get(topic, {}):
                    told(stretch[1] - stretch[0])
                    continue
                one = _Partition(bootstrap, store, topic, partition, stretch, redactors.get(topic))
                log_start = plan.log_starts.get(topic, {}).get(partition)
                if extends is not None and log_start is not None:
                    one.held, one.log_start = extends.records(topic, partition), log_start
                plan.done.setdefault(topic, {})[partition] = one.record(told)
                plan.unreadable[topic] = plan.unreadable.get(topic, 0) + one.unreadable
                plan.save(store)
        return _finished(store, plan)


def _finished(store: Store, plan: Unfinished) -> Manifest:
    """Write the manifest of a recording of which nothing is missing."""
    redacted = {
        topic: Redacted(fields=fields, keys=keys, unreadable=plan.unreadable.get(topic, 0))
        for topic, (fields, keys) in plan.asked.redacted.items()
    }
    manifest = Manifest.of(plan.asked.cluster, plan.done, redacted)
    write_manifest(store, manifest)
    store.remove(UNFINISHED)
    return manifest


class _Partition:
    """One partition on its way into its file.

    Attributes
    ----------
    held
        What another recording has of it; the broker is read from `log_start` on.
    """

    def __init__(
        self,
        bootstrap: str,
        store: Store,
        topic: str,
        partition: int,
        stretch: tuple[int, int],
        redactor: Redactor | None,
    ) -> None:
        self._bootstrap, self._store = bootstrap, store
        self._topic, self._partition = topic, partition
        self._start, self._end = stretch
        self.held: Iterable[list[Record]] = ()
        self.log_start = self._start
        self._redactor = redactor
        self._heads = SchemaHeads()
        self._last: Record | None = None  # of those kept
        self._counts_unreadable = redactor is not None and bool(redactor.summary.fields)
        self._unreadable_before = redactor.unreadable if redactor else 0
        self._unreadable_kept = 0
        self._names = (data_name(topic, partition), index_name(topic, partition))

    @property
    def unreadable(self) -> int:
        """How many of its values could not be redacted and are empty."""
        read = self._redactor.unreadable - self._unreadable_before if self._redactor else 0
        return read + self._unreadable_kept

    def record(self, told: Told) -> PartitionFile:
        """Write it, or what of it is missing."""
        data_at, index_at = self._names
        opened = self._store.extending if self._store.local else self._store.putting
        with ExitStack() as stack:
            data = stack.enter_context(opened(data_at))
            index = stack.enter_context(opened(index_at))
            writer = ContainerWriter(data, index)
            if self._store.local:
                self._keep(writer, data, index)
            else:
                writer.begin()
            next_offset = self._start if self._last is None else self._last[0] + 1
            told(next_offset - self._start)
            for block in blocks_of(self._read(next_offset, told)):
                self._heads.add(block)
                writer.add(block)
                if self._store.local:  # so that a killed process leaves whole blocks
                    data.flush()
                    index.flush()
        return entry_of(writer, self._heads, self._start, self._end)

    def _keep(self, writer: ContainerWriter, data: IO[bytes], index: IO[bytes]) -> None:
        """Go over what is there; cut both files behind the last block that is whole."""
        if data.read(len(HEAD)) != HEAD:
            for file in (data, index):
                file.seek(0)
                file.truncate()
            writer.begin()
            return
        writer.keep_head()
        index_size = 0
        for line in index:
            block = Block.parse(line)
            content = data.read(block.size) if block else b""
            if block is None or hashlib.sha256(content).hexdigest() != block.sha256:
                break
            records = decode_block(content)
            self._heads.add(records)
            self._last = records[-1]
            if self._counts_unreadable:
                self._unreadable_kept += sum(value == UNREADABLE for *_, value, _ in records)
            writer.keep(block, content)
            index_size += len(line)
        for file, size in ((data, writer.size), (index, index_size)):
            file.seek(size)
            file.truncate()

    def _read(self, next_offset: int, told: Told) -> Iterator[list[Record]]:
        last = self._last
        # its last record is read again: a topic of this name may be another one by now
        begin = next_offset if last is None else last[0]
        for got in self._batches(begin if next_offset < self._end else self._end):
            batch = self._redactor.redact(got) if self._redactor else got
            if last is not None and batch[0][0] == last[0]:
                if batch[0] != last:
                    raise other_recording(
                        f"{self._topic} is not the topic that the recording began with"
                    )
                if self._counts_unreadable and last[3] == UNREADABLE:
                    self._unreadable_kept -= 1  # it was counted again
                batch = batch[1:]
            last = None
            if batch:
                yield batch
                told(batch[-1][0] + 1 - next_offset)
                next_offset = batch[-1][0] + 1
        told(self._end - next_offset)

    def _batches(self, start: int) -> Iterator[list[Record]]:
        for batch in self.held:
            if left := [record for record in batch if record[0] >= start]:
                yield left
        start = max(start, self.log_start)
        try:
            yield from read_range(self._bootstrap, self._topic, self._partition, start, self._end)
        except KafkaException as error:
            raise LablineError(
                "LL-RECORDING-READ",
                f"reading {self._topic}/{self._partition} from {start} to {self._end} failed: "
                f"{error}",
                "is the broker well? then the same command goes on; if the topic's retention "
                f"took the records away, remove {self._store.url} and begin again",
            ) from error


def _unheard(_: int) -> None:
    pass
