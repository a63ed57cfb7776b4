import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import NewTopic

from engine.broker.clients import admin_client, producer_config
from engine.broker.reader import partition_offsets
from engine.core.record import Record
from engine.errors import LablineError
from lab_replay.recording import Recording, record

pytestmark = pytest.mark.broker


def create(bootstrap: str, topic: str, partitions: int) -> None:
    settings = {"message.timestamp.type": "LogAppendTime", "retention.ms": "-1"}
    new = NewTopic(topic, partitions, 1, config=settings)
    admin = admin_client(bootstrap)  # its futures end with it
    admin.create_topics([new])[topic].result(30)


def publish(bootstrap: str, topic: str) -> None:
    """Put committed, aborted and plain records into two of three partitions."""
    plain = Producer(producer_config(bootstrap))
    for n in range(6_000):
        plain.produce(topic, b"v%d" % n, b"k%d" % n, 0, headers=[("ce_source", b"t"), ("n", None)])
        if n % 1_000 == 0:
            plain.poll(0)
    plain.produce(topic, None, None, 1)
    plain.produce(topic, b"", b"", 1, headers=[])
    assert plain.flush(30) == 0
    for number, commit in enumerate((False, True)):
        writer = Producer(producer_config(bootstrap, transactional_id=f"{topic}.{number}"))
        writer.init_transactions(30)
        writer.begin_transaction()
        for n in range(10):
            writer.produce(topic, b"%s%d" % (b"good" if commit else b"bad", n), None, 1)
        writer.flush(30)
        (writer.commit_transaction if commit else writer.abort_transaction)(30)


def test_a_topic_is_recorded_exactly(
    broker: str, name: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("recordings")
    topic = f"{name}.flights"
    create(broker, topic, 3)
    publish(broker, topic)
    told: list[int] = []
    manifest = record(broker, [topic], folder / "one", progress=told.append)
    recording = Recording.open(folder / "one")
    assert recording.manifest == manifest
    assert manifest.cluster == admin_client(broker).list_topics(timeout=30).cluster_id
    assert sum(told) == manifest.records == 6_000 + 2 + 10
    assert recording.partitions(topic) == (0, 1, 2)
    held: list[Record] = [r for batch in recording.records(topic, 0) for r in batch]
    assert [r[0] for r in held] == list(range(6_000))
    assert [r[3] for r in held] == [b"v%d" % n for n in range(6_000)]
    assert held[5][2] == b"k5"
    assert held[5][4] == [("ce_source", b"t"), ("n", None)]
    assert held[0][1] > 1_700_000_000_000  # the append time
    other = [r for batch in recording.records(topic, 1) for r in batch]
    assert [(r[2], r[3]) for r in other[:2]] == [(None, None), (b"", b"")]
    assert [r[3] for r in other[2:]] == [b"good%d" % n for n in range(10)]
    assert other[2][0] == 2 + 10 + 1  # aborted records and the marker take offsets
    offsets = partition_offsets(broker, [topic])[topic]
    ranges = {p: (f.start, f.end) for p, f in manifest.topics[topic].items()}
    assert ranges == {p: (o.start, o.stable) for p, o in offsets.items()}
    assert not list(recording.records(topic, 2))
    assert [path.name for path in folder.iterdir()] == ["one"]
    # the same range, later, is the same recording
    publish(broker, topic)
    ends = {topic: {p: f.end for p, f in manifest.topics[topic].items()}}
    assert record(broker, [topic], folder / "two", ends=ends) == manifest
    assert record(broker, [topic], folder / "three").records == 2 * manifest.records


def test_refusals_leave_nothing_behind(
    broker: str, name: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("recordings")
    topic = f"{name}.flights"
    create(broker, topic, 1)
    with pytest.raises(LablineError, match="LL-TOPIC-MISSING"):
        record(broker, [f"{name}.none"], folder / "r")
    for ends in ({topic: {0: 5}}, {topic: {7: 0}}, {"other": {0: 0}}):
        with pytest.raises(LablineError, match="LL-RECORDING-RANGE"):
            record(broker, [topic], folder / "r", ends=ends)

    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    publish_one = Producer(producer_config(broker))
    publish_one.produce(topic, b"v")
    assert publish_one.flush(30) == 0
    with pytest.raises(KeyboardInterrupt):
        record(broker, [topic], folder / "r", progress=interrupt)
    assert not list(folder.iterdir())
    assert record(broker, [topic], folder / "r").records == 1
    with pytest.raises(LablineError, match="LL-RECORDING-EXISTS"):
        record(broker, [topic], folder / "r")
