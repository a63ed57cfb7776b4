"""Publishing to a real Kafka: what is there afterwards, byte for byte, and what is said."""

import json
import time
from pathlib import Path

import pytest
import typer
from confluent_kafka import OFFSET_BEGINNING, Consumer, Message, TopicPartition, murmur2  # type: ignore[attr-defined]
from typer.testing import CliRunner

from engine.broker.clients import admin_client, consumer_config
from engine.cli.publish import publish
from engine.errors import LablineError
from engine.publish.publisher import Publisher
from schemas.avro import Schema, SchemaViolation
from topics.apply import apply
from topics.declaration import Topic
from topics.plan import declaration, plan

DOCUMENT = {
    "type": "record",
    "name": "R",
    "fields": [
        {"name": "id", "type": "string"},
        {"name": "k", "type": ["null", "string"]},
        {"name": "x", "type": "double", "minimum": 0},
    ],
}
SCHEMA = Schema.parse(DOCUMENT)


def made(broker: str, name: str) -> Topic:
    topic = Topic(name=f"{name}.events", schema="r.avsc", key="k", partitions=3)
    apply(admin_client(broker), plan([declaration(topic)], {}))
    return topic


def everything(broker: str, topic: Topic, count: int) -> list[Message]:
    """Read `count` records, and see that there are no more."""
    consumer = Consumer(consumer_config(broker))
    consumer.assign([TopicPartition(topic.name, p, OFFSET_BEGINNING) for p in range(3)])
    found: list[Message] = []
    ended: set[int | None] = set()
    deadline_s = time.monotonic() + 30
    while len(ended) < topic.partitions and time.monotonic() < deadline_s:
        message = consumer.poll(1.0)
        if message is None:
            continue
        if message.error():
            ended.add(message.partition())  # the only error there is: the partition's end
        else:
            found.append(message)
    consumer.close()
    assert len(found) == count
    return found


def test_what_is_sent_is_there(broker: str, name: str) -> None:
    topic = made(broker, name)
    data = [{"id": str(n), "k": f"key{n % 7}", "x": float(n)} for n in range(2_000)]
    places: set[tuple[int, int]] = set()
    with Publisher(broker, topic, SCHEMA) as publisher:
        for datum in data:
            publisher.send(datum, lambda partition, offset: places.add((partition, offset)))
    assert publisher.sent == len(places) == len(data)
    found = everything(broker, topic, len(data))
    assert sorted(m.value() or b"" for m in found) == sorted(map(SCHEMA.encode, data))
    for message in found:
        key = message.key()
        assert isinstance(key, bytes)
        assert message.partition() == murmur2(key, 3)  # where Java's clients put it too
        assert message.headers() is None
        assert (message.partition(), message.offset()) in places
    for partition in range(3):  # the order of one key is the order of sending
        mine = [m.value() for m in found if m.partition() == partition]
        decoded = [SCHEMA.decode(value) for value in mine if isinstance(value, bytes)]
        ids = [int(datum["id"]) for datum in decoded if isinstance(datum, dict)]
        assert ids == sorted(ids)


def test_source_and_rejections(broker: str, name: str) -> None:
    topic = made(broker, name)
    with Publisher(broker, topic, SCHEMA, source="tests/é") as publisher:
        publisher.send({"id": "a", "k": "a", "x": 1.0})
        for datum in ({"id": "b", "k": "b", "x": -1.0}, {"id": "c", "k": None, "x": 1.0}, {}):
            with pytest.raises(SchemaViolation):
                publisher.send(datum)
    (message,) = everything(broker, topic, 1)
    assert message.headers() == [("ce_source", "tests/é".encode())]


def test_a_full_queue_holds_the_sender_back(broker: str, name: str) -> None:
    topic = made(broker, name)
    count = 120_000  # more than librdkafka's queue takes
    with Publisher(broker, topic, SCHEMA) as publisher:
        datum = {"id": "a", "k": "a", "x": 1.0}
        for n in range(count):
            datum["k"] = f"k{n % 50}"
            publisher.send(datum)
    everything(broker, topic, count)


def test_what_cannot_be_sent_is_said(broker: str, name: str) -> None:
    topic = Topic(name=f"{name}.none", schema="r.avsc", key="k")
    with pytest.raises(LablineError, match="LL-TOPIC-MISSING"):
        Publisher(broker, topic, SCHEMA)
    with pytest.raises(LablineError, match="LL-TOPIC-KEY"):
        Publisher(broker, topic.model_copy(update={"key": "nothing"}), SCHEMA)


def test_undelivered_records_are_counted(broker: str, name: str) -> None:
    topic = made(broker, name)
    publisher = Publisher(broker, topic, SCHEMA)
    publisher.send({"id": "a", "k": "a", "x": 1.0})
    publisher.flush()
    admin = admin_client(broker)
    admin.delete_topics([topic.name])[topic.name].result()
    await_gone(broker, topic.name)
    for n in range(3):
        publisher.send({"id": str(n), "k": "a", "x": 1.0})
    with pytest.raises(LablineError, match=r"LL-PUBLISH-UNDELIVERED: 3 of 4 records"):
        publisher.flush()
    publisher.flush()  # said once


def await_gone(broker: str, topic: str) -> None:
    deadline_s = time.monotonic() + 20
    while topic in admin_client(broker).list_topics(timeout=10).topics:
        assert time.monotonic() < deadline_s
        time.sleep(0.05)


def workspace(tmp_path: Path, topic: Topic) -> Path:
    for folder in ("topics", "schemas"):
        (tmp_path / folder).mkdir()
    (tmp_path / "labline.toml").write_text('name = "w"\n')
    (tmp_path / "schemas/r.avsc").write_text(json.dumps(DOCUMENT))
    (tmp_path / "topics/t.toml").write_text(
        f'name = "{topic.name}"\nschema = "r.avsc"\nkey = "k"\npartitions = 3\n'
    )
    return tmp_path


def command() -> typer.Typer:
    app = typer.Typer()
    app.command()(publish)
    return app


def test_the_command(broker: str, name: str, tmp_path: Path) -> None:
    topic = made(broker, name)
    root = workspace(tmp_path, topic)
    good = tmp_path / "good.csv"
    good.write_text("id,k,x\na,ka,1\nb,kb,2.5\n")
    options = ["-w", str(root), "--bootstrap", broker]
    done = CliRunner().invoke(command(), [topic.name, str(good), *options])
    assert (done.exit_code, done.stdout) == (0, "")
    assert "published 2 records" in done.stderr

    bad = tmp_path / "bad.jsonl"
    rejects = tmp_path / "rejects.jsonl"
    bad.write_bytes(
        b'{"id": "c", "k": "kc", "x": 1}\n{"id": "d", "k": "kd", "x": -1}\nnot json\n'
        b'{"id": "\xff", "k": "kd", "x": 1}\n'
    )
    done = CliRunner().invoke(
        command(), [topic.name, str(bad), "--rejects", str(rejects), *options]
    )
    assert done.exit_code == 1
    assert "line 2: constraints/out-of-range: x is outside its range" in done.stderr
    assert "line 3: parse/not-json" in done.stderr
    told = [json.loads(line) for line in rejects.read_text("utf-8", "surrogateescape").splitlines()]
    assert [(reject["line"], reject["row"]) for reject in told] == [
        (2, '{"id": "d", "k": "kd", "x": -1}'),
        (3, "not json"),
        (4, '{"id": "\udcff", "k": "kd", "x": 1}'),
    ]

    done = CliRunner().invoke(
        command(), [topic.name, *options], input='{"id": "e", "k": "ke", "x": 1}\n'
    )
    assert done.exit_code == 0
    everything(broker, topic, 4)
