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
PROC = Path("/proc")  # not there on macOS
EXEC_POLL_S = 0.001
EXEC_TIMEOUT_S = 10.0
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
    return mark in (_arguments(PROC / str(pid)) if (PROC / "self").exists() else _listed(pid))


def _arguments(process: Path) -> str:
    """Return the arguments of a process, none if it has ended.

    In the moment in which a process becomes another program it has no arguments either, but a
    program; that moment is waited out.
    """
    deadline = time.monotonic() + EXEC_TIMEOUT_S
    try:
        while time.monotonic() < deadline:
            arguments = (process / "cmdline").read_bytes()
            if arguments:
                return arguments.decode(errors="replace")
            (process / "exe").readlink()  # there is none of what has ended
            time.sleep(EXEC_POLL_S)
    except OSError:
        pass
    return ""


def _listed(pid: int) -> str:
    command = ["ps", "-ww", "-o", "command=", "-p", str(pid)]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


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
