"""A real Apache Kafka, one node, on this machine: started once, found again, stopped cleanly.

Everything lies under the workspace's ``.labline`` folder (`root`): data in ``kafka/``, the log
in ``logs/kafka.log``, and in ``broker.json`` what is needed to find the process again.
"""

import base64
import logging
import subprocess
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from engine.broker import ports
from engine.broker.folder import check_folder, check_space, disk_full, writing
from engine.broker.jars import KAFKA_VERSION, Progress, class_path, java
from engine.broker.java_process import (
    POLL_S,
    is_alive,
    java_environment,
    spawn,
    telling_line,
    terminate,
)
from engine.broker.process_file import State, alone, read, write
from engine.broker.server_properties import HOST, LOG4J, render, settings
from engine.errors import LablineError

READY_TIMEOUT_S = 120.0
STOP_PATIENCE_S = 30.0
ANSWER_TIMEOUT_S = 5.0
LOG_MAX_BYTES = 16 * 1024 * 1024
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
) -> Running:
    """Start the broker of `root`, or return the one that runs.

    Parameters
    ----------
    root
        The workspace's ``.labline`` folder.
    port
        The port for clients; without it that of the last time if it is free, else any free one.
    overrides
        Settings of Kafka's ``server.properties``; without effect on a broker that runs.
    progress
        Is told what is being done, when that takes longer than a moment.

    Raises
    ------
    LablineError
        ``LL-BROKER-PORT``, ``-FOLDER``, ``-DISK``, ``-DOWNLOAD``, ``-EXTRA``, ``-BUSY`` or
        ``-START``.
    """
    root = root.absolute()
    check_folder(root)
    with writing(root), alone(root):
        running = _running(root)
        if running is not None:
            if port is not None and running.bootstrap != f"{HOST}:{port}":
                raise LablineError(
                    "LL-BROKER-PORT",
                    f"the broker already runs, at {running.bootstrap}",
                    "labline down, then labline up --port again",
                )
            return running
        jars = class_path(progress)
        check_space(root)
        if progress:
            progress(f"starting Apache Kafka {KAFKA_VERSION}")
        return _start(root, jars, port, overrides)


def find(root: Path) -> Running | None:
    """Return the broker of `root` if it runs and answers."""
    root = root.absolute()
    state = read(root)
    if state is None or not is_alive(state.pid, state.mark):
        return None
    if not ports.answers(state.port) or not _answers(state):
        return None
    return Running(_bootstrap(state), state.pid, _log(root))


def stop(root: Path) -> bool:
    """Stop the broker of `root`; return whether there was one to stop."""
    root = root.absolute()
    if read(root) is None:
        return False
    with writing(root), alone(root):
        state = read(root)
        if state is None or not is_alive(state.pid, state.mark):
            return False
        _end(state)
        return True


def _end(state: State) -> None:
    try:
        terminate(state.pid, state.mark, STOP_PATIENCE_S)
    except PermissionError as error:
        raise LablineError(
            "LL-BROKER-STOP",
            f"the broker, process {state.pid}, belongs to another user of this machine",
            "stop it as that user",
        ) from error


def _running(root: Path) -> Running | None:
    """Return the broker that runs; end one of ours that does not answer."""
    state = read(root)
    if state is None or not is_alive(state.pid, state.mark):
        return None
    try:
        # whoever started it may have been killed while it came up
        return _await(root, state, _log_size(root))
    except LablineError:
        return None


def _start(
    root: Path, jars: list[Path], port: int | None, overrides: Mapping[str, str] | None
) -> Running:
    last = read(root)
    attempts = 3
    while True:
        chosen = ports.demand(port) if port else ports.choose(last and last.port, set())
        state = State(
            pid=0,
            mark=f"-Dlabline.broker={uuid.uuid4()}",
            port=chosen,
            controller_port=ports.choose(last and last.controller_port, {chosen}),
            cluster=last.cluster if last else "",
        )
        try:
            return _launch(root, jars, state, overrides)
        except LablineError as error:
            attempts -= 1
            # between our look at a port and Java's bind someone else may have taken it
            if error.code != "LL-BROKER-PORT" or port or not attempts:
                raise


def _launch(
    root: Path, jars: list[Path], state: State, overrides: Mapping[str, str] | None
) -> Running:
    folder = root / "kafka"
    (folder / "server.properties").write_text(
        render(settings(state.port, state.controller_port, overrides))
    )
    (folder / "log4j2.properties").write_text(LOG4J)
    log = _log(root)
    if _log_size(root) > LOG_MAX_BYTES:
        log.replace(log.with_suffix(".log.1"))
    log_start = _log_size(root)
    state = state._replace(cluster=_format(folder, jars, log, log_start))
    command = [
        str(java()),
        state.mark,
        *HEAP,
        "-Dlog4j2.configurationFile=log4j2.properties",
        "kafka.Kafka",
        "server.properties",
    ]
    state = state._replace(pid=spawn(command, folder, jars, log))
    try:
        write(root, state)
        return _await(root, state, log_start)
    except BaseException:
        terminate(state.pid, state.mark, STOP_PATIENCE_S)
        raise


def _format(folder: Path, jars: list[Path], log: Path, log_start: int) -> str:
    """Prepare the data folder unless that was done before; return the cluster's id."""
    meta = folder / "data" / "meta.properties"
    if not meta.exists():
        cluster = _cluster_id()
        command = [
            str(java()),
            "-XX:TieredStopAtLevel=1",
            "-Dlog4j2.configurationFile=log4j2.properties",
            "kafka.tools.StorageTool",
            *("format", "--cluster-id", cluster, "--config", "server.properties"),
        ]
        with log.open("ab") as out:
            done = subprocess.run(
                command,
                cwd=folder,
                env=java_environment(jars),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                check=False,
            )
        if done.returncode:
            raise _ended(log, log_start, None)
    lines = dict(line.split("=", 1) for line in meta.read_text().splitlines() if "=" in line)
    return lines["cluster.id"]


def _cluster_id() -> str:
    while True:
        name = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        if not name.startswith("-"):  # the storage tool would take it for an option
            return name


def _await(root: Path, state: State, log_start: int) -> Running:
    log = _log(root)
    deadline = time.monotonic() + READY_TIMEOUT_S
    while time.monotonic() < deadline:
        if not is_alive(state.pid, state.mark):
            raise _ended(log, log_start, state.port)
        if ports.answers(state.port) and _answers(state):
            return Running(_bootstrap(state), state.pid, log)
        time.sleep(POLL_S)
    _end(state)
    raise LablineError(
        "LL-BROKER-START",
        f"the broker did not answer within {READY_TIMEOUT_S:.0f} s: {telling_line(log, log_start)}",
        f"read {log}; then labline up again",
    )


def _answers(state: State) -> bool:
    """Tell whether a client is served, and by this very cluster."""
    from confluent_kafka import KafkaException
    from confluent_kafka.admin import AdminClient

    quiet = logging.Logger("labline.probe", logging.CRITICAL + 1)  # refusals are expected here
    admin = AdminClient({"bootstrap.servers": _bootstrap(state)}, logger=quiet)
    try:
        metadata = admin.list_topics(timeout=ANSWER_TIMEOUT_S)
    except KafkaException:
        return False
    return bool(metadata.brokers) and metadata.cluster_id == state.cluster


def _ended(log: Path, log_start: int, port: int | None) -> LablineError:
    with log.open("rb") as file:
        file.seek(log_start)
        text = file.read().decode(errors="replace")
    if "No space left on device" in text:
        return disk_full(log.parent)
    if port and ("Address already in use" in text or "BindException" in text):
        return ports.port_taken(port)
    return LablineError(
        "LL-BROKER-START",
        f"the broker ended while it started: {telling_line(log, log_start)}",
        f"read {log}; then labline up again",
    )


def _bootstrap(state: State) -> str:
    return f"{HOST}:{state.port}"


def _log(root: Path) -> Path:
    return root / "logs" / "kafka.log"


def _log_size(root: Path) -> int:
    log = _log(root)
    return log.stat().st_size if log.exists() else 0
