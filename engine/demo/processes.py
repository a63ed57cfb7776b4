"""The demo's own processes: the factory's worker and the example's agents.

Called by `labline.engine.demo.run`. What must stay true: a process ends with the block that started
it, and whoever waits for one notices when it has ended.
"""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from labline.engine.errors import AbsentError, LablineError
from labline.engine.ops.lag import GroupLag
from labline.engine.ops.lag_facts import lags

STOP_TIMEOUT_S = 30.0
POLL_S = 0.2


@contextmanager
def running(arguments: list[str], folder: Path, log: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Run ``python …`` in a folder while the block runs; end it in order after it."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as sink:
        process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def await_group(
    broker: str,
    group: str,
    process: "subprocess.Popen[bytes]",
    log: Path,
    ready: Callable[[GroupLag], bool],
) -> None:
    """Wait until a consumer group is as it should be.

    Raises
    ------
    LablineError
        ``LL-DEMO-PROCESS`` when the process behind it has ended.
    """
    while True:
        lag = _group_lag(broker, group)
        if lag is not None and ready(lag):
            return
        check_alive(process, log)
        time.sleep(POLL_S)


def check_alive(process: "subprocess.Popen[bytes]", log: Path) -> None:
    """Refuse to wait for a process that has ended.

    Raises
    ------
    LablineError
        ``LL-DEMO-PROCESS``.
    """
    if process.poll() is not None:
        raise LablineError(
            "LL-DEMO-PROCESS",
            f"a process of the demo ended with {process.returncode}",
            f"read {log}",
        )


def _group_lag(broker: str, group: str) -> GroupLag | None:
    try:
        return lags(broker, [group])[0]
    except AbsentError:  # it has not joined yet
        return None


def is_stable(lag: GroupLag) -> bool:
    """Tell whether every member has its partitions."""
    return lag.state.lower() == "stable" and bool(lag.members)


def is_caught_up(lag: GroupLag) -> bool:
    """Tell whether nothing is left to read."""
    return is_stable(lag) and lag.verdict == "caught up"
