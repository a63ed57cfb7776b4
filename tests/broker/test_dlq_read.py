"""`labline dlq` and `labline read` against a real broker."""

import json
import subprocess
import sys
import threading
import time
from pathlib import Path
from uuid import uuid4

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import NewTopic
from typer.testing import CliRunner, Result

from labline.engine.broker.clients import admin_client, producer_config
from labline.engine.cli.main import app
from labline.engine.core.dead_letter import Origin, dead_letter
from labline.schemas.avro import Schema
from labline.schemas.rejection import Rejection

pytestmark = pytest.mark.broker

SCHEMA = {
    "type": "record",
    "name": "Reading",
    "fields": [{"name": "at", "type": "long", "event_time": True}, {"name": "x", "type": "double"}],
}


def create(broker: str, topic: str, partitions: int = 1) -> None:
    new = NewTopic(topic, partitions, 1, config={"message.timestamp.type": "LogAppendTime"})
    admin = admin_client(broker)  # held: its answers go with it
    admin.create_topics([new])[topic].result()


def labline(*arguments: str) -> Result:
    result = CliRunner().invoke(app, list(arguments), env={"COLUMNS": "200"})
    assert result.exit_code == 0, result.output
    return result


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    (tmp_path / "labline.toml").write_text('name = "test"\n')
    (tmp_path / "schemas" / "Reading").mkdir(parents=True)
    (tmp_path / "schemas" / "Reading" / "v1.avsc").write_text(json.dumps(SCHEMA))
    return tmp_path


def read(broker: str, workspace: Path, topic: str, *more: str) -> list[dict[str, object]]:
    told = labline("read", topic, "--bootstrap", broker, "-w", str(workspace), "--json", *more)
    return [json.loads(line) for line in told.stdout.splitlines()]


def test_read_decodes_what_it_can(broker: str, name: str, workspace: Path) -> None:
    create(broker, name)
    value = Schema.parse(SCHEMA).encode({"at": 5, "x": 1.5})
    values = [
        value,
        value[:-1],
        b'{"a": 1}',
        "naïve".encode(),
        b"\xff\x00",
        None,
        b"\x00\0\0\0\7ab\xff",
    ]
    producer = Producer(producer_config(broker))
    for each in values:
        producer.produce(name, each, key=b"k", headers=[("ce_source", b"gate")])
    assert producer.flush(30) == 0
    records = read(broker, workspace, name)
    assert [r["form"] for r in records] == [
        "avro Reading", "hex", "json", "text", "hex", "null", "hex",
    ]  # fmt: skip
    assert records[0]["value"] == {"at": 5, "x": 1.5}
    assert "truncated" in str(records[1]["undecoded"])
    assert records[1]["value"] == value[:-1].hex()
    assert records[3]["value"] == "naïve"
    assert "schema id 7" in str(records[6]["undecoded"])
    assert [r["offset"] for r in records] == list(range(7))
    assert records[0]["key"] == "k"
    assert records[0]["headers"] == [["ce_source", "gate"]]
    assert "undecoded" not in records[0]


def test_a_line_for_people(broker: str, name: str, workspace: Path) -> None:
    create(broker, name)
    value = Schema.parse(SCHEMA).encode({"at": 5, "x": 1.5})
    guid = b"\1" + bytes(range(16))
    producer = Producer(producer_config(broker))
    producer.produce(name, value, key=b"k", headers=[("ce_source", b"gate"), ("n", b"\xff")])
    producer.produce(name, value[10:], headers=[("__value_schema_id", guid)])
    producer.produce(name, '{"a": "\\u009b31mé"}'.encode(), key=b"\x1b[31m")
    assert producer.flush(30) == 0
    told = labline("read", name, "--bootstrap", broker, "-w", str(workspace)).stdout.splitlines()
    assert all(line[:2] == "20" and line[10] == "T" and line[23] == "Z" for line in told)
    assert [line[25:] for line in told] == [
        '0/0 k {"at":5,"x":1.5} [ce_source=gate n=0xff]',
        f"0/1 - 0x{value[10:].hex()} (framed for schema {guid[1:].hex()} of a registry, "
        f"not known here) [__value_schema_id=0x{guid.hex()}]",
        '0/2 0x1b5b33316d {"a":"\\u009b31mé"}',  # it does not steer the terminal
    ]


def test_read_sees_committed_records_only_and_bounds(
    broker: str, name: str, workspace: Path
) -> None:
    create(broker, name, partitions=2)
    producer = Producer(producer_config(broker, transactional_id=f"t-{uuid4()}"))
    producer.init_transactions(30)
    for aborted in (False, True, False):
        producer.begin_transaction()
        for number in range(4):
            producer.produce(name, str(number), partition=number % 2)
        producer.flush(30)
        if aborted:
            producer.abort_transaction(30)
        else:
            producer.commit_transaction(30)
    records = read(broker, workspace, name)
    assert [(r["partition"], r["offset"]) for r in records if r["partition"] == 0] == [
        (0, 0), (0, 1), (0, 6), (0, 7),
    ]  # fmt: skip
    assert len(records) == 8
    times = [int(str(r["timestamp_ms"])) for r in records]
    assert times == sorted(times)
    assert len(read(broker, workspace, name, "-n", "3")) == 3
    assert [
        r["offset"] for r in read(broker, workspace, name, "--partition", "1", "--from", "2")
    ] == [6, 7]
    assert read(broker, workspace, name, "--from", "latest") == []
    assert read(broker, workspace, name, "--from", "2100-01-01") == []
    assert len(read(broker, workspace, name, "--from", "2013-01-01T00:00:00Z")) == 8


def test_follow_shows_what_comes(broker: str, name: str, workspace: Path) -> None:
    create(broker, name)
    producer = Producer(producer_config(broker))
    producer.produce(name, b"1")
    assert producer.flush(30) == 0
    done = threading.Event()

    def keep_publishing() -> None:
        while not done.wait(0.2):
            producer.produce(name, b"2")
            producer.poll(0)

    publisher = threading.Thread(target=keep_publishing)
    publisher.start()
    try:
        records = read(broker, workspace, name, "--follow", "-n", "5")
    finally:
        done.set()
        publisher.join()
    assert [r["offset"] for r in records] == [0, 1, 2, 3, 4]


def test_a_reader_that_goes_and_ctrl_c_are_good_ends(broker: str, name: str) -> None:
    create(broker, name)
    producer = Producer(producer_config(broker))
    for number in range(20_000):
        producer.produce(name, f"{number} {'x' * 50}")
        producer.poll(0)
    assert producer.flush(30) == 0
    start = "from labline.engine.cli.main import main; main()"
    command = [sys.executable, "-c", start, "read", name, "--bootstrap", broker]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as gone:
        assert gone.stdout is not None
        assert gone.stderr is not None
        gone.stdout.readline()
        gone.stdout.close()
        assert gone.wait(30) == 0
        assert gone.stderr.read() == b""
    with subprocess.Popen(
        [*command, "--follow"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as stopped:
        assert stopped.stdout is not None
        for _ in range(20_000):
            stopped.stdout.readline()
        time.sleep(0.5)  # it waits for more by now
        stopped.send_signal(2)
        out, errors = stopped.communicate(timeout=30)
        assert (stopped.returncode, out, errors) == (0, b"", b"")


def test_dead_letters_in_groups(broker: str, name: str, workspace: Path) -> None:
    line = f"{name}.line"
    create(broker, f"{line}.dlq", partitions=2)
    producer = Producer(producer_config(broker))
    truncated = Rejection("decode", "truncated", "the bytes end too early")
    missing = Rejection("features", "missing-feature", "the line requires x")
    good = Schema.parse(SCHEMA).encode({"at": 5, "x": 1.5})
    cases = [(7, b"\xc3\x01[red]", truncated), (8, b"", truncated), (3, good, missing)]
    for offset, value, why in cases:
        origin = Origin("readings", offset % 2, line, "m@1", "Reading")
        _, key, original, headers = dead_letter((offset, 99, b"k", value, None), why, origin)
        producer.produce(
            f"{line}.dlq",
            original,
            key=key,
            headers=[(n, v or b"") for n, v in headers or ()],
            partition=offset % 2,
        )
        assert producer.flush(30) == 0
    common = ("--bootstrap", broker, "-w", str(workspace))
    told = json.loads(labline("dlq", "list", line, *common, "--json").stdout)
    assert told["letters"] == 3
    first, second = told["groups"]
    assert (first["stage"], first["reason"], first["letters"]) == ("decode", "truncated", 2)
    assert (first["first"], first["last"]) == ("readings/1/7", "readings/0/8")
    assert (first["model"], first["schema"], first["sample"]) == ("m@1", "Reading", [1, 0])
    assert (second["stage"], second["sample"]) == ("features", [1, 1])
    table = labline("dlq", "list", line, *common).stdout
    assert "missing-feature" in table
    assert "readings/1/7" in table

    show = ("dlq", "show", line, "--partition", "1", *common)
    letter = json.loads(labline(*show, "--offset", "1", "--json").stdout)
    assert letter["value"] == {"at": 5, "x": 1.5}
    assert letter["value_hex"] == good.hex()
    assert (letter["source"], letter["reason"]) == ("readings/1/3", "missing-feature")
    assert (letter["source_timestamp_ms"], letter["attempt"]) == ("99", 1)
    page = labline(*show, "--offset", "0").stdout
    assert b"\xc3\x01[red]".hex() in page
    missing_one = CliRunner().invoke(app, [*show, "--offset", "9"])
    assert missing_one.exit_code != 0


def test_lag_by_the_command(broker: str, name: str) -> None:
    told = json.loads(labline("lag", "--bootstrap", broker, "--json").stdout)
    assert isinstance(told["groups"], list)
    unknown = CliRunner().invoke(app, ["lag", "--bootstrap", broker, "--group", name])
    assert unknown.exit_code != 0
