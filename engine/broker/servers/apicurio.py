"""A real schema registry, Apicurio, on this machine: started, found and stopped as the broker is.

Under the workspace's ``.labline`` folder (`root`): its database in ``registry/``, the log in
``logs/registry.log``, and in ``registry.json`` what is needed to find the process again.
"""

import dataclasses
import hashlib
import http.client
import json
import tarfile
import uuid
from pathlib import Path
from typing import NamedTuple

from labline.engine.broker.servers import ports
from labline.engine.broker.servers.jars import Bar, Package, Progress, java, kept_or_fetched
from labline.engine.broker.servers.java_server import JavaServer
from labline.engine.broker.servers.process_file import State
from labline.engine.broker.servers.server_properties import HOST, render

VERSION = "3.3.3"
SHA256 = "8bc6751c76d963734224b01d5e7f84ccb3cb61c87d3bd77c36c35f10a5cbed63"
API = "/apis/ccompat/v7"  # Confluent's
ANSWER_TIMEOUT_S = 5.0
HEAP = ("-Xms64m", "-Xmx384m", "-XX:+ExitOnOutOfMemoryError")
STARTER = "quarkus-run.jar"


class Running(NamedTuple):
    """A registry that answers."""

    url: str
    pid: int
    log: Path


def start(
    root: Path,
    *,
    port: int | None = None,
    progress: Progress | None = None,
    bar: Bar | None = None,
) -> Running:
    """Start the schema registry of `root`, or return the one that runs.

    Parameters
    ----------
    root
        The workspace's ``.labline`` folder.
    port
        The port for clients; without it that of the last time if it is free, else any free one.
    progress
        Is told what is being done, when that takes longer than a moment.
    bar
        Shows how far a download is.

    Raises
    ------
    LablineError
        ``LL-REGISTRY-START``, ``-DOWNLOAD``, or what the broker's folder, ports and lock raise.
    """
    apicurio = _Apicurio(root)
    return apicurio.told(apicurio.start(port, progress, bar))


def find(root: Path) -> Running | None:
    """Return the registry of `root` if it runs and answers."""
    apicurio = _Apicurio(root)
    state = apicurio.find()
    return apicurio.told(state) if state else None


def stop(root: Path) -> bool:
    """Stop the registry of `root`; return whether there was one to stop."""
    return _Apicurio(root).stop()


def last_url(root: Path) -> str | None:
    """Return where the registry of `root` answers, or did when it last ran.

    Examples
    --------
    >>> last_url(Path("nowhere"))
    """
    state = _Apicurio(root).last()
    return _url(state) if state else None


def known_folder(root: Path) -> Path:
    """Return where schemas of the registry of `root` are kept: beside them, gone with them."""
    return root / _Apicurio.data / "known"


@dataclasses.dataclass(frozen=True)
class _State(State):
    management_port: int


class _Apicurio(JavaServer[_State]):
    name = "registry"
    title = f"Apicurio Registry {VERSION}"
    data = "registry"

    def __init__(self, root: Path) -> None:
        super().__init__(root, _State)

    def told(self, state: _State) -> Running:
        return Running(_url(state), state.pid, self.log)

    def fetch(self, progress: Progress | None, bar: Bar | None) -> list[Path]:
        files = kept_or_fetched(ARCHIVE, progress, bar)
        return [path for path in files if path.name == STARTER]

    def plan(self, port: int, last: _State | None) -> _State:
        return _State(
            pid=0,
            mark=_mark(str(uuid.uuid4())),
            port=port,
            management_port=ports.choose(last.management_port if last else None, {port}),
        )

    def prepare(self, state: _State, jars: list[Path]) -> tuple[_State, list[str]]:
        configuration = self.folder / "config"  # where it looks in its folder
        configuration.mkdir(exist_ok=True)
        (configuration / "application.properties").write_text(render(_settings(state)))
        # by its jar, whose manifest opens what it needs of Java
        return state, [str(java()), state.mark, *HEAP, "-jar", str(jars[0])]

    def answers(self, state: _State) -> bool:
        try:
            about = json.loads(_get(state.port, "/apis/registry/v3/system/info"))
            subjects = json.loads(_get(state.port, f"{API}/subjects"))  # its database, too
            return state.mark == _mark(about["description"]) and isinstance(subjects, list)
        except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError):
            return False


def _mark(name: str) -> str:
    return f"-Dapicurio.app.description={name}"  # it tells this to clients


def _get(port: int, path: str) -> bytes:
    connection = http.client.HTTPConnection(HOST, port, timeout=ANSWER_TIMEOUT_S)
    try:
        connection.request("GET", path)
        return connection.getresponse().read()
    finally:
        connection.close()


def _settings(state: _State) -> dict[str, str]:
    """Return what differs from Apicurio's own settings.

    Examples
    --------
    >>> _settings(_State(0, "", 1, 2))["quarkus.management.port"]
    '2'
    """
    return {
        # loopback only; its second port listens on every interface unless told
        "quarkus.http.host": HOST,
        "quarkus.http.port": str(state.port),
        "quarkus.management.host": HOST,
        "quarkus.management.port": str(state.management_port),
        # a file, relative to the process's folder; what was answered is on disk, whatever comes
        "apicurio.datasource.url": "jdbc:h2:file:./data/registry;WRITE_DELAY=0",
        "apicurio.datasource.jdbc.initial-size": "1",
        "apicurio.datasource.jdbc.min-size": "1",
        "apicurio.datasource.jdbc.max-size": "8",
        "quarkus.http.access-log.enabled": "false",
        "quarkus.log.console.format": "%d{yyyy-MM-dd HH:mm:ss,SSS} %p %m (%c{1})%e%n",
    }


def _url(state: _State) -> str:
    return f"http://{HOST}:{state.port}{API}"


def _unpack(files: list[Path], folder: Path) -> str | None:
    [archive] = files
    with archive.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != SHA256:
            return "what came is not the archive that was asked for"
    with tarfile.open(archive) as tar:
        tar.extraction_filter = getattr(tarfile, "data_filter", None)  # older Pythons have none
        tar.extractall(folder)  # noqa: S202  # known by its digest
    return None


ARCHIVE = Package(
    title=_Apicurio.title,
    folder=f"apicurio-{VERSION}",
    coordinates=[f"io.apicurio:apicurio-registry-app:{VERSION}:all:tar.gz"],
    size_mb=158,
    script="""
import json, sys
from jgo.maven import MavenContext
group, name, version, classifier, packaging = sys.argv[1].split(":")
component = MavenContext().project(group, name).at_version(version)
print(json.dumps([str(component.artifact(classifier, packaging).resolve())]))
""",
    place=_unpack,
    code="LL-REGISTRY-DOWNLOAD",
    instead="name a registry of your own: schema_registry in labline.toml",
)
