"""Recordings: what a topic's log held, kept as files, exact.

One Avro container file a partition, under a manifest with ranges, counts and digests. Both times
are kept: the append time with the record, the event time inside its value.
"""

import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from confluent_kafka import KafkaException

from engine.broker.clients import admin_client
from engine.broker.reader import Offsets, partition_offsets, read_range
from engine.core.record import Record
from engine.errors import LablineError
from lab_replay.recording_format import (
    MANIFEST,
    Manifest,
    PartitionFile,
    damaged,
    file_sha256,
    partition_path,
    read_manifest,
    read_partition,
    write_manifest,
    write_partition,
)

CLUSTER_TIMEOUT_S = 30.0


def record(
    bootstrap: str,
    topics: list[str],
    out: Path,
    *,
    ends: Mapping[str, Mapping[int, int]] | None = None,
    progress: Callable[[int], None] | None = None,
) -> Manifest:
    """Record `topics` from their logs' start to their last stable offsets into the folder `out`.

    Nothing is committed, no group joined; memory is bounded by a few batches. The folder appears
    under its name only when it is complete.

    Parameters
    ----------
    ends
        Topic -> partition -> offset (exclusive) to stop at, instead of the last stable one.
    progress
        Told after every batch how many records it had.

    Raises
    ------
    LablineError
        ``LL-RECORDING-EXISTS``, ``-RANGE``, ``-READ``, ``LL-TOPIC-MISSING``.
    """
    if out.exists():
        remedy = "name another folder, or remove it"
        raise LablineError("LL-RECORDING-EXISTS", f"{out} is there already", remedy)
    ranges = _ranges(partition_offsets(bootstrap, topics), ends or {})
    cluster = str(admin_client(bootstrap).list_topics(timeout=CLUSTER_TIMEOUT_S).cluster_id)
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.") as scratch:
        folder = Path(scratch) / "recording"
        manifest = Manifest.of(cluster, _record_files(bootstrap, ranges, folder, progress))
        write_manifest(folder, manifest)
        folder.rename(out)
    return manifest


class Recording:
    """A recording on disk, verified when it was opened.

    Parameters
    ----------
    path, manifest
        Its folder and what is in it; use `open`.
    """

    def __init__(self, path: Path, manifest: Manifest) -> None:
        self.path = path
        self.manifest = manifest

    @classmethod
    def open(cls, path: Path) -> "Recording":
        """Return the recording in the folder `path`, every file checked against its digest.

        Raises
        ------
        LablineError
            ``LL-RECORDING-MISSING``, ``LL-RECORDING-DAMAGED`` naming the file.
        """
        manifest = read_manifest(path / MANIFEST)
        for topic, files in manifest.topics.items():
            for partition, entry in files.items():
                file = partition_path(path, topic, partition)
                if not file.is_file():
                    raise damaged(file, "is missing")
                if file_sha256(file) != entry.sha256:
                    raise damaged(file, "is not what was recorded (sha256)")
        return cls(path, manifest)

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
        """Yield a partition's records in the order of offsets, in batches of `BATCH_RECORDS`."""
        if partition not in self._files(topic):
            raise LablineError(
                "LL-RECORDING-TOPIC",
                f"{self.path} holds no partition {partition} of {topic}",
                f"recorded: {', '.join(map(str, self.partitions(topic)))}",
            )
        path = partition_path(self.path, topic, partition)
        with path.open("rb") as file:
            yield from read_partition(file)

    def _files(self, topic: str) -> dict[int, PartitionFile]:
        if topic not in self.manifest.topics:
            raise LablineError(
                "LL-RECORDING-TOPIC",
                f"{self.path} holds no topic {topic}",
                f"recorded: {', '.join(self.topics)}",
            )
        return self.manifest.topics[topic]


def _ranges(
    offsets: Mapping[str, Mapping[int, Offsets]], ends: Mapping[str, Mapping[int, int]]
) -> dict[tuple[str, int], tuple[int, int]]:
    ranges = {(t, p): (o.start, o.stable) for t, found in offsets.items() for p, o in found.items()}
    for topic, wanted in ends.items():
        for partition, end in wanted.items():
            start, stable = ranges.get((topic, partition), (0, -1))
            if not start <= end <= stable:
                log = f"[{start}, {stable}]" if stable >= 0 else "nothing"
                raise LablineError(
                    "LL-RECORDING-RANGE",
                    f"{topic}/{partition} cannot be recorded to offset {end}: the log has {log}",
                    "choose an end between the log's start and its last stable offset",
                )
            ranges[topic, partition] = (start, end)
    return ranges


def _record_files(
    bootstrap: str,
    ranges: Mapping[tuple[str, int], tuple[int, int]],
    folder: Path,
    progress: Callable[[int], None] | None,
) -> dict[str, dict[int, PartitionFile]]:
    files: dict[str, dict[int, PartitionFile]] = {}
    for (topic, partition), (start, end) in ranges.items():
        batches = _told(_read(bootstrap, topic, partition, start, end), progress)
        path = partition_path(folder, topic, partition)
        file = write_partition(path, batches, start=start, end=end)
        files.setdefault(topic, {})[partition] = file
    return files


def _read(
    bootstrap: str, topic: str, partition: int, start: int, end: int
) -> Iterator[list[Record]]:
    try:
        yield from read_range(bootstrap, topic, partition, start, end)
    except KafkaException as error:
        raise LablineError(
            "LL-RECORDING-READ",
            f"reading {topic}/{partition} from {start} to {end} failed: {error}",
            "is the broker well, and does the topic's retention leave time to read it?",
        ) from error


def _told(
    batches: Iterator[list[Record]], progress: Callable[[int], None] | None
) -> Iterator[list[Record]]:
    for batch in batches:
        yield batch
        if progress is not None:
            progress(len(batch))
