"""The embedded schema registry: started once, found again, and what it knows survives."""

import json
import os
import random
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from labline.engine.broker.registry.schema_registry import SchemaRegistry
from labline.engine.broker.servers import apicurio, jars, java_server
from labline.engine.errors import LablineError
from labline.engine.workspace.workspace import Workspace
from tests.broker.process import until
from tests.command import labline

pytestmark = pytest.mark.broker
SCHEMA = {"type": "record", "name": "R", "fields": [{"name": "x", "type": "int"}]}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    # a name that a properties file, a command line or a C locale could trip over
    root = tmp_path_factory.mktemp("é, =:") / ".labline"
    yield root
    apicurio.stop(root)


def written(root: Path) -> dict[str, int | str]:
    document: dict[str, int | str] = json.loads((root / "registry.json").read_text())
    return document


def test_schemas_survive_down_and_up(root: Path, tmp_path: Path, name: str) -> None:
    first = apicurio.start(root)
    number = SchemaRegistry(first.url, tmp_path / "one").register(name, SCHEMA)
    assert apicurio.stop(root)
    assert apicurio.find(root) is None
    assert not apicurio.stop(root)
    assert apicurio.last_url(root) == first.url

    second = apicurio.start(root)
    assert second.url == first.url
    assert second.pid != first.pid
    assert SchemaRegistry(second.url, tmp_path / "two").by_id(number) == SCHEMA


def test_what_was_answered_survives_a_kill(root: Path, tmp_path: Path, name: str) -> None:
    first = apicurio.start(root)
    number = SchemaRegistry(first.url, tmp_path / "one").register(name, SCHEMA)
    os.kill(first.pid, signal.SIGKILL)
    until("gone", lambda: apicurio.find(root) is None)
    second = apicurio.start(root)
    assert SchemaRegistry(second.url, tmp_path / "two").lookup(name, SCHEMA) == number


def test_a_second_start_returns_the_same(root: Path) -> None:
    first = apicurio.start(root)
    said: list[str] = []
    assert apicurio.start(root, progress=said.append) == first
    assert apicurio.find(root) == first
    assert said == []


def test_both_its_ports_are_on_loopback_only(root: Path) -> None:
    apicurio.start(root)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))  # sends nothing; shows the address we have to others
        outside = probe.getsockname()[0]
    for port in (written(root)["port"], written(root)["management_port"]):
        for address, reached in (("127.0.0.1", True), (outside, False)):
            with socket.socket() as other:
                other.settimeout(5)
                assert (other.connect_ex((address, int(port))) == 0) is reached


def test_ports_that_others_took_meanwhile_are_chosen_anew(root: Path) -> None:
    first = apicurio.start(root)
    apicurio.stop(root)
    with socket.socket() as one, socket.socket() as two:
        for holder, port in ((one, "port"), (two, "management_port")):
            holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            holder.bind(("127.0.0.1", written(root)[port]))
            holder.listen()
        second = apicurio.start(root)
    assert second.url != first.url


def test_a_process_that_has_its_number_is_another(tmp_path: Path) -> None:
    state = {"pid": os.getpid(), "mark": "-Dno=such", "port": 1, "management_port": 2}
    (tmp_path / "registry.json").write_text(json.dumps({"format": 1, **state}))
    assert apicurio.last_url(tmp_path) == "http://127.0.0.1:1/apis/ccompat/v7"
    assert apicurio.find(tmp_path) is None
    assert not apicurio.stop(tmp_path)


def test_what_answers_in_its_place_is_not_taken_for_it(root: Path, registry: str) -> None:
    """Another registry on the port that was written down, and our own process beside it."""
    running = apicurio.start(root)
    kept = written(root)
    port = int(registry.split(":")[2].split("/")[0])
    try:
        (root / "registry.json").write_text(json.dumps({**kept, "port": port}))
        assert apicurio.find(root) is None
    finally:
        (root / "registry.json").write_text(json.dumps(kept))
    assert apicurio.find(root) == running


def test_one_that_ends_early_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apicurio, "HEAP", ("-Xmx1k",))
    with pytest.raises(LablineError, match=r"ended while it started: .*heap") as raised:
        apicurio.start(tmp_path)
    assert raised.value.code == "LL-REGISTRY-START"
    assert "registry.log" in raised.value.remedy


def test_a_spoilt_database_is_not_served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Apicurio may end, or answer with nothing behind it: neither is a registry."""
    monkeypatch.setattr(java_server, "READY_TIMEOUT_S", 15.0)
    data = tmp_path / "registry" / "data"
    data.mkdir(parents=True)
    (data / "registry.mv.db").write_bytes(random.Random(17).randbytes(11_000))
    with pytest.raises(LablineError, match=r"registry\.mv\.db") as raised:
        apicurio.start(tmp_path)
    assert raised.value.code == "LL-REGISTRY-START"
    assert apicurio.find(tmp_path) is None


def test_an_archive_that_is_another_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    (tmp_path / "other.tar.gz").write_bytes(b"cut short")
    there = apicurio.ARCHIVE._replace(
        script=f"print({json.dumps([str(tmp_path / 'other.tar.gz')])!r})"
    )
    with pytest.raises(LablineError, match="not the archive that was asked for") as raised:
        jars.kept_or_fetched(there)
    assert raised.value.code == "LL-REGISTRY-DOWNLOAD"
    assert jars.kept(there) == []


def test_a_failing_download_is_a_clear_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for proxy in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(proxy, "http://127.0.0.1:1")
    with pytest.raises(LablineError) as raised:
        apicurio.start(tmp_path / ".labline")
    assert raised.value.code == "LL-REGISTRY-DOWNLOAD"
    assert "schema_registry" in raised.value.remedy
    assert "://" not in str(raised.value)


def test_the_commands_start_find_and_stop_both(tmp_path: Path) -> None:
    workspace = ("--workspace", str(tmp_path))
    alone = labline("up", *workspace)
    assert alone.returncode == 0
    assert not (tmp_path / ".labline" / "registry").exists()
    assert "registry" not in labline("status", *workspace).stdout
    up = labline("up", "--registry", *workspace)
    assert up.returncode == 0, up.stderr
    bootstrap, url = up.stdout.split()
    assert bootstrap == alone.stdout.strip()
    told = json.loads(labline("status", "--json", *workspace).stdout)
    assert (told["bootstrap"], told["registry"]["url"]) == (bootstrap, url)
    assert told["registry"]["running"] is True
    assert url in labline("status", *workspace).stdout
    assert labline("down", *workspace).returncode == 0
    assert apicurio.find(tmp_path / ".labline") is None
    down = labline("status", *workspace)
    assert down.returncode == 1
    assert "labline up --registry" in down.stdout


def test_a_workspace_knows_its_registry(
    root: Path, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = root.parent / "labline.toml"
    settings.write_text('name = "w"\n')
    for variable in ("LABLINE_SCHEMA_REGISTRY", "LABLINE_SCHEMA_REGISTRY_AUTH"):
        monkeypatch.delenv(variable, raising=False)

    def registry() -> SchemaRegistry:
        found = Workspace(root.parent).registry()
        assert found is not None
        return found

    running = apicurio.start(root)
    number = registry().register(name, SCHEMA)
    assert registry().by_id(number) == SCHEMA
    apicurio.stop(root)
    assert registry().url == running.url
    assert registry().by_id(number) == SCHEMA  # away, but it told that
    with pytest.raises(LablineError, match="LL-REGISTRY-AWAY"):
        registry().by_id(number + 1)
    settings.write_text('name = "w"\nschema_registry = "http://127.0.0.1:1"\n')
    assert registry().url == "http://127.0.0.1:1"
    with pytest.raises(LablineError, match="LL-REGISTRY-AWAY"):
        registry().by_id(number)  # the same id of another registry
    monkeypatch.setenv("LABLINE_SCHEMA_REGISTRY", "http://me:hush@127.0.0.1:1")
    with pytest.raises(LablineError, match="LL-REGISTRY-URL") as raised:
        registry()
    assert "hush" not in str(raised.value)
    monkeypatch.setenv("LABLINE_SCHEMA_REGISTRY", "http://127.0.0.1:2")
    monkeypatch.setenv("LABLINE_SCHEMA_REGISTRY_AUTH", "hush")
    with pytest.raises(LablineError, match="LL-REGISTRY-AUTH") as raised:
        registry()
    assert "hush" not in str(raised.value)

    bare = tmp_path / "bare"
    bare.mkdir()
    (bare / "labline.toml").write_text('name = "b"\n')
    monkeypatch.delenv("LABLINE_SCHEMA_REGISTRY")
    assert Workspace(bare).registry() is None
