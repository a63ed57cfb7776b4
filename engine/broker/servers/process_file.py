"""What is written down of a server's process, and the lock under which it is changed."""

import dataclasses
import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from labline.engine.errors import LablineError

FORMAT = 1
LOCK_TIMEOUT_S = 300.0
POLL_S = 0.05


@dataclasses.dataclass(frozen=True)
class State:
    """What is written down of any server: enough to find its process again, and to keep its port.

    Attributes
    ----------
    mark
        An argument of the process that no other process has.
    port
        The port for clients.
    """

    pid: int
    mark: str
    port: int


S = TypeVar("S", bound=State)


def read(path: Path, kind: type[S]) -> S | None:
    """Return what was written down.

    Examples
    --------
    >>> read(Path("nowhere"), State)
    """
    try:
        written = json.loads(path.read_text())
        if written["format"] != FORMAT:
            return None
        return kind(**{field.name: written[field.name] for field in dataclasses.fields(kind)})
    except (OSError, ValueError, KeyError, TypeError):
        return None  # nothing was written down, or not to the end: as good as no server


def write(path: Path, state: State) -> None:
    """Write it down, whole or not at all."""
    document = {"format": FORMAT, **dataclasses.asdict(state)}
    fresh = path.with_suffix(".json.new")
    fresh.write_text(json.dumps(document, indent=1) + "\n")
    os.replace(fresh, path)  # noqa: PTH105


@contextmanager
def alone(path: Path, server: str) -> Iterator[None]:
    """Hold the lock of a server; it ends with this process, whatever ends that."""
    deadline = time.monotonic() + LOCK_TIMEOUT_S
    with path.open("a") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise LablineError(
                        "LL-BROKER-BUSY",
                        f"another process is starting or stopping the {server}",
                        "wait for it, or end it; then try again",
                    ) from None
                time.sleep(POLL_S)
        yield
