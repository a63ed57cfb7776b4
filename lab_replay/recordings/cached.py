"""Recordings that a workspace keeps of topics that grow: the newest one, and what is still in use.

What grew is recorded beside what there was, which goes when the new one is whole and no process
replays it any more.
"""

import re
import shutil
from contextlib import AbstractContextManager
from pathlib import Path

from labline.engine.disk.locks import file_lock, free_lock, share_lock
from labline.lab_replay.recordings.unfinished import is_recorded

LOCKS = ".locks"


def newest(place: Path) -> Path | None:
    """Return the newest whole recording of those kept at a place; None: there is none."""
    return next((path for path in reversed(_all(place)) if is_recorded(path)), None)


def following(place: Path) -> Path:
    """Return where what comes after the newest one is recorded, or goes on being recorded."""
    last = newest(place)
    return place if last is None else place.with_name(f"{place.name}~{_number(place, last) + 1}")


def hold(recording: Path) -> None:
    """Keep others from removing a recording until this process ends, whatever ends it."""
    share_lock(_lock(recording))


def remove_older(place: Path) -> None:
    """Remove what came before the newest one, but for what a process holds."""
    last = newest(place)
    for path in _all(place):
        if path == last:
            return
        with free_lock(_lock(path)) as unused:
            if unused:
                shutil.rmtree(path, ignore_errors=True)


def alone(place: Path) -> AbstractContextManager[None]:
    """Let one process at a time record at a place; others wait, and say so."""
    lock = _lock(place.with_name(f"{place.name}~"))
    return file_lock(lock, f"another process records into {place}")


def _all(place: Path) -> list[Path]:
    """Return what is kept at a place, the oldest first."""
    found = (path for path in place.parent.glob(f"{place.name}*") if _number(place, path))
    return sorted(found, key=lambda path: _number(place, path))


def _number(place: Path, path: Path) -> int:
    told = re.fullmatch(r"~([0-9]+)|", path.name.removeprefix(place.name))
    return 0 if told is None else int(told[1] or 1)


def _lock(path: Path) -> Path:
    return path.parent / LOCKS / path.name
