"""A program in a process of its own, and what it cost that process."""

import logging
import multiprocessing
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from labline.engine.broker.clients import consumer_config, producer_config
from labline.engine.logs import configure

START_TIMEOUT_S = 60.0


@dataclass(frozen=True)
class Job:
    """What a process is to run.

    Attributes
    ----------
    name
        Of the line, or what the flat script's group and topics begin with.
    flat
        What the flat script is told beside its clients (see `flat.Settings`); None: run labline's
        scorer.
    """

    bootstrap: str
    name: str
    keys: Path
    flat: dict[str, Any] | None


class Metered:
    """A process that runs a job until it is told to stop, then says what that cost."""

    def __init__(self, job: Job) -> None:
        context = multiprocessing.get_context("spawn")
        self._told, tell = context.Pipe(duplex=False)
        self._process = context.Process(target=_run, args=(job, tell), daemon=True)
        self._process.start()
        tell.close()

    def alive(self) -> bool:
        """Tell whether the process still runs."""
        return self._process.is_alive()

    def stop(self) -> dict[str, Any]:
        """Tell the process to stop; return its own CPU seconds and what it did."""
        self._process.terminate()
        found: dict[str, Any] = self._told.recv()
        self._process.join(START_TIMEOUT_S)
        return found


def _run(job: Job, tell: Connection) -> None:
    """Run a job; imports and the reading of settings come before the clock starts."""
    configure(logging.WARNING)
    program = _scorer(job) if job.flat is None else _flat(job, job.flat)
    started = time.process_time()  # user + system, of all threads, librdkafka's too
    did = program()
    tell.send({"cpu_s": time.process_time() - started, "did": did})


def _scorer(job: Job) -> Callable[[], Any]:
    from labline.engine.factory.process import Options, Stop, run
    from labline.engine.models.control.configuration import spec_of
    from labline.engine.models.control.signing import load_public_keys
    from labline.engine.models.learning.snapshot_store import SnapshotStore, load_key

    state = job.keys.parent / ".labline"
    store = SnapshotStore(str(state / "snapshots"), load_key(state / "keys" / "snapshots.key"))
    keys = load_public_keys(job.keys)
    options = Options(job.bootstrap, job.name, "0", keys, None, store, spec_of)
    return lambda: run(options, Stop(os.getppid()))


def _flat(job: Job, told: dict[str, Any]) -> Callable[[], Any]:
    from flat import Flat, Settings

    from labline.engine.factory.process import Stop
    from labline.engine.models.recipes.language import parse

    stopped = Stop(os.getppid())  # the scorer process's own
    told = dict(told)
    models = [(name, parse(recipe)) for name, recipe in told.pop("models").items()]
    settings = Settings(
        consumer=consumer_config(job.bootstrap, group_id=job.name, auto_offset_reset="earliest"),
        producer=producer_config(job.bootstrap, transactional_id=job.name),
        models=models,
        **told,
    )
    return lambda: Flat(settings).run(stopped)
