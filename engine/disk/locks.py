"""One run at a time in an experiment's folder: another waits, and says so."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from labline.engine.disk.exclusive import exclusive

LOCK = ".lock"


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Keep others that ask the same out of a folder; wait for who is in it.

    The lock ends with the process that holds it, whatever ends that.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK).open("ab") as lock:
        exclusive(lock, f"another run of this experiment writes into {folder}")
        yield
