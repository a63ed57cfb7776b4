"""What is written down of a server's process, and the lock under which it is changed."""

import dataclasses
import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TypeVar

from labline.engine.disk.locks import file_lock
from labline.engine.disk.whole_files import write_whole
from labline.engine.errors import LablineError

FORMAT = 1
LOCK_TIMEOUT_S = 300.0


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
    write_whole(path, json.dumps(document, indent=1) + "\n")


@contextmanager
def server_lock(path: Path, server: str) -> Iterator[None]:
    """Let one process at a time start or stop a server.

    Raises
    ------
    LablineError
        ``LL-BROKER-BUSY`` when another one did not end in time.
    """
    with ExitStack() as stack:
        try:
            stack.enter_context(file_lock(path, timeout_s=LOCK_TIMEOUT_S))
        except TimeoutError:
            raise LablineError(
                "LL-BROKER-BUSY",
                f"another process is starting or stopping the {server}",
                "wait for it, or end it; then try again",
            ) from None
        yield
