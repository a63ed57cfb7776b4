import time
from pathlib import Path

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import NewTopic
from typer.testing import CliRunner

from labline.engine.broker.clients import admin_client, producer_config
from labline.engine.cli.main import app
from labline.engine.core.record import Record
from labline.engine.errors import LablineError
from labline.lab_replay.recordings.recorder import record
from labline.lab_replay.recordings.recording import Recording
from labline.lab_replay.recordings.recording_format import (
    Manifest,
    partition_path,
    write_manifest,
    write_partition,
)
from labline.lab_replay.recordings.republish import republish
from labline.topics.partitioning import partition_of

pytestmark = pytest.mark.broker

TIMESTAMP = "labline.timestamp_ms"


def made(folder: Path, topic: str, partitions: dict[int, list[Record]]) -> Recording:
    files = {
        number: write_partition(
            partition_path(folder, topic, number), [records], start=0, end=len(records)
        )
        for number, records in partitions.items()
    }
    write_manifest(folder, Manifest.of("none", {topic: files}))
    return Recording.open(folder)


def sample(partition: int, count: int, step_ms: int = 1) -> list[Record]:
    return [
        (n, 1_000 + n * step_ms, b"k%d" % n, b"%d of %d" % (n, partition), [("h", None)])
        for n in range(count)
    ]


def read(broker: str, topic: str, folder: Path) -> dict[int, list[Record]]:
    record(broker, [topic], folder)
    recording = Recording.open(folder)
    return {
        p: [r for batch in recording.records(topic, p) for r in batch]
        for p in recording.partitions(topic)
    }


def test_a_recording_comes_back_as_it_was(broker: str, name: str, tmp_path: Path) -> None:
    old: Record = (9, 5_000_000, None, None, [(TIMESTAMP, b"77")])
    recorded = {0: sample(0, 3_000), 1: [*sample(1, 5), old], 2: []}
    recording = made(tmp_path / "r", "flights", recorded)
    told: list[int] = []
    target = f"lab.{name}"
    got = republish(recording, "flights", broker, target, progress=told.append)
    assert got == (3_006, 3_006, True)
    assert sum(told) == 3_006
    back = read(broker, target, tmp_path / "back")
    for partition, records in recorded.items():
        assert [r[2:] for r in back[partition]] == [
            (key, value, headers if ms == 5_000_000 else [*headers, (TIMESTAMP, b"%d" % ms)])
            for _, ms, key, value, headers in records
            if headers is not None
        ]


def test_other_partitions_by_key(broker: str, name: str, tmp_path: Path) -> None:
    recording = made(tmp_path / "r", "flights", {0: sample(0, 50), 1: sample(1, 50)})
    target = f"lab.{name}"
    admin = admin_client(broker)  # its futures end with it
    admin.create_topics([NewTopic(target, 3, 1)])[target].result(30)
    assert republish(recording, "flights", broker, target) == (100, 100, False)
    back = read(broker, target, tmp_path / "back")
    assert sum(map(len, back.values())) == 100
    for partition, records in back.items():
        assert {partition_of(r[2] or b"", 3) for r in records} <= {partition}


def test_pace_and_stop(broker: str, name: str, tmp_path: Path) -> None:
    recording = made(tmp_path / "r", "flights", {0: sample(0, 5, step_ms=200)})
    began_s = time.monotonic()
    assert republish(recording, "flights", broker, f"lab.{name}", speed=2.0).delivered == 5
    assert time.monotonic() - began_s >= 4 * 0.2 / 2
    asked: list[bool] = []

    def stop() -> bool:
        asked.append(True)
        return len(asked) > 3

    got = republish(recording, "flights", broker, f"lab.{name}", append=True, stop=stop)
    assert got == (3, 5, True)
    slow = made(tmp_path / "slow", "flights", {0: sample(0, 2, step_ms=3_600_000)})
    asked.clear()
    got = republish(slow, "flights", broker, f"lab.{name}", speed=1.0, append=True, stop=stop)
    assert got == (1, 2, True)


def test_large_records_are_republished_and_too_large_ones_told(
    broker: str, name: str, tmp_path: Path
) -> None:
    large: Record = (2, 1_002, None, b"x" * 1_048_500, None)
    recording = made(tmp_path / "r", "flights", {0: [*sample(0, 2), large, (3, 1_003, *large[2:])]})
    assert republish(recording, "flights", broker, f"lab.{name}").delivered == 4
    admin = admin_client(broker)  # its futures end with it
    small = f"lab.{name}.small"
    limits = {"max.message.bytes": "1000"}
    admin.create_topics([NewTopic(small, 1, 1, config=limits)])[small].result(30)
    with pytest.raises(LablineError, match=rf"{small} took 2 of [34] records, then: .*TOO_LARGE"):
        republish(recording, "flights", broker, small)
    huge = made(
        tmp_path / "huge", "flights", {0: [*sample(0, 2), (2, 1_002, None, b"x" * 2**24, None)]}
    )
    with pytest.raises(LablineError, match=r"took 2 of 2 records, then: .*TOO_LARGE"):
        republish(huge, "flights", broker, f"lab.{name}.huge")


def test_only_the_lab_is_written(broker: str, name: str, tmp_path: Path) -> None:
    recording = made(tmp_path / "r", "flights", {0: sample(0, 1)})
    with pytest.raises(LablineError, match="LL-REPUBLISH-TARGET"):
        republish(recording, "flights", broker, name)
    with pytest.raises(LablineError, match="LL-TOPIC-MISSING"):
        republish(recording, "flights", broker, name, force=True)
    admin = admin_client(broker)  # its futures end with it
    admin.create_topics([NewTopic(name, 1, 1)])[name].result(30)
    assert republish(recording, "flights", broker, name, force=True).delivered == 1


def test_by_the_command_line(broker: str, name: str, tmp_path: Path) -> None:
    topic, target = f"{name}.t", f"lab.{name}"
    admin = admin_client(broker)  # its futures end with it
    admin.create_topics([NewTopic(topic, 2, 1)])[topic].result(30)
    producer = Producer(producer_config(broker))
    for n in range(10):
        producer.produce(topic, b"v", b"k", n % 2)
    assert producer.flush(30) == 0

    def labline(*arguments: str) -> str:
        result = CliRunner().invoke(app, [*arguments, "--bootstrap", broker])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            assert isinstance(result.exception, LablineError)
            return str(result.exception)
        return result.output

    out = str(tmp_path / "r")
    assert "10 records in" in labline("record", topic, "--out", out)
    assert "LL-RECORDING-EXISTS" in labline("record", topic, "--out", out)
    assert "LL-REPUBLISH-TARGET" in labline("republish", out, "--to", topic)
    assert "LL-REPUBLISH-SPEED" in labline("republish", out, "--to", target, "--speed", "0")
    assert "LL-RECORDING-TOPIC" in labline("republish", out, "--to", target, "--topic", "x")
    told = labline("republish", out, "--to", target, "--speed", "max")
    assert f"10 of 10 records delivered to {target}" in told
    said = labline("republish", out, "--to", target, "--speed", "max")
    assert f"LL-REPUBLISH-EXISTS: {target} holds records already (10 offsets)" in said
    said = labline("republish", out, "--to", target, "--speed", "max", "--append")
    assert f"10 of 10 records delivered to {target}" in said
    backwards = ("--from", f"{topic}/0=3", "--to", f"{topic}/0=2")
    said = labline("record", topic, "--out", str(tmp_path / "none"), *backwards)
    assert f"LL-RECORDING-RANGE: --from {topic}/0=3 is behind --to 2" in said
    part = str(tmp_path / "part")
    assert "3 records" in labline(
        "record", topic, "--out", part, "--from", f"{topic}/0=2", "--to", f"{topic}/1=0"
    )
