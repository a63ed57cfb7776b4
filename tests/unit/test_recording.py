import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.record import Record
from engine.errors import LablineError
from lab_replay.recording import Recording
from lab_replay.recording_format import (
    BATCH_RECORDS,
    MANIFEST,
    Manifest,
    partition_path,
    read_partition,
    write_manifest,
    write_partition,
)

RECORDS: list[Record] = [
    (3, 1_000, b"k", b"value", [("ce_source", b"ops"), ("ce_source", None)]),
    (4, 1_000, None, b"", []),
    (9, 900, b"", None, None),
    (10, -1, b"\xff\x00", b"\xc3\x01" + b"x" * 300_000, [("", b"")]),
]


def make(path: Path, records: list[Record]) -> Recording:
    folder = path / "flights.departed"
    folder.mkdir(parents=True)
    batches = [records[:1], [], records[1:]]
    entry = write_partition(folder / "2.avro", batches, start=3, end=12)
    write_manifest(path, Manifest.of("a cluster", {"flights.departed": {2: entry}}))
    return Recording.open(path)


def test_what_was_written_is_read(tmp_path: Path) -> None:
    recording = make(tmp_path / "r", RECORDS)
    assert list(recording.records("flights.departed", 2)) == [RECORDS]
    assert recording.topics == ("flights.departed",)
    assert recording.partitions("flights.departed") == (2,)
    entry = recording.manifest.topics["flights.departed"][2]
    assert (entry.start, entry.end, entry.records) == (3, 12, 4)
    assert recording.manifest.records == 4


def test_the_digest_depends_on_the_records_only(tmp_path: Path) -> None:
    one, two = make(tmp_path / "a", RECORDS), make(tmp_path / "b", RECORDS)
    assert one.digest == two.digest
    (tmp_path / "c").mkdir()
    other = [*RECORDS[:3], (*RECORDS[3][:4], None)]
    assert make(tmp_path / "c" / "d", other).digest != one.digest


def test_an_empty_partition_and_full_batches(tmp_path: Path) -> None:
    path = tmp_path / "p.avro"
    assert write_partition(path, [], start=0, end=0).records == 0
    with path.open("rb") as file:
        assert list(read_partition(file)) == []
    many: list[Record] = [(n, n, None, b"v", None) for n in range(2 * BATCH_RECORDS + 1)]
    write_partition(path, iter([many]), start=0, end=len(many))
    with path.open("rb") as file:
        assert [len(batch) for batch in read_partition(file)] == [BATCH_RECORDS, BATCH_RECORDS, 1]


@pytest.mark.parametrize("harm", ["cut", "flip", "gone"])
def test_a_damaged_file_is_named(tmp_path: Path, harm: str) -> None:
    make(tmp_path / "r", RECORDS)
    path = partition_path(tmp_path / "r", "flights.departed", 2)
    data = bytearray(path.read_bytes())
    data[-40] ^= 1
    match harm:
        case "cut":
            path.write_bytes(path.read_bytes()[:-1])
        case "flip":
            path.write_bytes(data)
        case "gone":
            path.unlink()
    with pytest.raises(LablineError) as caught:
        Recording.open(tmp_path / "r")
    assert caught.value.code == "LL-RECORDING-DAMAGED"
    assert str(path) in caught.value.message


def test_a_manifest_of_another_format_altered_or_pointing_elsewhere_is_refused(
    tmp_path: Path,
) -> None:
    make(tmp_path / "r", RECORDS)
    path = tmp_path / "r" / MANIFEST
    right = json.loads(path.read_text())
    topic = right["topics"]["flights.departed"]
    changes = [
        {"format": 2},
        {"cluster": "b"},
        {"topics": {"flights.departed": {"2": topic["2"] | {"records": 3}}}},
        {"topics": {"..": topic}},
        {"topics": {".": topic}},
        {"topics": {"a/b": topic}},
    ]
    for change in changes:
        path.write_text(json.dumps(right | change))
        with pytest.raises(LablineError) as caught:
            Recording.open(tmp_path / "r")
        assert caught.value.code == "LL-RECORDING-DAMAGED"
        assert str(path) in caught.value.message


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(LablineError, match="LL-RECORDING-MISSING"):
        Recording.open(tmp_path)
    recording = make(tmp_path / "r", RECORDS)
    with pytest.raises(LablineError, match=r"recorded: flights\.departed"):
        recording.partitions("flights.arrived")
    with pytest.raises(LablineError, match="no partition 0"):
        next(recording.records("flights.departed", 0))


BYTES = st.none() | st.binary(max_size=20)
HEADERS = st.none() | st.lists(st.tuples(st.text(max_size=5), BYTES), max_size=3)
ROW = st.tuples(st.integers(0, 2**62), st.integers(-1, 2**62), BYTES, BYTES, HEADERS)


@given(st.lists(ROW, max_size=30))
def test_any_records_survive(tmp_path_factory: pytest.TempPathFactory, rows: list[Record]) -> None:
    path = tmp_path_factory.getbasetemp() / "any.avro"
    write_partition(path, [rows], start=0, end=1)
    with path.open("rb") as file:
        assert [row for batch in read_partition(file) for row in batch] == rows
