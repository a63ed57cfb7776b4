"""Topics to be recorded, and what a recording of them holds."""

from collections.abc import Callable

from confluent_kafka import Producer
from confluent_kafka.admin import NewTopic

from labline.engine.broker.clients import admin_client, producer_config
from labline.engine.core.record import Record
from labline.lab_replay.recordings.recording import Recording


def create(bootstrap: str, topic: str, partitions: int, times: str = "LogAppendTime") -> None:
    """Make a topic that keeps its records."""
    settings = {"message.timestamp.type": times, "retention.ms": "-1"}
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


def held(recording: Recording, topic: str, partition: int) -> list[Record]:
    """Return a partition's records."""
    return [record for batch in recording.records(topic, partition) for record in batch]


def after(times: int, act: Callable[[int], None]) -> Callable[[int], None]:
    """Return what lets so many calls pass before it acts on each."""
    left = [times]

    def told(offsets: int) -> None:
        left[0] -= 1
        if left[0] < 0:
            act(offsets)

    return told
