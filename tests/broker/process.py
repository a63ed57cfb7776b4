"""Processes of the factory, to be watched, frozen and killed; and waiting for what they do."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")
TIMEOUT_S = 240.0  # of anything here; a noisy machine needs far less
POLL_S = 0.02


def until(what: str, found: Callable[[], T], timeout_s: float = TIMEOUT_S) -> T:
    """Ask again until the answer is true, and return it."""
    deadline = time.monotonic() + timeout_s
    while not (answer := found()):
        assert time.monotonic() < deadline, f"not within {timeout_s:.0f} s: {what}"
        time.sleep(POLL_S)
    return answer


class Process:
    """A process of the factory, with its log."""

    def __init__(
        self,
        arguments: Iterable[str],
        log: Path,
        more: Mapping[str, str],
        python: str = sys.executable,
    ) -> None:
        self.log = log
        with log.open("ab") as sink:
            self._from = sink.tell()  # a predecessor may have written there
            self._popen = subprocess.Popen(
                [python, "-m", *arguments],
                stdin=subprocess.DEVNULL, stdout=sink, stderr=sink,
                env={**os.environ, **more}, start_new_session=True,
            )  # fmt: skip
        self.pid = self._popen.pid

    def send(self, number: signal.Signals) -> None:
        """Send a signal."""
        self._popen.send_signal(number)

    def kill(self) -> None:
        """End it as a power cut would."""
        self._popen.kill()
        self._popen.wait(TIMEOUT_S)

    def stop(self) -> int:
        """Tell it to end; return its exit code."""
        self._popen.terminate()
        return self.ended()

    def ended(self) -> int:
        """Wait until it ends by itself; return its exit code."""
        return self._popen.wait(TIMEOUT_S)

    def await_freeze(self) -> None:
        """Wait until it has stopped itself with SIGSTOP."""
        asked = ["ps", "-o", "stat=", "-p", str(self.pid)]

        def frozen() -> bool:
            assert self.is_running(), f"it ended\n{self.said()}"
            return subprocess.run(asked, capture_output=True, check=False).stdout[:1] == b"T"

        until(f"process {self.pid} has stopped itself", frozen)

    def is_running(self) -> bool:
        """Tell whether it has not ended."""
        return self._popen.poll() is None

    def said(self) -> str:
        """Return what it has logged so far."""
        with self.log.open("rb") as log:
            log.seek(self._from)
            return log.read().decode(errors="replace")
