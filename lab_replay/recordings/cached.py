"""Recordings that a workspace keeps of topics that grow: the newest one, and what is still in use.

What grew is recorded beside what there was, which goes when the new one is whole and no process
replays it any more.
"""

import fcntl
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from labline.engine.disk.exclusive import exclusive
from labline.lab_replay.recordings.unfinished import is_recorded

LOCKS = ".locks"
_held: list[int] = []  # descriptors of locks that end with this process


def newest(place: Path) -> Path | None:
    """Return the newest whole recording of those kept at a place; None: there is none."""
    return next((path for path in reversed(_all(place)) if is_recorded(path)), None)


def following(place: Path) -> Path:
    """Return where what comes after the newest one is recorded, or goes on being recorded."""
    last = newest(place)
    return place if last is None else place.with_name(f"{place.name}~{_number(place, last) + 1}")


def hold(recording: Path) -> None:
    """Keep others from removing a recording until this process ends, whatever ends it."""
    with _lock(recording) as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        _held.append(os.dup(lock.fileno()))


def remove_older(place: Path) -> None:
    """Remove what came before the newest one, but for what a process holds."""
    last = newest(place)
    for path in _all(place):
        if path == last:
            return
        with _lock(path) as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            shutil.rmtree(path, ignore_errors=True)


@contextmanager
def alone(place: Path) -> Iterator[None]:
    """Let one process at a time record at a place; others wait, and say so."""
    with _lock(place.with_name(f"{place.name}~")) as lock:
        exclusive(lock, f"another process records into {place}")
        yield


def _all(place: Path) -> list[Path]:
    """Return what is kept at a place, the oldest first."""
    found = (path for path in place.parent.glob(f"{place.name}*") if _number(place, path))
    return sorted(found, key=lambda path: _number(place, path))


def _number(place: Path, path: Path) -> int:
    told = re.fullmatch(r"~([0-9]+)|", path.name.removeprefix(place.name))
    return 0 if told is None else int(told[1] or 1)


def _lock(path: Path) -> IO[bytes]:
    locks = path.parent / LOCKS
    locks.mkdir(parents=True, exist_ok=True)
    return (locks / path.name).open("ab")
