"""A real Apache Kafka, one node, on this machine: started once, found again, stopped cleanly.

Everything lies under the workspace's ``.labline`` folder (`root`): data in ``kafka/``, the log
in ``logs/kafka.log``, and in ``broker.json`` what is needed to find the process again.
"""

import base64
import dataclasses
import subprocess
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from labline.engine.broker.servers import ports
from labline.engine.broker.servers.jars import KAFKA_JARS, Bar, Progress, java, kept_or_fetched
from labline.engine.broker.servers.java_process import java_environment
from labline.engine.broker.servers.java_server import JavaServer
from labline.engine.broker.servers.process_file import State
from labline.engine.broker.servers.server_properties import HOST, LOG4J, render, settings

ANSWER_TIMEOUT_S = 5.0
HEAP = ("-Xms128m", "-Xmx512m", "-XX:+ExitOnOutOfMemoryError")


class Running(NamedTuple):
    """A broker that answers."""

    bootstrap: str
    pid: int
    log: Path


def start(
    root: Path,
    *,
    port: int | None = None,
    overrides: Mapping[str, str] | None = None,
    progress: Progress | None = None,
    bar: Bar | None = None,
) -> Running:
    """Start the broker of `root`, or return the one that runs.

    Parameters
    ----------
    root
        The workspace's ``.labline`` folder.
    port
        The port for clients; without it that of the last time if it is free, else any free one.
    overrides
        Settings of Kafka's ``server.properties``; those of listeners add to its own. Without
        effect on a broker that runs.
    progress
        Is told what is being done, when that takes longer than a moment.
    bar
        Shows how far a download is.

    Raises
    ------
    LablineError
        ``LL-BROKER-PORT``, ``-FOLDER``, ``-DISK``, ``-DOWNLOAD``, ``-EXTRA``, ``-BUSY`` or
        ``-START``.
    """
    kafka = _Kafka(root, overrides)
    return kafka.told(kafka.start(port, progress, bar))


def find(root: Path) -> Running | None:
    """Return the broker of `root` if it runs and answers."""
    kafka = _Kafka(root)
    state = kafka.find()
    return kafka.told(state) if state else None


def stop(root: Path) -> bool:
    """Stop the broker of `root`; return whether there was one to stop."""
    return _Kafka(root).stop()


@dataclasses.dataclass(frozen=True)
class _State(State):
    controller_port: int
    cluster: str


class _Kafka(JavaServer[_State]):
    name = "broker"
    title = KAFKA_JARS.title
    data = "kafka"

    def __init__(self, root: Path, overrides: Mapping[str, str] | None = None) -> None:
        super().__init__(root, _State)
        self._overrides = overrides

    def told(self, state: _State) -> Running:
        return Running(_bootstrap(state), state.pid, self.log)

    def fetch(self, progress: Progress | None, bar: Bar | None) -> list[Path]:
        return kept_or_fetched(KAFKA_JARS, progress, bar)

    def plan(self, port: int, last: _State | None) -> _State:
        return _State(
            pid=0,
            mark=f"-Dlabline.broker={uuid.uuid4()}",
            port=port,
            controller_port=ports.choose(last.controller_port if last else None, {port}),
            cluster=last.cluster if last else "",
        )

    def prepare(self, state: _State, jars: list[Path]) -> tuple[_State, list[str]]:
        (self.folder / "server.properties").write_text(
            render(settings(state.port, state.controller_port, self._overrides))
        )
        (self.folder / "log4j2.properties").write_text(LOG4J)
        command = [
            str(java()),
            state.mark,
            *HEAP,
            "-Dlog4j2.configurationFile=log4j2.properties",
            "kafka.Kafka",
            "server.properties",
        ]
        return dataclasses.replace(state, cluster=self._format(jars)), command

    def answers(self, state: _State) -> bool:
        from confluent_kafka import KafkaException

        from labline.engine.broker.clients import admin_client

        admin = admin_client(_bootstrap(state))
        try:
            metadata = admin.list_topics(timeout=ANSWER_TIMEOUT_S)
        except KafkaException:
            return False
        return bool(metadata.brokers) and metadata.cluster_id == state.cluster

    def _format(self, jars: list[Path]) -> str:
        """Prepare the data folder unless that was done before; return the cluster's id."""
        meta = self.folder / "data" / "meta.properties"
        if not meta.exists():
            command = [
                str(java()),
                "-XX:TieredStopAtLevel=1",
                "-Dlog4j2.configurationFile=log4j2.properties",
                "kafka.tools.StorageTool",
                *("format", "--cluster-id", _cluster_id(), "--config", "server.properties"),
            ]
            with self.log.open("ab") as out:
                done = subprocess.run(
                    command,
                    cwd=self.folder,
                    env=java_environment(jars),
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=out,
                    check=False,
                )
            if done.returncode:
                raise self.ended(None)
        lines = dict(line.split("=", 1) for line in meta.read_text().splitlines() if "=" in line)
        return lines["cluster.id"]


def _cluster_id() -> str:
    while True:
        name = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        if not name.startswith("-"):  # the storage tool would take it for an option
            return name


def _bootstrap(state: _State) -> str:
    return f"{HOST}:{state.port}"
