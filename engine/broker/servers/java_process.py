"""A Java process that outlives whoever started it, and is told from others by a mark."""

import os
import re
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

POLL_S = 0.05
LINE_MAX_CHARACTERS = 300

# The shell lets go of Java at once, so no parent is left that would have to reap it.
_DETACH = 'log=$1; shift; "$@" >>"$log" 2>&1 </dev/null & echo $!'


def java_environment(jars: Sequence[Path]) -> dict[str, str]:
    """Return an environment in which only our own settings reach Java."""
    ours = {k: v for k, v in os.environ.items() if k in {"HOME", "PATH", "TMPDIR", "TZ"}}
    # without a UTF-8 locale Java cannot open a folder whose name is not ASCII
    return {**ours, "LC_ALL": "C.UTF-8", "CLASSPATH": os.pathsep.join(str(jar) for jar in jars)}


def spawn(command: Sequence[str], folder: Path, jars: Sequence[Path], log: Path) -> int:
    """Start `command` in `folder`, in a session of its own, and return its process id."""
    done = subprocess.run(
        ["/bin/sh", "-c", _DETACH, "sh", str(log), *command],
        cwd=folder,
        env=java_environment(jars),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        start_new_session=True,
    )
    return int(done.stdout)


def is_alive(pid: int, mark: str) -> bool:
    """Tell whether `pid` lives and carries `mark` among its arguments.

    Process ids are used again, after a reboot above all: a living one proves nothing.

    Examples
    --------
    >>> is_alive(os.getpid(), "no such mark")
    False
    """
    try:
        arguments = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
    except OSError:
        if Path("/proc/self").exists():
            return False
        listed = subprocess.run(
            ["ps", "-ww", "-o", "command=", "-p", str(pid)],
            capture_output=True,
            text=True,
            check=False,
        )
        arguments = listed.stdout
    return mark in arguments


def terminate(pid: int, mark: str, patience_s: float) -> None:
    """Ask the process to end; after `patience_s` end it."""
    for number, wait_s in ((signal.SIGTERM, patience_s), (signal.SIGKILL, 10.0)):
        if not is_alive(pid, mark):
            return
        with suppress(ProcessLookupError):
            os.kill(pid, number)
        deadline = time.monotonic() + wait_s
        while is_alive(pid, mark) and time.monotonic() < deadline:
            time.sleep(POLL_S)


def telling_line(log: Path, start: int = 0) -> str:
    """Return the line of `log`, from byte `start` on, that best says what went wrong.

    Examples
    --------
    >>> telling_line(Path("nowhere"))
    'its log is empty'
    """
    try:
        with log.open("rb") as file:
            file.seek(start)
            lines = [line.strip() for line in file.read().decode(errors="replace").splitlines()]
    except OSError:
        lines = []
    lines = [line for line in lines if line]
    for sign in (r"^Caused by:", r"(Exception|Error): ", r" (FATAL|ERROR) "):
        telling = [line for line in lines if re.search(sign, line)]
        if telling:
            return telling[-1][:LINE_MAX_CHARACTERS]
    return lines[-1][:LINE_MAX_CHARACTERS] if lines else "its log is empty"
