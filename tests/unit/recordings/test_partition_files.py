import resource
from pathlib import Path

from labline.lab_replay.recordings.container import BLOCK_MAX_BYTES
from labline.lab_replay.recordings.partition_files import Spread
from labline.lab_replay.recordings.recording import Recording
from labline.lab_replay.recordings.recording_format import (
    Manifest,
    partition_path,
    write_manifest,
    write_partition,
)
from labline.lab_replay.recordings.storage import Store


def kept(spread: Spread, folder: Path) -> Recording:
    store = Store(folder)
    entries = spread.finish()
    for name, path in spread.files("t"):
        store.upload(name, path)
    write_manifest(store, Manifest.of("none", {"t": entries}))
    return Recording.open(folder)


def test_large_records_are_cut_into_the_blocks_that_any_recording_has(tmp_path: Path) -> None:
    large = b"x" * (BLOCK_MAX_BYTES // 3)
    records = [(n, n, b"k", large if n % 2 else b"", None) for n in range(20)]
    with Spread() as spread:
        spread.partitions = 1
        for _, time_ms, key, value, _ in records:
            spread.add(0, time_ms, key, value)
        recording = kept(spread, tmp_path / "spread")
    assert [len(block) for block in recording.records("t", 0)] == [6, 6, 6, 2]
    path = partition_path(tmp_path / "written", "t", 0)
    entry = write_partition(path, [records], start=0, end=20)
    assert recording.manifest.topics["t"][0] == entry


def test_partitions_are_more_than_files_may_be_open(tmp_path: Path) -> None:
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (128, limits[1]))
    try:
        with Spread() as spread:
            spread.partitions = 100
            for n in range(200):
                spread.add(n % 100, n, b"k", b"v")
            recording = kept(spread, tmp_path / "r")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert recording.manifest.records == 200
