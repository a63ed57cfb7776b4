"""The folder that a server lives in: there, writable, with room."""

import errno
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from labline.engine.errors import LablineError

FREE_MIN_BYTES = 256 * 1024 * 1024


def check_folder(root: Path, data: str) -> None:
    """Make the folders of `root`, `data` for what is kept, and see that they can be written.

    Raises
    ------
    LablineError
        ``LL-BROKER-FOLDER`` or ``LL-BROKER-DISK``.
    """
    with writing(root):
        for name in (data, "logs"):
            (root / name).mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=root / data) as probe:
            probe.write(b"1")


@contextmanager
def writing(root: Path) -> Iterator[None]:
    """Say in a person's words what the system refuses under `root`."""
    try:
        yield
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise disk_full(root) from error
        raise LablineError(
            "LL-BROKER-FOLDER",
            f"cannot write to {root}: {error.strerror or error}",
            "make the folder writable, or use another with --workspace",
        ) from error


def check_space(root: Path) -> None:
    """See that the disk of `root` has room for a server to start.

    Raises
    ------
    LablineError
        ``LL-BROKER-DISK``.
    """
    if shutil.disk_usage(root).free < FREE_MIN_BYTES:
        raise disk_full(root)


def disk_full(folder: Path) -> LablineError:
    """Return the error that says so."""
    return LablineError(
        "LL-BROKER-DISK",
        f"too little space is left on the disk that holds {folder}",
        f"free at least {FREE_MIN_BYTES // 1024 // 1024} MB, then labline up again",
    )
