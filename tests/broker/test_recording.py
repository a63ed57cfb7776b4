from pathlib import Path

import pytest
from confluent_kafka import Producer, TopicPartition

from labline.engine.broker.clients import admin_client, producer_config
from labline.engine.broker.reader import partition_offsets
from labline.engine.errors import LablineError
from labline.lab_replay.recordings.recorder import record, recording_ranges
from labline.lab_replay.recordings.recording import Recording
from labline.lab_replay.recordings.redact import Redactor
from labline.schemas.avro import Schema
from labline.schemas.values.formats import reader_of
from tests.broker.recorded import after, create, held, publish

pytestmark = pytest.mark.broker

CHECKED = Schema.parse(
    {
        "type": "record",
        "name": "Person",
        "fields": [
            {"name": "id", "type": "string"},
            {"name": "mail", "type": ["null", "string"]},
            {"name": "age", "type": "int"},
        ],
    }
)


def test_a_topic_is_recorded_exactly(broker: str, name: str, tmp_path: Path) -> None:
    topic = f"{name}.flights"
    create(broker, topic, 3)
    publish(broker, topic)
    told: list[int] = []
    manifest = record(broker, [topic], tmp_path / "one", progress=told.append)
    recording = Recording.open(tmp_path / "one")
    assert recording.manifest == manifest
    assert manifest.cluster == admin_client(broker).list_topics(timeout=30).cluster_id
    assert manifest.records == 6_000 + 2 + 10
    assert sum(told) == 6_000 + 2 + 2 * (10 + 1)  # offsets: aborted records and markers, too
    assert recording.partitions(topic) == (0, 1, 2)
    first = held(recording, topic, 0)
    assert [r[0] for r in first] == list(range(6_000))
    assert [r[3] for r in first] == [b"v%d" % n for n in range(6_000)]
    assert first[5][2] == b"k5"
    assert first[5][4] == [("ce_source", b"t"), ("n", None)]
    assert first[0][1] > 1_700_000_000_000  # the append time
    other = held(recording, topic, 1)
    assert [(r[2], r[3]) for r in other[:2]] == [(None, None), (b"", b"")]
    assert [r[3] for r in other[2:]] == [b"good%d" % n for n in range(10)]
    assert other[2][0] == 2 + 10 + 1  # aborted records and the marker take offsets
    offsets = partition_offsets(broker, [topic])[topic]
    ranges = {p: (f.start, f.end) for p, f in manifest.topics[topic].items()}
    assert ranges == {p: (o.start, o.stable) for p, o in offsets.items()}
    assert not held(recording, topic, 2)
    # the same range, later, is the same recording
    publish(broker, topic)
    until = [f"{topic}/{p}={f.end}" for p, f in manifest.topics[topic].items()]
    assert record(broker, [topic], tmp_path / "two", until=until) == manifest
    assert record(broker, [topic], tmp_path / "three").records == 2 * manifest.records


def test_a_stretch_by_times_and_offsets(broker: str, name: str, tmp_path: Path) -> None:
    topics = [f"{name}.a", f"{name}.b"]
    producer = Producer(producer_config(broker))
    for topic in topics:
        create(broker, topic, 2, "CreateTime")
        for day in range(1, 11):
            at_ms = 1_356_998_400_000 + (day - 1) * 86_400_000  # 2013-01-01
            producer.produce(topic, b"%d" % day, b"k", day % 2, timestamp=at_ms)
    assert producer.flush(30) == 0
    bounds = {"since": ["2013-01-03"], "until": ["2013-01-06T00:00:00Z", f"{topics[1]}/0=5"]}
    record(broker, topics, tmp_path / "r", **bounds)  # type: ignore[arg-type]
    recording = Recording.open(tmp_path / "r")
    days = {
        (topic, p): [int(r[3] or b"") for r in held(recording, topic, p)]
        for topic in topics
        for p in (0, 1)
    }
    assert days == {
        (topics[0], 0): [4], (topics[0], 1): [3, 5],
        (topics[1], 0): [4, 6, 8, 10], (topics[1], 1): [3, 5],
    }  # fmt: skip
    for since, until, code in (
        (["2020-01-01"], [], "RANGE"),
        ([], ["2012-01-01"], "RANGE"),
        ([f"{topics[0]}/0=6"], [], "RANGE"),
        ([], [f"{topics[0]}/7=0"], "RANGE"),
        ([f"{name}.other/0=0"], [], "RANGE"),
        (["yesterday"], [], "BOUND"),
        (["2013-01-01T10:00"], [], "BOUND"),
        (["2013-01-01", "2013-01-02"], [], "BOUND"),
    ):
        with pytest.raises(LablineError, match=f"LL-RECORDING-{code}"):
            record(broker, topics, tmp_path / "none", since=since, until=until)
        assert not (tmp_path / "none").exists()
    # what is before the log's start is gone
    admin = admin_client(broker)
    for future in admin.delete_records([TopicPartition(topics[0], 1, 2)]).values():
        future.result()
    record(broker, topics[:1], tmp_path / "rest")
    assert [r[0] for r in held(Recording.open(tmp_path / "rest"), topics[0], 1)] == [2, 3, 4]


def test_nothing_is_left_on_the_broker(broker: str, name: str, tmp_path: Path) -> None:
    topic = f"{name}.flights"
    create(broker, topic, 3)
    publish(broker, topic)
    admin = admin_client(broker)

    def seen() -> tuple[object, ...]:
        groups = admin.list_consumer_groups(request_timeout=30).result()
        topics = sorted(admin.list_topics(timeout=30).topics)
        return sorted(g.group_id for g in groups.valid), topics, partition_offsets(broker, topics)

    before = seen()
    record(broker, [topic], tmp_path / "r")
    assert seen() == before


def test_refusals_leave_nothing_behind(broker: str, name: str, tmp_path: Path) -> None:
    topic = f"{name}.flights"
    create(broker, topic, 1)
    with pytest.raises(LablineError, match="LL-TOPIC-MISSING"):
        record(broker, [f"{name}.none"], tmp_path / "r")
    assert not list(tmp_path.iterdir())
    (tmp_path / "r").mkdir()
    (tmp_path / "r" / "letter.txt").write_text("mine")
    with pytest.raises(LablineError, match="LL-RECORDING-EXISTS"):
        record(broker, [topic], tmp_path / "r")
    assert [path.name for path in (tmp_path / "r").iterdir()] == ["letter.txt"]


def test_a_recording_in_an_object_store(broker: str, name: str) -> None:
    topic = f"{name}.flights"
    create(broker, topic, 3)
    publish(broker, topic)
    url = f"memory://bucket/{name}"

    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        record(broker, [topic], url, progress=after(5, interrupt))
    manifest = record(broker, [topic], url)
    recording = Recording.open(url)
    assert recording.manifest == manifest
    assert len(held(recording, topic, 0)) == 6_000


def test_redacted(broker: str, name: str, tmp_path: Path) -> None:
    topic = f"{name}.people"
    create(broker, topic, 1)
    producer = Producer(producer_config(broker))
    person = {"id": "a", "mail": "a@b.c", "age": 41}
    values = [CHECKED.encode(person), b"no frame: a@b.c", None, CHECKED.encode(person)]
    for value in values:
        producer.produce(topic, value, b"a@b.c", 0, headers=[("h", b"1")])
    assert producer.flush(30) == 0

    def redactors() -> dict[str, Redactor]:
        return {topic: Redactor(reader_of(CHECKED), ["mail", "age"], keys=True)}

    assert recording_ranges(broker, [topic], tmp_path / "r", redactors=redactors())
    manifest = record(broker, [topic], tmp_path / "r", redactors=redactors())
    assert manifest.redacted[topic].model_dump() == {
        "fields": ("mail", "age"), "keys": True, "unreadable": 1,
    }  # fmt: skip
    content = b"".join(
        path.read_bytes() for path in (tmp_path / "r").rglob("*.*") if path.is_file()
    )
    assert b"a@b.c" not in content
    records = held(Recording.open(tmp_path / "r"), topic, 0)
    left = {"id": "a", "mail": None, "age": 0}
    assert [CHECKED.decode(r[3]) for r in records[::3]] == [left, left]
    assert [(r[0], r[2], r[4]) for r in records] == [(n, None, [("h", b"1")]) for n in range(4)]
    assert [r[3] for r in records[1:3]] == [b"", None]
