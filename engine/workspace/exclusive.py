"""Locks between processes: a second one waits, and says so."""

import fcntl
import sys
from typing import IO


def exclusive(lock: IO[bytes], others: str) -> None:
    """Take a file's lock, which ends with the file or the process; wait where others have it.

    Parameters
    ----------
    others
        Who has it, in the words of who waits.
    """
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        sys.stderr.write(f"waiting: {others}\n")
        sys.stderr.flush()
        fcntl.flock(lock, fcntl.LOCK_EX)
