"""The Faust worker that users start: supervision, and a small web page. Records do not pass here.

Faust acknowledges before decode hooks and in a ``finally``; what must not be lost does not ride
on it. Scorer processes carry the records (see `labline.engine.factory.scorer`).
"""

import logging
import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import faust
import structlog

from labline.engine.factory.supervisor import Slot, Supervisor
from labline.engine.logs import standard_logging
from labline.topics.naming import CONTROL_TOPIC

log = structlog.get_logger()

LOOPBACK = "127.0.0.1"
SESSION_TIMEOUT_S = 6.0  # as short as brokers allow


@dataclass(frozen=True)
class WorkerOptions:
    """How a worker runs.

    Attributes
    ----------
    lines
        Lines to score.
    processes
        Scorer processes for each line.
    first_slot
        Number of this worker's first slot: workers on several hosts have ranges of their own.
    keys
        Folder of trusted public keys.
    state
        Folder for logs and Faust's own files.
    web_port
        0 chooses a free one.
    snapshots, snapshot_key
        Folder or URL where snapshots are kept, and the file of the key for their MACs.
    registry, known_schemas
        URL of a schema registry, and the folder of what it told before.
    """

    bootstrap: str
    lines: tuple[str, ...]
    keys: Path
    state: Path
    processes: int = 1
    first_slot: int = 0
    batch_max: int | None = None
    web_port: int = 0
    snapshots: str | None = None
    snapshot_key: Path | None = None
    registry: str | None = None
    known_schemas: Path | None = None


def supervisor_of(options: WorkerOptions) -> Supervisor:
    """Return the service that keeps a worker's scorer processes running."""
    slots = [
        Slot(line, str(options.first_slot + n))
        for line in options.lines
        for n in range(options.processes)
    ]
    arguments = ["--bootstrap", options.bootstrap, "--keys", str(options.keys)]
    arguments += ["--supervisor", str(os.getpid())]
    if options.batch_max is not None:
        arguments += ["--batch-max", str(options.batch_max)]
    if options.snapshots is not None:
        arguments += ["--snapshots", options.snapshots]
        arguments += ["--snapshot-key", str(options.snapshot_key)]
    if options.registry is not None:
        arguments += ["--registry", options.registry]
        arguments += ["--known-schemas", str(options.known_schemas)]
    return Supervisor(slots, arguments, options.state / "logs")


def worker_app(options: WorkerOptions, supervisor: Supervisor) -> Any:
    """Return the Faust app of a worker: its web page, and a view of the control topic."""
    app = faust.App(
        "labline.factory",
        broker=f"kafka://{options.bootstrap}",
        datadir=str(options.state / "faust"),
        web_host=LOOPBACK,
        web_bind=LOOPBACK,
        web_port=options.web_port or free_port(),
        topic_disable_leader=True,
        topic_allow_declare=False,
        # after a kill -9 the next worker waits for the dead one's session, a minute by default
        broker_session_timeout=SESSION_TIMEOUT_S,
        broker_heartbeat_interval=SESSION_TIMEOUT_S / 3,
    )

    @app.page("/scorers")
    async def scorers(web: Any, _: Any) -> Any:
        return web.json([slot.facts() for slot in supervisor.slots])

    @app.agent(
        app.topic(
            CONTROL_TOPIC,
            value_type=bytes,
            key_type=bytes,
            value_serializer="raw",
            key_serializer="raw",
        )
    )
    async def control(records: Any) -> None:
        """Say that a control record came: a view; scorers follow the topic by themselves."""
        async for event in records.events():
            # anybody may write there: a key may be missing or no text
            line = (event.key or b"").decode(errors="replace")
            log.info("control record", revision=event.message.offset, line=line)

    return app


def run_worker(options: WorkerOptions, *, quiet: bool = False) -> None:
    """Run a worker until a signal ends it; its scorers end first."""
    supervisor = supervisor_of(options)
    app = worker_app(options, supervisor)
    log.info("worker", lines=options.lines, page=f"http://{LOOPBACK}:{app.conf.web_port}/scorers")
    level = logging.ERROR if quiet else logging.WARNING
    # the supervisor beside the app, not in it: it need not wait until Faust has joined its group
    worker = faust.Worker(
        app,
        supervisor,
        loglevel=level,
        logging_config=standard_logging(level),
        redirect_stdouts=False,
    )
    worker.execute_from_commandline()


def free_port() -> int:
    """Return a port of the loopback address that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])
