import io
import json
import pickle
from contextlib import nullcontext
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labline.engine.core.record import Record
from labline.engine.errors import LablineError
from labline.lab_replay.recordings.container import (
    BLOCK_MAX_BYTES,
    BLOCK_RECORDS,
    HEAD,
    Block,
    blocks_of,
)
from labline.lab_replay.recordings.recording import Recording
from labline.lab_replay.recordings.recording_format import (
    MANIFEST,
    UNFINISHED,
    Manifest,
    partition_path,
    write_manifest,
    write_partition,
)
from labline.lab_replay.recordings.storage import Store

TOPIC = "flights.departed"
RECORDS: list[Record] = [
    (3, 1_000, b"k", b"value", [("ce_source", b"ops"), ("ce_source", None)]),
    (4, 1_000, None, b"", []),
    (9, 900, b"", None, None),
    (10, -1, b"\xff\x00", b"\xc3\x01" + b"x" * 300_000, [("", b"")]),
]


def make(path: Path, records: list[Record], *, batch: int = 1) -> Recording:
    batches = [records[at : at + batch] for at in range(0, len(records), batch)]
    entry = write_partition(partition_path(path, TOPIC, 2), [*batches, []], start=3, end=12)
    write_manifest(path, Manifest.of("a cluster", {TOPIC: {2: entry}}))
    return Recording.open(path)


def held(recording: Recording) -> list[Record]:
    return [record for batch in recording.records(TOPIC, 2) for record in batch]


def test_what_was_written_is_read(tmp_path: Path) -> None:
    recording = make(tmp_path / "r", RECORDS)
    assert held(recording) == RECORDS
    assert recording.topics == (TOPIC,)
    assert recording.partitions(TOPIC) == (2,)
    entry = recording.manifest.topics[TOPIC][2]
    assert (entry.start, entry.end, entry.records) == (3, 12, 4)
    assert entry.writers == ("avro:7878787878787878", "unframed")
    assert recording.manifest.records == 4


def test_the_digest_depends_on_the_records_only(tmp_path: Path) -> None:
    one, two = make(tmp_path / "a", RECORDS), make(tmp_path / "b", RECORDS, batch=3)
    assert one.digest == two.digest
    other = [*RECORDS[:3], (*RECORDS[3][:4], None)]
    assert make(tmp_path / "d", other).digest != one.digest


def test_blocks_are_cut_by_the_records_alone() -> None:
    many: list[Record] = [(n, n, None, b"v", None) for n in range(2 * BLOCK_RECORDS + 1)]
    for batches in ([many], [many[:7], many[7:]], [[record] for record in many]):
        assert [len(b) for b in blocks_of(batches)] == [BLOCK_RECORDS, BLOCK_RECORDS, 1]
    large: list[Record] = [(n, n, None, b"v" * (BLOCK_MAX_BYTES // 4), None) for n in range(9)]
    assert [len(block) for block in blocks_of([large])] == [4, 4, 1]
    assert list(blocks_of([[], []])) == []


def test_an_empty_partition(tmp_path: Path) -> None:
    recording = make(tmp_path, [])
    assert held(recording) == []
    assert partition_path(tmp_path, TOPIC, 2).read_bytes() == HEAD


def test_it_is_an_avro_container(tmp_path: Path) -> None:
    import fastavro

    make(tmp_path, RECORDS)
    with partition_path(tmp_path, TOPIC, 2).open("rb") as file:
        [block] = fastavro.reader(file)
    assert isinstance(block, dict)
    assert block["offset_steps"] == [3, 1, 5, 1]
    assert block["values"] == [record[3] for record in RECORDS]


def test_another_process_opens_it_without_hashing(tmp_path: Path) -> None:
    recording = make(tmp_path, RECORDS)
    again: Recording = pickle.loads(pickle.dumps(recording))  # noqa: S301  # our own
    assert again.manifest == recording.manifest
    assert held(again) == RECORDS
    assert held(Recording.open(str(tmp_path), verify=False)) == RECORDS


SMALL = [(n, 1_000 + n, b"k%d" % n, b"value %d" % n, [("h", b"%d" % n)]) for n in range(9)]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, bytes]:
    path = tmp_path_factory.mktemp("small")
    make(path, [*SMALL])
    return path, partition_path(path, TOPIC, 2).read_bytes()


@given(st.data())
@settings(max_examples=300)
def test_damage_at_any_byte_is_refused_before_its_records(
    small: tuple[Path, bytes], data: st.DataObject
) -> None:
    path, right = small
    at = data.draw(st.integers(0, len(right) - 1), label="place")
    content = data.draw(
        st.sampled_from(
            [
                right[:at],
                right[:at] + bytes([right[at] ^ data.draw(st.integers(1, 255))]) + right[at + 1 :],
                right[:at] + right[at + 1 :],
                right[:at] + b"\0" + right[at:],
                right + right[at:],
            ]
        )
    )
    file = partition_path(path, TOPIC, 2)
    file.write_bytes(content)
    got: list[Record] = []
    try:
        recording = Recording.open(path, verify=False)
        with pytest.raises(LablineError) as caught:
            got.extend(record for batch in recording.records(TOPIC, 2) for record in batch)
        with pytest.raises(LablineError) if len(content) != len(right) else nullcontext():
            Recording.open(path)
    finally:
        file.write_bytes(right)
    assert caught.value.code == "LL-RECORDING-DAMAGED"
    assert str(file) in caught.value.message
    assert not got or len(content) > len(right)


def test_damage_names_the_place(tmp_path: Path) -> None:
    many: list[Record] = [(2 * n, n, None, b"v", None) for n in range(BLOCK_RECORDS + 10)]
    after = 2 * BLOCK_RECORDS
    recording = make(tmp_path, many)
    file = partition_path(tmp_path, TOPIC, 2)
    data = bytearray(file.read_bytes())
    data[-20] ^= 1
    file.write_bytes(data)
    batches = recording.records(TOPIC, 2)
    assert next(batches) == many[:BLOCK_RECORDS]
    with pytest.raises(LablineError, match=rf"offsets {after} to {after + 18} \(10 records\)"):
        next(batches)
    file.write_bytes(data[:-1])
    with pytest.raises(LablineError, match=rf"ends within its block with offsets {after} to"):
        list(recording.records(TOPIC, 2))
    with pytest.raises(LablineError, match=rf"what is lost begins in .* offsets {after} to"):
        Recording.open(tmp_path)
    file.write_bytes(data[:300])
    with pytest.raises(LablineError, match=rf"begins in .* offsets 0 to {after - 2}"):
        Recording.open(tmp_path)


@pytest.mark.parametrize("harm", ["cut", "flip", "gone"])
def test_a_damaged_index_is_named(tmp_path: Path, harm: str) -> None:
    recording = make(tmp_path, RECORDS)
    index = partition_path(tmp_path, TOPIC, 2).with_suffix(".blocks")
    content = index.read_bytes()
    match harm:
        case "cut":
            index.write_bytes(content[:-1])
        case "flip":
            index.write_bytes(content.replace(b"3", b"4"))
        case "gone":
            index.unlink()
    with pytest.raises(LablineError, match=r"LL-RECORDING-DAMAGED.*2\.blocks"):
        held(recording)


def test_a_line_of_an_index_is_a_block_or_nothing() -> None:
    block = Block(10, 2, 3, 4, "ab")
    assert Block.parse(block.line()) == block
    for line in (b"", b"[1,2]\n", block.line()[:-1], b'[1,2,3,"4","a"]\n', b"{}\n", b"\xff\n"):
        assert Block.parse(line) is None


def test_a_manifest_of_another_format_altered_or_pointing_elsewhere_is_refused(
    tmp_path: Path,
) -> None:
    make(tmp_path / "r", RECORDS)
    path = tmp_path / "r" / MANIFEST
    right = json.loads(path.read_text())
    topic = right["topics"][TOPIC]
    changes = [
        {"format": 3},
        {"format": 1},
        {"cluster": "b"},
        {"topics": {TOPIC: {"2": topic["2"] | {"records": 3}}}},
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
    (tmp_path / UNFINISHED).write_text("{}")
    with pytest.raises(LablineError, match="LL-RECORDING-UNFINISHED"):
        Recording.open(tmp_path)
    recording = make(tmp_path / "r", RECORDS)
    with pytest.raises(LablineError, match=r"recorded: flights\.departed"):
        recording.partitions("flights.arrived")
    with pytest.raises(LablineError, match="no partition 0"):
        next(recording.records(TOPIC, 0))
    partition_path(tmp_path / "r", TOPIC, 2).unlink()
    with pytest.raises(LablineError, match=r"2\.avro is missing"):
        Recording.open(tmp_path / "r")
    with pytest.raises(LablineError, match="LL-RECORDING-DAMAGED"):
        held(recording)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("ftp://host/x", "not kept at ftp"),
        ("http://host/x", "not kept at http"),
        ("s3://key:hidden@bucket/x", "a secret has no place in a URL"),
        ("simplecache::s3://bucket/x", "not kept at"),
        ("gs://bucket/x", "needs the package gcsfs"),
    ],
)
def test_a_place_that_is_none(url: str, says: str) -> None:
    with pytest.raises(LablineError, match=says) as caught:
        Store(url)
    assert caught.value.code == "LL-RECORDING-URL"
    assert "hidden" not in str(caught.value)


def test_a_recording_in_an_object_store(tmp_path: Path) -> None:
    make(tmp_path, RECORDS)
    store = Store("memory://bucket/year")
    for path in filter(Path.is_file, tmp_path.rglob("*")):
        store.write(path.relative_to(tmp_path).as_posix(), path.read_bytes())
    recording = Recording.open("memory://bucket/year")
    assert held(recording) == RECORDS
    data = bytearray(store.read(f"{TOPIC}/2.avro") or b"")
    data[-30] ^= 1
    with store.putting(f"{TOPIC}/2.avro") as file:
        file.write(bytes(data))
    with pytest.raises(LablineError, match="offsets 3 to 10"):
        held(recording)


BYTES = st.none() | st.binary(max_size=20)
HEADERS = st.none() | st.lists(st.tuples(st.text(max_size=5), BYTES), max_size=3)
ROW = st.tuples(st.integers(0, 2**62), st.integers(-1, 2**62), BYTES, BYTES, HEADERS)


@given(st.lists(ROW, max_size=30))
def test_any_records_survive(tmp_path_factory: pytest.TempPathFactory, rows: list[Record]) -> None:
    assert held(make(tmp_path_factory.getbasetemp() / "any", rows)) == rows
    assert io.BytesIO(HEAD).read(4) == b"Obj\x01"
