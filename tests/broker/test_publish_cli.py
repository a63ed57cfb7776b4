"""`labline publish` as a process: stopped, killed under, and gone on with, exactly once."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest
from confluent_kafka import KafkaException, Producer
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.serialization import SerializationContext

from labline.engine.broker.clients import admin_client, producer_config
from labline.engine.broker.reader import partition_offsets, read_range
from labline.engine.broker.servers import embedded
from labline.engine.broker.servers.ports import is_free
from labline.engine.errors import LablineError
from labline.engine.publish.progress_file import Identity, Progress, ProgressFile
from labline.engine.publish.publisher import Publisher
from labline.engine.publish.sending import Pace, Sender, Stop, Tally
from labline.engine.tables.rows import Row
from labline.schemas.avro import Schema
from labline.schemas.releases import release
from labline.topics.apply import apply
from labline.topics.declaration import Topic
from labline.topics.plan import declaration, plan

pytestmark = pytest.mark.broker

SCHEMA = {
    "type": "record",
    "name": "Reading",
    "fields": [
        {"name": "id", "type": "string"},
        {"name": "place", "type": "string"},
        {"name": "at", "type": "long", "event_time": True},
        {"name": "x", "type": "double", "minimum": 0},
    ],
}
PARTITIONS = 3
START = "from labline.engine.cli.main import main; main()"
DEADLINE_S = 90.0


def made(broker: str, name: str, root: Path, *, released: bool = True) -> Path:
    """Make a workspace with one topic, and the topic."""
    topic = Topic(name=name, schema="reading", key="place", partitions=PARTITIONS)
    apply(admin_client(broker), plan([declaration(topic)], {}))
    (root / "topics").mkdir(parents=True)
    (root / "schemas" / "reading").mkdir(parents=True)
    (root / "labline.toml").write_text('name = "w"\n')
    (root / "schemas" / "reading" / "v1.avsc").write_text(json.dumps(SCHEMA))
    if released:
        release(root / "schemas" / "reading", topic.compatibility)
    (root / "topics" / "t.toml").write_text(
        f'name = "{name}"\nschema = "reading"\nkey = "place"\npartitions = {PARTITIONS}\n'
    )
    return root


def rows(path: Path, many: int, bad: int = 0) -> Path:
    """Write a CSV of which every `bad`-th row is out of range."""
    with path.open("w") as out:
        out.write("id,place,at,x,remark\n")
        for number in range(1, many + 1):
            x = -1 if bad and number % bad == 0 else number
            out.write(f"{number},p{number % 11},{number},{x},-\n")
    return path


def start(
    root: Path, broker: str, *arguments: str, stdin: int | None = None
) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", START, "publish", *arguments, "-w", str(root)]
    return subprocess.Popen(
        [*command, "--bootstrap", broker, "--json"],
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finished(process: "subprocess.Popen[str]", code: int) -> tuple[dict[str, object], str]:
    out, errors = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == code, errors
    return json.loads(out) if out else {}, errors


def run(root: Path, broker: str, *arguments: str, code: int = 0) -> tuple[dict[str, object], str]:
    return finished(start(root, broker, *arguments), code)


def until(holds: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + DEADLINE_S
    while not holds():
        assert time.monotonic() < deadline_s
        time.sleep(0.02)


def stable(broker: str, topic: str) -> int:
    try:
        return sum(offsets.stable for offsets in partition_offsets(broker, [topic])[topic].values())
    except KafkaException:
        return -1  # it is just coming up


def values(broker: str, topic: str, partition: int | None = None) -> list[bytes]:
    """Return a topic's values, or those of one partition."""
    return [
        record[3] or b""
        for number, offsets in partition_offsets(broker, [topic])[topic].items()
        if partition in (None, number)
        for batch in read_range(broker, topic, number, offsets.start, offsets.stable)
        for record in batch
    ]


def ids(broker: str, topic: str) -> list[list[int]]:
    """Return the ids in each partition, in order."""
    schema = Schema.parse(SCHEMA)
    found = []
    for partition in range(PARTITIONS):
        data = [schema.decode(value) for value in values(broker, topic, partition)]
        found.append([int(datum["id"]) for datum in data if isinstance(datum, dict)])
    return found


def assert_each_once_in_order(broker: str, topic: str, wanted: set[int]) -> None:
    parts = ids(broker, topic)
    counted = Counter(each for part in parts for each in part)
    assert set(counted) == wanted
    assert set(counted.values()) == {1}
    assert all(part == sorted(part) for part in parts)


def test_ctrl_c_and_go_on(broker: str, name: str, tmp_path: Path) -> None:
    root = made(broker, name, tmp_path / "w")
    file = rows(tmp_path / "rows.csv", 3_000, bad=500)
    rejects = str(tmp_path / "rejects.jsonl")
    arguments = (name, str(file), "--rejects", rejects)
    process = start(root, broker, *arguments, "--rate", "1000")
    until(lambda: stable(broker, name) >= 700)
    process.send_signal(signal.SIGINT)
    told, errors = finished(process, 130)
    assert "not in the schema Reading, so left out: remark" in errors
    assert "stopped after row" in errors
    published = int(str(told["published"]))
    assert 700 <= published < 2_900
    assert (told["unacknowledged"], told["complete"]) == (0, False)
    assert stable(broker, name) == published  # what is said is what is there
    (kept,) = (root / ".labline" / "publish").iterdir()
    progress = json.loads(kept.read_text())
    assert (progress["beyond"], progress["unknown"], progress["ended"]) == ([], 0, True)

    _, errors = run(root, broker, *arguments, code=1)
    assert "LL-PUBLISH-PROGRESS" in errors
    assert "--continue goes on" in errors
    told, errors = run(root, broker, *arguments, "--continue", code=1)
    assert (told["published"], told["rejected"], told["complete"]) == (2_994, 6, True)
    assert "twice" not in errors
    assert not kept.exists()
    assert_each_once_in_order(broker, name, {n for n in range(1, 3_001) if n % 500})
    lines = [json.loads(line)["line"] for line in Path(rejects).read_text().splitlines()]
    assert lines == [501, 1001, 1501, 2001, 2501, 3001]
    _, errors = run(root, broker, *arguments, "--continue", code=1)
    assert "no publish of" in errors
    assert stable(broker, name) == 2_994


def test_only_what_is_not_settled_is_sent(broker: str, name: str, tmp_path: Path) -> None:
    root = made(broker, name, tmp_path / "w")
    file = rows(tmp_path / "rows.csv", 50)
    cluster = admin_client(broker).list_topics(timeout=10).cluster_id
    assert cluster
    kept = ProgressFile(root / ".labline", file, Identity(cluster, name, "csv", False))
    before = Progress(
        topic=name, file="rows.csv", mark=10, beyond=[12, 15], published=12, rejected=0,
        skipped=0, unknown=3, ended=True,
    )  # fmt: skip
    kept.save(before)
    told, errors = run(root, broker, name, str(file), "--continue")
    assert told["published"] == 50
    assert "3 records were on their way at the end: they may be there twice" in errors
    assert_each_once_in_order(broker, name, set(range(11, 51)) - {12, 15})

    kept.save(before.model_copy(update={"ended": False}))
    os.utime(file, (1, 1))  # another file, as far as anyone can tell
    _, errors = run(root, broker, name, str(file), "--continue", code=1)
    assert "no publish of" in errors


def test_ctrl_c_while_waiting_for_input(broker: str, name: str, tmp_path: Path) -> None:
    root = made(broker, name, tmp_path / "w")
    process = start(root, broker, name, stdin=subprocess.PIPE)
    assert process.stdin is not None
    process.stdin.write('{"id": "1", "place": "a", "at": 1, "x": 1}\n' * 5_000)
    process.stdin.flush()
    until(lambda: stable(broker, name) == 5_000)
    process.send_signal(signal.SIGINT)
    told, _ = finished(process, 130)
    assert (told["published"], told["complete"]) == (5_000, False)
    assert not (root / ".labline").exists()


def test_a_rate_is_even(broker: str, name: str, tmp_path: Path) -> None:
    root = made(broker, name, tmp_path / "w")
    told, _ = run(root, broker, name, str(rows(tmp_path / "r.csv", 300)), "--rate", "200")
    times = sorted(
        record[1]
        for partition, offsets in partition_offsets(broker, [name])[name].items()
        for batch in read_range(broker, name, partition, 0, offsets.stable)
        for record in batch
    )
    assert times[-1] - times[0] >= 1_300  # 299 steps of 5 ms; slower is the machine's affair
    assert all(times[n + 100] - times[n] >= 350 for n in range(0, 200, 50))
    assert told["published"] == 300


def test_what_is_refused_before_anything_is_sent(broker: str, name: str, tmp_path: Path) -> None:
    root = made(broker, name, tmp_path / "w", released=False)
    file = rows(tmp_path / "rows.csv", 3)
    _, errors = run(root, broker, name, str(file), code=1)
    assert "LL-SCHEMA-DRAFT" in errors
    assert "labline schemas register" in errors
    release(root / "schemas" / "reading", "BACKWARD")
    for more, code in (
        (("--key", "id"), "LL-TOPIC-KEY"),
        (("--register",), "LL-REGISTRY-UNKNOWN"),
        (("--continue",), "LL-PUBLISH-PROGRESS"),
    ):
        _, errors = run(root, broker, name, str(file), *more, code=1)
        assert code in errors
        assert "Traceback" not in errors
    bad = tmp_path / "bad.csv"
    bad.write_text("id,plaze,at,x\n1,a,1,1\n")
    _, errors = run(root, broker, name, str(bad), code=1)
    assert "LL-PUBLISH-COLUMNS" in errors
    assert "is it 'plaze'" in errors
    assert not (root / ".labline" / "publish").exists()  # nothing was sent: nothing to go on with
    assert stable(broker, name) == 0
    told, _ = run(root, broker, name, str(file), "--key", "place")
    assert told["published"] == 3


def test_with_a_registry(broker: str, registry: str, name: str, tmp_path: Path) -> None:
    root = made(broker, name, tmp_path / "w")
    (root / "labline.toml").write_text(f'name = "w"\nschema_registry = "{registry}"\n')
    file = rows(tmp_path / "rows.csv", 3)
    _, errors = run(root, broker, name, str(file), code=1)
    assert "LL-SCHEMA-UNREGISTERED" in errors
    told, _ = run(root, broker, name, str(file), "--register")
    assert told["published"] == 3
    told, _ = run(root, broker, name, str(file), "--source", "till")  # now it is registered
    assert told["published"] == 3
    with SchemaRegistryClient({"url": registry}) as client:
        latest = {"auto.register.schemas": False, "use.latest.version": True}
        serializer = AvroSerializer(client, conf=latest)
        datum = {"id": "4", "place": "a", "at": 4, "x": 4.0}
        context = SerializationContext(name, "value")
        theirs = serializer(datum, context)
        read_theirs = AvroDeserializer(client)  # the topic's records are read by others, too
        ours = [read_theirs(value, context) for value in values(broker, name)]
    assert sorted(each["id"] for each in ours) == ["1", "1", "2", "2", "3", "3"]
    producer = Producer(producer_config(broker))
    producer.produce(name, theirs, b"a")
    assert producer.flush(30) == 0

    empty = tmp_path / "elsewhere"  # it has no schema, only the registry's address
    empty.mkdir()
    (empty / "labline.toml").write_text(f'name = "w"\nschema_registry = "{registry}"\n')
    found = [json.loads(line) for line in read(empty, broker, name, "--json")]
    assert [each["form"] for each in found] == ["avro Reading"] * 7
    assert [each["headers"] for each in found][3:6] == [[["ce_source", "till"]]] * 3
    assert sorted(each["value"]["x"] for each in found) == [1, 1, 2, 2, 3, 3, 4]
    assert "[ce_source=till]" in "".join(read(empty, broker, name))

    (empty / "labline.toml").write_text('name = "w"\nschema_registry = "http://127.0.0.1:9"\n')
    found = [json.loads(line) for line in read(empty, broker, name, "--json")]
    assert [each["form"] for each in found] == ["hex"] * 7
    assert all("of a registry: " in each["undecoded"] for each in found)


def read(root: Path, broker: str, *arguments: str) -> list[str]:
    command = [sys.executable, "-c", START, "read", *arguments, "-w", str(root)]
    done = subprocess.run(
        [*command, "--bootstrap", broker], capture_output=True, text=True, timeout=90, check=True
    )
    return done.stdout.splitlines()


def test_the_broker_dies_and_comes_back(name: str, tmp_path: Path) -> None:
    state = tmp_path / "broker" / ".labline"
    broker = embedded.start(state).bootstrap
    try:
        root = made(broker, name, tmp_path / "w")
        file = rows(tmp_path / "rows.csv", 60_000)
        process = start(root, broker, name, str(file), "--rate", "12000")
        until(lambda: stable(broker, name) >= 10_000)
        killed(state)
        assert embedded.start(state).bootstrap == broker
        told, _ = finished(process, 0)
        assert (told["published"], told["unacknowledged"]) == (60_000, 0)
        assert_each_once_in_order(broker, name, set(range(1, 60_001)))
    finally:
        embedded.stop(state)


def test_the_broker_stays_away(name: str, tmp_path: Path) -> None:
    state = tmp_path / "broker" / ".labline"
    broker = embedded.start(state).bootstrap
    try:
        root = made(broker, name, tmp_path / "w")
        file = rows(tmp_path / "rows.csv", 20_000)
        process = start(root, broker, name, str(file), "--rate", "4000")
        until(lambda: stable(broker, name) >= 4_000)
        killed(state)
        (kept,) = (root / ".labline" / "publish").glob("*.json")
        until(lambda: json.loads(kept.read_text())["unknown"] > 500)
        process.send_signal(signal.SIGINT)
        time.sleep(0.5)  # it waits for what is on its way
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        _, errors = finished(process, 130)
        assert "are not acknowledged" in errors or "stopped after row" in errors
        progress = json.loads(kept.read_text())
        assert progress["unknown"] > 0  # some were acknowledged right before the end
        acknowledged = progress["published"]
        assert embedded.start(state).bootstrap == broker
        until(lambda: stable(broker, name) >= acknowledged)
        told, errors = run(root, broker, name, str(file), "--continue")
        assert "were on their way" in errors
        assert told["published"] == 20_000
        counted = Counter(each for part in ids(broker, name) for each in part)
        assert set(counted) == set(range(1, 20_001))
        twice = sum(times - 1 for times in counted.values())
        assert twice <= progress["unknown"]  # nothing that was acknowledged
    finally:
        embedded.stop(state)


def test_a_broker_that_does_not_come_back_ends_the_sending(name: str, tmp_path: Path) -> None:
    state = tmp_path / ".labline"
    broker = embedded.start(state).bootstrap
    topic = Topic(name=name, schema="reading", key="place", partitions=1)
    apply(admin_client(broker), plan([declaration(topic)], {}))
    tally = Tally()

    def endless() -> Iterator[Row]:
        for number in count():
            if number == 1_000:
                killed(state)
            yield Row(number, "", {"id": str(number), "place": "a", "at": 1, "x": 1.0})

    publisher = Publisher(broker, topic, Schema.parse(SCHEMA), delivery_timeout_ms=4_000)
    sender = Sender(publisher, tally, lambda *_: None, lambda: None, Pace(1_000), stuck_s=3)
    with publisher, Stop() as stop, pytest.raises(LablineError, match="LL-PUBLISH-UNDELIVERED"):
        sender.send_all(endless(), stop)
    tally.drain()
    assert 0 < tally.published < tally.sent < 60_000
    assert tally.settled.mark == tally.published  # one partition: what is there has no gaps


def killed(state: Path) -> None:
    running = embedded.find(state)
    assert running is not None
    os.kill(running.pid, signal.SIGKILL)
    port = int(running.bootstrap.rpartition(":")[2])
    until(lambda: is_free(port))  # dying takes a while; a start meanwhile takes another port
