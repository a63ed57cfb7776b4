"""Supervision: a service of the Faust worker that keeps scorer processes running.

What comes in are slots; what goes out are processes and their logs. What must stay true: a process
that ends is started again, later each time, unless it says that a person has to look; and when the
worker ends, so do they, in order.
"""

import asyncio
import sys
import time
from asyncio.subprocess import Process
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
from mode import Service

from labline.engine.factory.backoff import backoff_s
from labline.engine.factory.exits import EXIT_HANDLED

log = structlog.get_logger()

STOP_TIMEOUT_S = 15.0
STABLE_S = 30.0  # a process that lived this long starts its backoff anew


@dataclass
class Slot:
    """A scorer process's place: line and instance stay, processes come and go."""

    line: str
    instance: str
    process: Process | None = None
    starts: int = 0
    exit_code: int | None = None

    def facts(self) -> dict[str, Any]:
        """Return what the worker's web page shows."""
        running = self.process is not None and self.process.returncode is None
        return {
            "line": self.line,
            "instance": self.instance,
            "running": running,
            "pid": self.process.pid if self.process and running else None,
            "starts": self.starts,
            "last_exit_code": self.exit_code,
        }


class Supervisor(Service):
    """Starts scorer processes, starts them again when they end, ends them when it ends.

    Parameters
    ----------
    slots
        One a process.
    arguments
        Of every scorer process, besides line and instance.
    logs
        Folder for their logs.
    """

    def __init__(self, slots: list[Slot], arguments: list[str], logs: Path, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.slots = slots
        self._arguments = arguments
        self._logs = logs
        self._keepers: list[asyncio.Task[None]] = []

    async def on_start(self) -> None:
        """Start a keeper for each slot."""
        self._logs.mkdir(parents=True, exist_ok=True)
        self._keepers = [asyncio.create_task(self._keep(slot)) for slot in self.slots]

    async def on_stop(self) -> None:
        """End the processes: they finish their transaction; the slow are killed."""
        for keeper in self._keepers:
            keeper.cancel()
        processes = [
            slot.process
            for slot in self.slots
            if slot.process is not None and slot.process.returncode is None
        ]
        for process in processes:
            process.terminate()
        waits = [asyncio.create_task(process.wait()) for process in processes]
        if waits:
            await asyncio.wait(waits, timeout=STOP_TIMEOUT_S)
        for process in processes:
            if process.returncode is None:
                process.kill()

    async def _keep(self, slot: Slot) -> None:
        failures = 0
        while True:
            started = time.monotonic()
            try:
                slot.process = await self._start(slot)
            except OSError as error:  # the disk is full, or there are too many processes: it passes
                log.warning("scorer not started", line=slot.line, error=str(error))
            else:
                slot.starts += 1
                slot.exit_code = await slot.process.wait()
            if slot.exit_code == EXIT_HANDLED:  # again would be the same again
                log.error(
                    "a scorer stopped for a person to look at; its log says why",
                    line=slot.line,
                    instance=slot.instance,
                )
                return
            failures = 1 if time.monotonic() - started > STABLE_S else failures + 1
            pause_s = backoff_s(failures)
            log.warning(
                "scorer ended",
                line=slot.line,
                instance=slot.instance,
                code=slot.exit_code,
                restart_in_s=pause_s,
            )
            await asyncio.sleep(pause_s)

    async def _start(self, slot: Slot) -> Process:
        path = self._logs / f"scorer-{slot.line}-{slot.instance}.log"
        with path.open("ab") as sink:
            return await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "labline.engine.factory.process",
                "--line",
                slot.line,
                "--instance",
                slot.instance,
                *self._arguments,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
                start_new_session=True,  # Ctrl-C goes to the worker alone, which ends them in order
            )
