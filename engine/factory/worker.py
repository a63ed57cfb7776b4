"""The Faust worker that users start: supervision, and a small web page. Records do not pass here.

Faust acknowledges before decode hooks and in a ``finally``; what must not be lost does not ride
on it. Scorer processes carry the records (see `engine.factory.scorer`).
"""

import logging
import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import faust
import structlog

from engine.factory.supervisor import Slot, Supervisor
from topics.naming import CONTROL_TOPIC

log = structlog.get_logger()

LOOPBACK = "127.0.0.1"


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
    """

    bootstrap: str
    lines: tuple[str, ...]
    keys: Path
    state: Path
    processes: int = 1
    first_slot: int = 0
    batch_max: int | None = None
    web_port: int = 0


def worker_app(options: WorkerOptions) -> Any:
    """Return the Faust app of a worker, with its supervisor as a service."""
    app = faust.App(
        "labline.factory",
        broker=f"kafka://{options.bootstrap}",
        datadir=str(options.state / "faust"),
        web_host=LOOPBACK,
        web_bind=LOOPBACK,
        web_port=options.web_port or free_port(),
        topic_disable_leader=True,
        topic_allow_declare=False,
    )
    slots = [
        Slot(line, str(options.first_slot + n))
        for line in options.lines
        for n in range(options.processes)
    ]
    arguments = ["--bootstrap", options.bootstrap, "--keys", str(options.keys)]
    arguments += ["--supervisor", str(os.getpid())]
    if options.batch_max is not None:
        arguments += ["--batch-max", str(options.batch_max)]
    supervisor = Supervisor(slots, arguments, options.state / "logs")

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
            log.info("control record", revision=event.message.offset, line=str(event.key, "utf-8"))

    app.service(supervisor)  # type: ignore[arg-type]  # Faust takes a service as well as a class
    return app


def run_worker(options: WorkerOptions, *, quiet: bool = False) -> None:
    """Run a worker until a signal ends it; its scorers end first."""
    app = worker_app(options)
    log.info("worker", lines=options.lines, page=f"http://{LOOPBACK}:{app.conf.web_port}/scorers")
    level = logging.ERROR if quiet else logging.WARNING
    worker = faust.Worker(app, loglevel=level, redirect_stdouts=False)
    worker.execute_from_commandline()


def free_port() -> int:
    """Return a port of the loopback address that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])
