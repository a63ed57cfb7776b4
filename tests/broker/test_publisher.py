"""Publishing to a real Kafka: what is there afterwards, byte for byte, and what is said."""

import json
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import typer
from confluent_kafka import OFFSET_BEGINNING, Consumer, Message, TopicPartition, murmur2  # type: ignore[attr-defined]
from typer.testing import CliRunner

from labline.engine.broker.clients import admin_client, consumer_config
from labline.engine.cli.publish import publish
from labline.engine.errors import LablineError
from labline.engine.publish import publisher as publisher_module
from labline.engine.publish.publisher import Publisher
from labline.engine.publish.undelivered import UndeliveredError
from labline.schemas.avro import Schema
from labline.schemas.framing import confluent_head
from labline.schemas.rejection import SchemaViolation
from labline.schemas.releases import release
from labline.topics.apply import apply
from labline.topics.declaration import Topic
from labline.topics.plan import declaration, plan

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
    topic = Topic(name=f"{name}.events", schema="r", key="k", partitions=3)
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


@pytest.mark.parametrize(("limit", "low"), [("QUEUE_MAX_RECORDS", 200), ("QUEUE_MAX_KIB", 64)])
def test_a_full_queue_holds_the_sender_back(
    broker: str, name: str, monkeypatch: pytest.MonkeyPatch, limit: str, low: int
) -> None:
    """Memory is bounded in records and in bytes, and nothing is lost at the limit."""
    monkeypatch.setattr(publisher_module, limit, low)
    topic = made(broker, name)
    most, full = 0, 0
    with Publisher(broker, topic, SCHEMA) as publisher:
        for n in range(5_000):
            publisher.send({"id": "a" * 100, "k": f"k{n % 50}", "x": 1.0})
            most = max(most, len(publisher._producer))
            full += len(publisher._producer) >= 200
    events = 10  # of the client itself, which it counts too
    assert most <= events + (low if limit == "QUEUE_MAX_RECORDS" else low * 1024 // 100)
    assert full, "it was never full"
    everything(broker, topic, 5_000)


def test_threads_share_a_publisher(broker: str, name: str) -> None:
    topic = made(broker, name)
    threads, each = 8, 3_000
    places: list[tuple[int, int]] = []  # appending is one step

    def note(partition: int, offset: int) -> None:
        places.append((partition, offset))

    with Publisher(broker, topic, SCHEMA) as publisher:

        def work(thread: int) -> None:
            for n in range(each):
                datum = {"id": str(n), "k": f"{thread}-{n % 5}", "x": 1.0}
                publisher.send(datum, note if n % 2 else None)
                if n % 1_000 == 0:
                    publisher.flush()

        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(work, range(threads)))
    assert publisher.sent == threads * each
    found = everything(broker, topic, threads * each)
    assert len({*places}) == len(places) == threads * each // 2
    last: dict[object, int] = {}
    for message in found:  # one thread sends each key: that key's order is the thread's
        datum = SCHEMA.decode(message.value())
        assert isinstance(datum, dict)
        assert int(datum["id"]) > last.get(datum["k"], -1)
        last[datum["k"]] = int(datum["id"])
    assert len(last) == threads * 5


def test_keys_lie_where_every_client_puts_them(broker: str, name: str) -> None:
    topic = made(broker, name)
    keys = [f"k{n}" for n in range(9_990)] + [
        "",
        "a",
        "\u00e9",
        "\u20ac",
        "\U0001f600",
        "\x00",
        " ",
    ]
    with Publisher(broker, topic, SCHEMA) as publisher:
        for key in keys:
            publisher.send({"id": "a", "k": key, "x": 1.0})
    found = everything(broker, topic, len(keys))
    for message in found:
        key = message.key()
        assert isinstance(key, bytes)
        assert message.partition() == java_murmur2(key) % 3
    assert {m.key() for m in found} == {key.encode() for key in keys}


def java_murmur2(data: bytes) -> int:
    """Return the hash of ``org.apache.kafka.common.utils.Utils.murmur2``, made positive."""
    m, mask = 0x5BD1E995, 0xFFFFFFFF
    h = 0x9747B28C ^ len(data)
    body = len(data) // 4 * 4
    for at in range(0, body, 4):
        k = int.from_bytes(data[at : at + 4], "little") * m & mask
        h = h * m & mask ^ (k ^ k >> 24) * m & mask
    if rest := data[body:]:
        h = (h ^ int.from_bytes(rest, "little")) * m & mask
    h = (h ^ h >> 13) * m & mask
    return (h ^ h >> 15) & 0x7FFFFFFF


def test_another_head(broker: str, name: str) -> None:
    topic = made(broker, name)
    with Publisher(broker, topic, SCHEMA, schema_id=7) as publisher:
        publisher.send({"id": "a", "k": "a", "x": 1.0})
    (message,) = everything(broker, topic, 1)
    assert message.value() == SCHEMA.encode({"id": "a", "k": "a", "x": 1.0}, confluent_head(7))


def test_after_the_block_nothing_is_sent(broker: str, name: str) -> None:
    topic = made(broker, name)
    with Publisher(broker, topic, SCHEMA) as publisher:
        publisher.send({"id": "a", "k": "a", "x": 1.0})
    for act in (lambda: publisher.send({"id": "b", "k": "a", "x": 1.0}), publisher.flush):
        with pytest.raises(LablineError, match="LL-PUBLISH-CLOSED"):
            act()
    everything(broker, topic, 1)


def test_an_error_in_the_block_lets_go_what_was_sent(broker: str, name: str) -> None:
    topic = made(broker, name)

    def block() -> None:
        with Publisher(broker, topic, SCHEMA) as publisher:
            publisher.send({"id": "a", "k": "a", "x": 1.0})
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        block()
    everything(broker, topic, 1)


FORKS = """
import os, sys
from labline.engine.errors import LablineError
from labline.engine.publish import publisher as publisher_module
from labline.engine.publish.publisher import Publisher
from labline.engine.publish.undelivered import UndeliveredError
from tests.broker.test_publisher import SCHEMA, Topic
broker, topic = sys.argv[1], Topic(name=sys.argv[2], schema="r", key="k", partitions=3)
publisher = Publisher(broker, topic, SCHEMA)
publisher.send({"id": "parent", "k": "a", "x": 1.0})  # still in the queue when the child is born
child = os.fork()
if child == 0:
    for act in (lambda: publisher.send({"id": "no", "k": "a", "x": 1.0}), publisher.flush):
        try:
            act()
        except LablineError as error:
            print(error.code)
    with Publisher(broker, topic, SCHEMA) as own:
        own.send({"id": "child", "k": "a", "x": 1.0})
    sys.exit(0)  # as a program ends: objects are destroyed
os.waitpid(child, 0)
publisher.send({"id": "parent again", "k": "a", "x": 1.0})
publisher.flush()
"""


def test_a_forked_child_is_refused_and_can_open_its_own(broker: str, name: str) -> None:
    topic = made(broker, name)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORKS, broker, topic.name],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        cwd=Path(__file__).parents[2],
    )
    assert done.stdout.split() == ["LL-PUBLISH-FORKED"] * 2
    found = [SCHEMA.decode(message.value()) for message in everything(broker, topic, 3)]
    ids = sorted(datum["id"] for datum in found if isinstance(datum, dict))
    assert ids == ["child", "parent", "parent again"]


def test_what_cannot_be_sent_is_said(broker: str, name: str) -> None:
    topic = Topic(name=f"{name}.none", schema="r", key="k")
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
    with pytest.raises(UndeliveredError, match=r"LL-PUBLISH-UNDELIVERED: 3 of 4 records") as told:
        publisher.flush()
    publisher.flush()  # said once
    assert told.value.count == 3
    assert told.value.data == [{"id": str(n), "k": "a", "x": 1.0} for n in range(3)]


def await_gone(broker: str, topic: str) -> None:
    deadline_s = time.monotonic() + 20
    while topic in admin_client(broker).list_topics(timeout=10).topics:
        assert time.monotonic() < deadline_s
        time.sleep(0.05)


def workspace(tmp_path: Path, topic: Topic) -> Path:
    for folder in ("topics", "schemas", "schemas/r"):
        (tmp_path / folder).mkdir()
    (tmp_path / "labline.toml").write_text('name = "w"\n')
    (tmp_path / "schemas/r/v1.avsc").write_text(json.dumps(DOCUMENT))
    release(tmp_path / "schemas/r", topic.compatibility)
    (tmp_path / "topics/t.toml").write_text(
        f'name = "{topic.name}"\nschema = "r"\nkey = "k"\npartitions = 3\n'
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
