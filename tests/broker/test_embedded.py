"""The embedded broker: started once, found again, stopped cleanly, plain about what is wrong."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import NewTopic

from labline.engine.broker.clients import admin_client, producer_config
from labline.engine.broker.reader import read_range
from labline.engine.broker.servers import embedded, folder, jars
from labline.engine.errors import LablineError
from tests.command import labline

pytestmark = pytest.mark.broker


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    # a name that a properties file, a class path or a C locale could trip over
    root = tmp_path_factory.mktemp("é, =:") / ".labline"
    yield root
    embedded.stop(root)


def create(bootstrap: str, topic: str) -> None:
    admin = admin_client(bootstrap)
    for made in admin.create_topics([NewTopic(topic, 2, 1)]).values():
        made.result()


def produce(bootstrap: str, topic: str, value: bytes) -> None:
    producer = Producer(producer_config(bootstrap))
    producer.produce(topic, value, partition=0)
    assert producer.flush(30) == 0


def values(bootstrap: str, topic: str, end: int) -> list[bytes | None]:
    return [record[3] for batch in read_range(bootstrap, topic, 0, 0, end) for record in batch]


def stopped_cleanly(root: Path) -> bool:
    return (root / "kafka" / "data" / ".kafka_cleanshutdown").exists()


def test_topics_survive_down_and_up(root: Path, name: str) -> None:
    first = embedded.start(root)
    create(first.bootstrap, name)
    produce(first.bootstrap, name, b"before")
    assert embedded.stop(root)
    assert stopped_cleanly(root)
    assert embedded.find(root) is None
    assert not embedded.stop(root)

    second = embedded.start(root)
    produce(second.bootstrap, name, b"after")
    assert second.bootstrap == first.bootstrap
    assert second.pid != first.pid
    assert values(second.bootstrap, name, 2) == [b"before", b"after"]


def test_a_second_start_returns_the_same(root: Path) -> None:
    first = embedded.start(root)
    said: list[str] = []
    assert embedded.start(root, progress=said.append) == first
    assert embedded.find(root) == first
    assert said == []


def test_two_processes_that_start_at_once_share_one_broker(root: Path) -> None:
    embedded.stop(root)
    code = (
        "import sys; from pathlib import Path; from labline.engine.broker.servers import embedded; "
        "print(embedded.start(Path(sys.argv[1])).pid)"
    )
    starts = [
        subprocess.Popen([sys.executable, "-c", code, str(root)], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    pids = {start.communicate(timeout=120)[0].strip() for start in starts}
    assert len(pids) == 1
    running = embedded.find(root)  # and it outlives whoever started it
    assert running is not None
    assert pids == {str(running.pid)}


def test_a_killed_broker_is_started_again_with_its_records(root: Path, name: str) -> None:
    first = embedded.start(root)
    create(first.bootstrap, name)
    produce(first.bootstrap, name, b"kept")
    os.kill(first.pid, signal.SIGKILL)
    deadline = time.monotonic() + 10
    while embedded.find(root) is not None and time.monotonic() < deadline:
        time.sleep(0.05)
    assert embedded.find(root) is None
    second = embedded.start(root)
    assert values(second.bootstrap, name, 1) == [b"kept"]


def test_a_process_that_has_our_number_is_not_our_broker(root: Path) -> None:
    embedded.stop(root)
    file = root / "broker.json"
    written = json.loads(file.read_text())
    file.write_text(json.dumps({**written, "pid": os.getpid()}))
    assert embedded.find(root) is None
    assert not embedded.stop(root)


def test_ports_that_others_took_meanwhile_are_chosen_anew(root: Path, name: str) -> None:
    first = embedded.start(root)
    create(first.bootstrap, name)
    embedded.stop(root)
    written = json.loads((root / "broker.json").read_text())
    with taken(written["port"]), taken(written["controller_port"]):
        second = embedded.start(root)
    assert second.bootstrap != first.bootstrap
    assert name in admin_client(second.bootstrap).list_topics(timeout=10).topics


def test_a_taken_port_is_a_clear_error(root: Path) -> None:
    embedded.stop(root)
    with taken(0) as port, pytest.raises(LablineError) as raised:
        embedded.start(root, port=port)
    assert raised.value.code == "LL-BROKER-PORT"
    assert str(port) in raised.value.message
    assert embedded.find(root) is None


def test_a_running_broker_does_not_move(root: Path) -> None:
    running = embedded.start(root)
    with pytest.raises(LablineError, match="already runs") as raised:
        embedded.start(root, port=1)
    assert raised.value.code == "LL-BROKER-PORT"
    assert embedded.find(root) == running


def test_a_broker_that_ends_early_says_why(root: Path) -> None:
    embedded.stop(root)
    with pytest.raises(LablineError) as raised:
        embedded.start(root, overrides={"num.io.threads": "none"})
    assert raised.value.code == "LL-BROKER-START"
    assert "num.io.threads" in raised.value.message


def test_it_listens_on_loopback_only(root: Path) -> None:
    running = embedded.start(root)
    port = int(running.bootstrap.split(":")[1])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))  # sends nothing; shows the address we have to others
        outside = probe.getsockname()[0]
    with socket.socket() as other:
        other.settimeout(5)
        assert other.connect_ex((outside, port)) != 0


def test_a_folder_that_cannot_be_written_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / ".labline").write_text("a file, where the folder belongs")
    with pytest.raises(LablineError) as raised:
        embedded.start(tmp_path / ".labline")
    assert raised.value.code == "LL-BROKER-FOLDER"


def test_a_full_disk_is_a_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder, "FREE_MIN_BYTES", 1 << 62)
    with pytest.raises(LablineError) as raised:
        embedded.start(tmp_path / ".labline")
    assert raised.value.code == "LL-BROKER-DISK"


def test_a_failing_download_is_a_clear_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for proxy in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(proxy, "http://127.0.0.1:1")
    with pytest.raises(LablineError) as raised:
        embedded.start(tmp_path / ".labline")
    assert raised.value.code == "LL-BROKER-DOWNLOAD"
    assert "Maven Central" in raised.value.remedy
    assert "://" not in str(raised.value)
    assert jars.kept(jars.KAFKA_JARS) == []


def test_the_commands_start_find_and_stop_it(root: Path) -> None:
    embedded.stop(root)
    workspace = ("--workspace", str(root.parent))
    assert labline("status", *workspace).returncode == 1
    up = labline("up", *workspace)
    assert up.returncode == 0
    status = json.loads(labline("status", "--json", *workspace).stdout)
    assert status["running"] is True
    assert status["bootstrap"] == up.stdout.strip()
    moved = labline("up", "--port", "1", *workspace)
    assert (moved.returncode, moved.stdout) == (1, "")
    assert moved.stderr.startswith("LL-BROKER-PORT: ")
    assert "remedy: " in moved.stderr
    assert labline("up", "--no-such-option").returncode == 2
    assert labline("down", *workspace).returncode == 0
    assert embedded.find(root) is None


@contextlib.contextmanager
def taken(port: int) -> Iterator[int]:
    """Hold a port on the loopback interface, as another program would."""
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(("127.0.0.1", port))
        holder.listen()
        yield holder.getsockname()[1]
