"""When a scorer process ends: a signal came, or its supervisor is gone; and then in any case.

Called by `process` and the scorer between two transactions. But a process may then be inside a call
that waits for a broker which does not answer, for half a minute; no signal handler runs until that
returns. So a thread watches too, and ends the process: what a transaction came to is then found out
at the next start, as after a power cut.
"""

import os
import select
import signal
import threading
import time

import structlog

from labline.engine.factory.exits import EXIT_CUT

log = structlog.get_logger()

GRACE_S = 8.0  # to finish a transaction and to write snapshots; supervisors wait longer
WATCH_S = 0.5
WAIT_S = 0.2


class Stop:
    """Whether to end.

    Parameters
    ----------
    supervisor
        Process id of the parent without which the process must not go on.
    """

    def __init__(self, supervisor: int, grace_s: float = GRACE_S) -> None:
        self._is_due = False
        self._supervisor = supervisor
        self._grace_s = grace_s
        self._signals, woken = os.pipe()
        os.set_blocking(woken, False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._note_signal)
        signal.set_wakeup_fd(woken, warn_on_full_buffer=False)
        threading.Thread(target=self._watch, name="stop", daemon=True).start()

    def _note_signal(self, *_: object) -> None:
        self._is_due = True

    def __call__(self) -> bool:
        """Tell whether it is time."""
        return self._is_due or os.getppid() != self._supervisor

    def wait(self, seconds: float) -> None:
        """Sleep, but not past the end."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and not self():
            time.sleep(min(WAIT_S, seconds))

    def _watch(self) -> None:
        while not self():
            if select.select([self._signals], [], [], WATCH_S)[0]:
                came = os.read(self._signals, 64)
                self._is_due = self._is_due or signal.SIGTERM in came or signal.SIGINT in came
        time.sleep(self._grace_s)
        log.warning(
            "LL-SCORER-CUT: told to stop, and the broker or the disk kept it; what it had not"
            " committed is done again at the next start",
            grace_s=self._grace_s,
        )
        os._exit(EXIT_CUT)
