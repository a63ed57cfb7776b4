import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from confluent_kafka import Producer
from typer.testing import CliRunner

from labline.engine.broker.clients import admin_client, producer_config
from labline.engine.cli.main import app
from labline.engine.errors import LablineError
from labline.lab_replay.recordings.container import SYNC
from labline.lab_replay.recordings.recorder import record
from labline.lab_replay.recordings.recording import Recording
from labline.lab_replay.recordings.recording_format import UNFINISHED, partition_path
from tests.broker.recorded import after, create, held

pytestmark = pytest.mark.broker

KILLED = """
import os, signal, sys
from labline.lab_replay.recordings.recorder import record
done = 0
def told(offsets):
    global done
    done += offsets
    if done > 19_000:
        os.kill(os.getpid(), signal.SIGKILL)
record(sys.argv[1], [sys.argv[2]], sys.argv[3], progress=told)
"""


@pytest.mark.parametrize("torn", [False, True])
def test_a_recorder_that_was_killed_goes_on(
    broker: str, name: str, tmp_path: Path, *, torn: bool
) -> None:
    topic = f"{name}.flights"
    create(broker, topic, 2)
    producer = Producer(producer_config(broker))
    for n in range(24_000):
        producer.produce(topic, b"v%d" % n, b"k", 0 if n < 6_000 else 1)
        producer.poll(0)
    assert producer.flush(60) == 0
    out = tmp_path / "r"
    command = [sys.executable, "-c", KILLED, broker, topic, str(out)]
    environment = {**os.environ, "PYTHONPATH": str(Path.cwd())}
    killed = subprocess.run(command, env=environment, check=False, timeout=120)
    assert killed.returncode == -signal.SIGKILL
    with pytest.raises(LablineError, match="LL-RECORDING-UNFINISHED"):
        Recording.open(out)
    # all of one partition is there, and some of the other
    written = partition_path(out, topic, 1)
    assert '"done":{"' in (out / UNFINISHED).read_text()
    data = written.read_bytes()
    assert data.count(SYNC) >= 3  # the head's, and those of two blocks
    if torn:
        written.write_bytes(data[:-100] + bytes(100))
    producer.produce(topic, b"later", b"k", 0)
    assert producer.flush(30) == 0
    with pytest.raises(LablineError, match="LL-RECORDING-OTHER"):
        record(broker, [topic], out, since=["2013-01-01"])
    told: list[int] = []
    manifest = record(broker, [topic], out, progress=told.append)
    assert sum(told) == manifest.records == 24_000
    assert not (out / UNFINISHED).exists()
    until = [f"{topic}/0=6000"]
    assert record(broker, [topic], tmp_path / "undisturbed", until=until) == manifest
    recording = Recording.open(out)
    for partition in (0, 1):
        records = held(recording, topic, partition)
        assert [r[0] for r in records] == list(range(len(records)))
    with pytest.raises(LablineError, match="LL-RECORDING-EXISTS"):
        record(broker, [topic], out)


INTERRUPTED = """
import os, signal
from contextlib import contextmanager
import labline.engine.cli.record as command
from labline.engine.cli.main import main

@contextmanager
def counting(what, total):
    done = 0
    def told(offsets):
        nonlocal done
        done += offsets
        if done > 9_000:
            os.kill(os.getpid(), signal.SIGINT)
    yield told

command.counting = counting
main()
"""


def test_ctrl_c_ends_it_and_says_how_to_go_on(broker: str, name: str, tmp_path: Path) -> None:
    topic = f"{name}.flights"
    create(broker, topic, 1)
    producer = Producer(producer_config(broker))
    for n in range(20_000):
        producer.produce(topic, b"v%d" % n, b"k", 0)
        producer.poll(0)
    assert producer.flush(60) == 0
    command = ["record", topic, "--out", str(tmp_path / "r"), "--bootstrap", broker]
    environment = {**os.environ, "PYTHONPATH": str(Path.cwd())}
    cut = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, *command],
        env=environment, check=False, timeout=120, capture_output=True, text=True,
    )  # fmt: skip
    assert (cut.returncode, cut.stdout) == (130, "")
    assert cut.stderr == "cut off; what is there is kept: the same command goes on\n"
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0
    assert "20,000 records in" in result.output
    assert len(held(Recording.open(tmp_path / "r"), topic, 0)) == 20_000


def test_a_topic_that_was_made_anew_is_not_gone_on_with(
    broker: str, name: str, tmp_path: Path
) -> None:
    topic = f"{name}.flights"
    producer = Producer(producer_config(broker))

    def fill(value: bytes) -> None:
        create(broker, topic, 1)
        for n in range(12_300):  # no whole blocks: the last is written at the end
            producer.produce(topic, value + b"%d" % n, None, 0)
            producer.poll(0)
        assert producer.flush(30) == 0

    def interrupt(offsets: int) -> None:
        if offsets:
            raise KeyboardInterrupt

    fill(b"one")
    with pytest.raises(KeyboardInterrupt):
        record(broker, [topic], tmp_path / "r", progress=after(3, interrupt))
    admin = admin_client(broker)
    admin.delete_topics([topic])[topic].result(30)
    topic_gone = topic not in admin.list_topics(timeout=30).topics
    while not topic_gone:
        topic_gone = topic not in admin.list_topics(timeout=30).topics
    fill(b"two")
    with pytest.raises(LablineError, match="LL-RECORDING-OTHER"):
        record(broker, [topic], tmp_path / "r")
