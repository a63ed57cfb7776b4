"""The flights as a recording made from the data alone, without a broker: for trying things out."""

from collections import defaultdict
from collections.abc import Callable
from datetime import date
from pathlib import Path

from labline.engine.core.record import Record
from labline.engine.demo.flights_source import FIRST_DAY, LAST_DAY, timeline
from labline.engine.demo.history import TOPICS
from labline.engine.workspace.workspace import Workspace
from labline.lab_replay.recordings.recording import Recording
from labline.lab_replay.recordings.recording_format import (
    Manifest,
    partition_path,
    write_manifest,
    write_partition,
)
from labline.topics.partitioning import partition_of


def record_flights(
    space: Workspace,
    folder: Path,
    first: date = FIRST_DAY,
    last: date = LAST_DAY,
    progress: Callable[[int], None] | None = None,
) -> Recording:
    """Write what a broker's log would hold had each flight been published at its time.

    Parameters
    ----------
    space
        A workspace of the flights example.
    folder
        To make.
    """
    logs: dict[tuple[str, int], list[Record]] = defaultdict(list)
    topics = {name: space.topics()[topic] for name, topic in TOPICS.items()}
    encoders = {name: space.schema_of(topic).encode for name, topic in topics.items()}
    for time_ms, name, datum in timeline(first, last):
        topic = topics[name]
        key = str(datum[topic.key]).encode()
        log = logs[topic.name, partition_of(key, topic.partitions)]
        log.append((len(log), time_ms, key, encoders[name](datum), None))
        if progress is not None:
            progress(1)
    files: dict[str, dict[int, object]] = {}
    for topic in topics.values():
        for partition in range(topic.partitions):
            log = logs[topic.name, partition]
            path = partition_path(folder, topic.name, partition)
            files.setdefault(topic.name, {})[partition] = write_partition(
                path, [log], start=0, end=len(log)
            )
    write_manifest(folder, Manifest.of("none", files))  # type: ignore[arg-type]
    return Recording.open(folder)
