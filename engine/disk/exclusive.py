"""Locks between processes: a second one waits, and says so."""

import fcntl
import sys
from typing import IO


def exclusive(lock: IO[bytes] | int, others: str) -> None:
    """Take the lock of a file or folder, which ends with the process; wait where others have it.

    Parameters
    ----------
    lock
        The file, or the descriptor of what is open. The lock ends when that is closed.
    others
        Who has it, in the words of who waits.
    """
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        sys.stderr.write(f"waiting: {others}\n")
        sys.stderr.flush()
        fcntl.flock(lock, fcntl.LOCK_EX)
