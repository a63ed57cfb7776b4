"""What is written down of a broker's process, and the lock under which it is changed."""

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from engine.errors import LablineError

FORMAT = 1
LOCK_TIMEOUT_S = 300.0
POLL_S = 0.05


class State(NamedTuple):
    """What is written down: enough to find the process again, and to keep its ports."""

    pid: int
    mark: str
    port: int
    controller_port: int
    cluster: str


def read(root: Path) -> State | None:
    """Return what ``broker.json`` says.

    Examples
    --------
    >>> read(Path("nowhere"))
    """
    try:
        written = json.loads((root / "broker.json").read_text())
        if written["format"] != FORMAT:
            return None
        return State(**{name: written[name] for name in State._fields})
    except (OSError, ValueError, KeyError, TypeError):
        return None  # nothing was written down, or not to the end: as good as no broker


def write(root: Path, state: State) -> None:
    """Write ``broker.json``, whole or not at all."""
    path = root / "broker.json"
    document = {"format": FORMAT, **state._asdict()}
    fresh = path.with_suffix(".json.new")
    fresh.write_text(json.dumps(document, indent=1) + "\n")
    os.replace(fresh, path)  # noqa: PTH105


@contextmanager
def alone(root: Path) -> Iterator[None]:
    """Hold the lock of `root`; it ends with this process, whatever ends that."""
    deadline = time.monotonic() + LOCK_TIMEOUT_S
    with (root / "broker.lock").open("a") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise LablineError(
                        "LL-BROKER-BUSY",
                        "another process is starting or stopping this broker",
                        "wait for it, or end it; then try again",
                    ) from None
                time.sleep(POLL_S)
        yield
