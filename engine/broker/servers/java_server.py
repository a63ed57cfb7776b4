"""A Java server under a workspace's ``.labline``: started once, found again, stopped cleanly."""

import dataclasses
import time
from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar, Generic

from labline.engine.broker.servers import ports
from labline.engine.broker.servers.folder import check_folder, check_space, disk_full, writing
from labline.engine.broker.servers.jars import Bar, Progress
from labline.engine.broker.servers.java_process import (
    POLL_S,
    is_alive,
    spawn,
    telling_line,
    terminate,
)
from labline.engine.broker.servers.process_file import S, read, server_lock, write
from labline.engine.broker.servers.server_properties import HOST
from labline.engine.errors import LablineError, TakenError

READY_TIMEOUT_S = 120.0
STOP_PATIENCE_S = 30.0
LOG_MAX_BYTES = 16 * 1024 * 1024
ATTEMPTS = 3
PORT_TAKEN = ("Address already in use", "BindException", "in use by another process")


class JavaServer(ABC, Generic[S]):
    """What Kafka and the schema registry have in common.

    Under `root`: the data in a folder of its own, the log in ``logs/``, and in ``<name>.json``
    what is needed to find the process again.

    Attributes
    ----------
    name
        What people call it; its files and error codes have it too.
    title
        The product and its version.
    data
        The folder with its data and configuration; the process runs there.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    data: ClassVar[str]

    def __init__(self, root: Path, kind: type[S]) -> None:
        self.root = root.absolute()
        self.folder = self.root / self.data
        self.log = self.root / "logs" / f"{self.data}.log"
        self._kind = kind
        self._file = self.root / f"{self.name}.json"
        self._lock = self.root / f"{self.name}.lock"
        self._log_start = 0  # where the log of this start begins

    @abstractmethod
    def fetch(self, progress: Progress | None, bar: Bar | None) -> list[Path]:
        """Return the jars to run, fetched if this is the first time."""

    @abstractmethod
    def plan(self, port: int, last: S | None) -> S:
        """Return the state of a process to be started, without its id."""

    @abstractmethod
    def prepare(self, state: S, jars: list[Path]) -> tuple[S, list[str]]:
        """Write the configuration; return the state, with what it lacked, and the command."""

    @abstractmethod
    def answers(self, state: S) -> bool:
        """Tell whether clients are served, and by this very process."""

    def start(self, port: int | None, progress: Progress | None, bar: Bar | None) -> S:
        """Start it, or return the one that runs."""
        check_folder(self.root, self.data)
        with writing(self.root), server_lock(self._lock, self.name):
            running = self._running()
            if running is not None:
                if port is not None and running.port != port:
                    raise LablineError(
                        "LL-BROKER-PORT",
                        f"the {self.name} already runs, at {HOST}:{running.port}",
                        "labline down, then start it again with the other port",
                    )
                return running
            jars = self.fetch(progress, bar)
            check_space(self.root)
            if progress:
                progress(f"starting {self.title}")
            return self._start(jars, port)

    def find(self) -> S | None:
        """Return it if it runs and answers."""
        state = self.last()
        if state is None or not is_alive(state.pid, state.mark):
            return None
        return state if ports.answers(state.port) and self.answers(state) else None

    def stop(self) -> bool:
        """Stop it; return whether there was one to stop."""
        if self.last() is None:
            return False
        with writing(self.root), server_lock(self._lock, self.name):
            state = self.last()
            if state is None or not is_alive(state.pid, state.mark):
                return False
            self._end(state)
            return True

    def last(self) -> S | None:
        """Return what was written down last, whether or not it still runs."""
        return read(self._file, self._kind)

    def ended(self, port: int | None) -> LablineError:
        """Return the error of a process that ended before it answered."""
        with self.log.open("rb") as file:
            file.seek(self._log_start)
            text = file.read().decode(errors="replace")
        if "No space left on device" in text:
            return disk_full(self.root)
        if port and any(sign in text for sign in PORT_TAKEN):
            return ports.port_taken(port)
        line = telling_line(self.log, self._log_start)
        return self._not_started(f"the {self.name} ended while it started: {line}")

    def _end(self, state: S) -> None:
        try:
            terminate(state.pid, state.mark, STOP_PATIENCE_S)
        except PermissionError as error:
            raise LablineError(
                f"LL-{self.name.upper()}-STOP",
                f"the {self.name}, process {state.pid}, belongs to another user of this machine",
                "stop it as that user",
            ) from error

    def _running(self) -> S | None:
        """Return the one that runs; end one of ours that does not answer."""
        state = self.last()
        if state is None or not is_alive(state.pid, state.mark):
            return None
        try:
            # whoever started it may have been killed while it came up
            self._log_start = self._log_size()
            return self._await(state)
        except LablineError:
            return None

    def _start(self, jars: list[Path], port: int | None) -> S:
        last = self.last()
        attempts = ATTEMPTS
        while True:
            chosen = (
                ports.demand(port) if port else ports.choose(last.port if last else None, set())
            )
            try:
                return self._launch(self.plan(chosen, last), jars)
            except TakenError:
                attempts -= 1
                # between our look at a port and Java's bind someone else may have taken it
                if port or not attempts:
                    raise

    def _launch(self, state: S, jars: list[Path]) -> S:
        if self._log_size() > LOG_MAX_BYTES:
            self.log.replace(self.log.with_suffix(".log.1"))
        self._log_start = self._log_size()
        state, command = self.prepare(state, jars)
        state = dataclasses.replace(state, pid=spawn(command, self.folder, jars, self.log))
        try:
            write(self._file, state)
            return self._await(state)
        except BaseException:
            terminate(state.pid, state.mark, STOP_PATIENCE_S)
            raise

    def _await(self, state: S) -> S:
        deadline = time.monotonic() + READY_TIMEOUT_S
        while time.monotonic() < deadline:
            if not is_alive(state.pid, state.mark):
                raise self.ended(state.port)
            if ports.answers(state.port) and self.answers(state):
                return state
            time.sleep(POLL_S)
        self._end(state)
        line = telling_line(self.log, self._log_start)
        raise self._not_started(
            f"the {self.name} did not answer within {READY_TIMEOUT_S:.0f} s: {line}"
        )

    def _not_started(self, message: str) -> LablineError:
        return LablineError(
            f"LL-{self.name.upper()}-START", message, f"read {self.log}; then labline up again"
        )

    def _log_size(self) -> int:
        return self.log.stat().st_size if self.log.exists() else 0
