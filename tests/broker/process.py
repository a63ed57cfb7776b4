"""Processes of the factory, to be watched, frozen and killed; and waiting for what they do."""

import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TypeVar

import psutil

T = TypeVar("T")
TIMEOUT_S = 240.0  # of anything here; a noisy machine needs far less
POLL_S = 0.05


def until(what: str, found: Callable[[], T], timeout_s: float = TIMEOUT_S) -> T:
    """Ask again until the answer is true, and return it."""
    deadline = time.monotonic() + timeout_s
    while not (answer := found()):
        assert time.monotonic() < deadline, f"not within {timeout_s:.0f} s: {what}"
        time.sleep(POLL_S)
    return answer


#: A process that has imported what scorers import, and forks: a start costs a tenth.
WARM = multiprocessing.get_context("forkserver")
WARM.set_forkserver_preload(["labline.engine.factory.process", "tests.crash.dying"])
#: What counts from the very start of an interpreter: such a process is not forked.
COLD = ("PYTHONHASHSEED", "PYTHONPATH", "LD_PRELOAD")


def run_module(module: str, arguments: list[str], log: str, environment: dict[str, str]) -> None:
    """Run a module as ``python -m`` does, in a process forked for it."""
    os.setsid()
    sink = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for stream in (1, 2):
        os.dup2(sink, stream)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv[1:] = arguments
    runpy.run_module(module, run_name="__main__", alter_sys=True)


class Process:
    """A process of the factory, with its log.

    Parameters
    ----------
    more
        Environment variables beside this process's own.
    """

    def __init__(
        self,
        arguments: Iterable[str],
        log: Path,
        more: Mapping[str, str],
        python: str = sys.executable,
    ) -> None:
        self.log = log
        self._from = log.stat().st_size if log.exists() else 0  # a predecessor may have written
        log.touch()
        module, *rest = arguments
        environment = {**os.environ, **more}
        self._forked = None
        if python == sys.executable and not more.keys() & set(COLD):
            self._forked = WARM.Process(
                target=run_module, args=(module, rest, str(log), environment), daemon=True
            )
            self._forked.start()
            self.pid: int = self._forked.pid or 0
            return
        with log.open("ab") as sink:
            self._popen = subprocess.Popen(
                [python, "-m", module, *rest],
                stdin=subprocess.DEVNULL, stdout=sink, stderr=sink,
                env=environment, start_new_session=True,
            )  # fmt: skip
        self.pid = self._popen.pid

    def send(self, number: signal.Signals) -> None:
        """Send a signal."""
        if self.is_running():
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it as a power cut would."""
        self.send(signal.SIGKILL)
        self.ended()

    def stop(self) -> int:
        """Tell it to end; return its exit code."""
        self.send(signal.SIGTERM)
        return self.ended()

    def ended(self) -> int:
        """Wait until it ends by itself; return its exit code."""
        if self._forked is None:
            return self._popen.wait(TIMEOUT_S)
        self._forked.join(TIMEOUT_S)
        code = self._forked.exitcode
        assert code is not None, f"process {self.pid} did not end\n{self.said()}"
        return code

    def await_freeze(self) -> None:
        """Wait until it has stopped itself with SIGSTOP."""

        def stopped() -> bool:
            assert self.is_running(), f"it ended\n{self.said()}"
            return psutil.Process(self.pid).status() == psutil.STATUS_STOPPED

        until(f"process {self.pid} has stopped itself", stopped)

    def is_running(self) -> bool:
        """Tell whether it has not ended."""
        if self._forked is None:
            return self._popen.poll() is None
        return self._forked.is_alive()

    def said(self) -> str:
        """Return what it has logged so far."""
        with self.log.open("rb") as log:
            log.seek(self._from)
            return log.read().decode(errors="replace")
