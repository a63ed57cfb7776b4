"""Locks between processes, on a file or on a folder. This is the only module that uses `flock`.

Called by whoever lets one process at a time start a server, fetch files, write into an experiment
or record. What must stay true: a lock ends with the process that has it, whatever ends that, so
no lock is ever left behind; and whoever waits long enough for a person to wonder says for whom.
"""

import fcntl
import math
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

POLL_S = 0.05

_shared: list[int] = []  # descriptors that stay open, and with them their locks, to the end


@contextmanager
def file_lock(path: Path, reason: str | None = None, timeout_s: float = math.inf) -> Iterator[None]:
    """Let one process at a time, or one thread, into the block; the others wait.

    Parameters
    ----------
    path : Path
        The file to lock; it is made, with its folder, where there is none, and stays.
    reason : str, optional
        Who has the lock, for a line on standard error when it has to be waited for.
    timeout_s : float
        How long to wait, in seconds.

    Raises
    ------
    TimeoutError
        When the lock was not free in time.
    """
    with _open(path) as lock:
        _acquire(lock.fileno(), reason, timeout_s)
        yield


@contextmanager
def folder_lock(folder: Path, reason: str) -> Iterator[None]:
    """Let one process at a time write into a folder, which is made where there is none.

    A folder that is empty at the end is removed. So whoever waited may have waited for a folder
    that is gone by then, and begins again with a new one.

    Parameters
    ----------
    folder : Path
        The folder; no file is put into it for the lock.
    reason : str
        Who has the lock, for a line on standard error when it has to be waited for.
    """
    descriptor = _lock_folder(folder, reason)
    try:
        yield
    finally:
        with suppress(OSError):  # something is in it
            folder.rmdir()
        os.close(descriptor)


@contextmanager
def free_lock(path: Path) -> Iterator[bool]:
    """Take a file's lock for the block if nobody has it, shared or not; tell whether it was free.

    Parameters
    ----------
    path : Path
        The file to lock, as for `file_lock`.
    """
    with _open(path) as lock:
        yield _is_free(lock.fileno())


def share_lock(path: Path) -> None:
    """Take a file's lock, together with others that share it, until this process ends.

    Parameters
    ----------
    path : Path
        The file to lock, as for `file_lock`.
    """
    with _open(path) as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        _shared.append(os.dup(lock.fileno()))


def _open(path: Path) -> IO[bytes]:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.open("ab")


def _lock_folder(folder: Path, reason: str) -> int:
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder, os.O_RDONLY)
        _acquire(descriptor, reason, math.inf)
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(descriptor), folder.stat()):
                return descriptor
        os.close(descriptor)  # whoever had it left nothing there and removed it


def _acquire(descriptor: int, reason: str | None, timeout_s: float) -> None:
    if _is_free(descriptor):
        return
    if reason is not None:
        sys.stderr.write(f"waiting: {reason}\n")
        sys.stderr.flush()
    if timeout_s == math.inf:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        return
    deadline = time.monotonic() + timeout_s
    while not _is_free(descriptor):
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(POLL_S)


def _is_free(descriptor: int) -> bool:
    """Take a lock if nobody has it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
