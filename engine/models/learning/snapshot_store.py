"""Where snapshots are kept: a folder, or an object store by its URL; the newest few and some old.

After a power cut a snapshot is there whole or not at all: in a folder by `write_whole`, in an
object store because its put is like that by itself.
"""

import re
import secrets
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import structlog

from labline.engine.core.snapshot import Header, Sealed, seal, unseal
from labline.engine.disk.whole_files import create_whole, partial_files, write_whole
from labline.engine.errors import LablineError

log = structlog.get_logger()

KEY_BYTES = 32
NEWEST_KEPT = 3
# and of each of the last days with any, its newest: for a rollback of what was learned
DAYS_KEPT = 7
SNAPSHOT_MAX_BYTES = 1 << 30  # nothing larger is read: memory is bounded
DAY_MS = 86_400_000
SUFFIX = ".snapshot"
_NAME = re.compile(r"(\d{12})-(\d{13})\.snapshot")


class Named(NamedTuple):
    """A snapshot by its name: nothing of it was read."""

    path: str
    sequence: int
    written_ms: int


class SnapshotStore:
    """The snapshots of a workspace's tasks.

    Parameters
    ----------
    url
        A folder, or ``s3://bucket/prefix`` and whatever else fsspec knows.
    key
        For the MAC; all hosts of a factory share it.

    Raises
    ------
    LablineError
        ``LL-SNAPSHOT-STORE`` when fsspec does not know the URL's kind.
    """

    def __init__(self, url: str, key: bytes) -> None:
        import fsspec  # here: only the factory needs it

        self._key = key
        try:
            self._files, self._root = fsspec.core.url_to_fs(url)
        except (ValueError, ImportError) as error:
            raise LablineError(
                "LL-SNAPSHOT-STORE",
                f"snapshots cannot be kept at this kind of place: {error}",
                "name a folder, or install fsspec's package for it (s3fs, gcsfs, …)",
            ) from error
        self._local = "file" in _protocols(self._files)

    def write(self, header: Header, state: bytes) -> None:
        """Keep a snapshot, and let old ones go.

        Raises
        ------
        OSError
            When there is no room, or the store is away: what was there is still there.
        """
        folder = self._folder(header.line, header.partition)
        name = f"{header.sequence:012d}-{header.written_ms:013d}{SUFFIX}"
        path = f"{folder}/{name}"
        content = seal(header, state, self._key)
        if self._local:
            write_whole(Path(path), content, durable=True)
        else:
            self._files.pipe_file(path, content)
        try:
            self._tidy(header, name)
        except Exception as error:  # fsspec's stores have errors of their own
            log.warning("old snapshots stay", line=header.line, error=f"{error}")

    def _tidy(self, header: Header, just_written: str) -> None:
        """Let old snapshots go, and what a writer that was killed left half done."""
        for named in to_drop(self.names(header.line, header.partition)):
            if not named.path.endswith(just_written):  # even if the clock was set back
                self._files.rm_file(named.path)
        if self._local:
            for partial in partial_files(Path(self._folder(header.line, header.partition))):
                partial.unlink(missing_ok=True)

    def names(self, line: str, partition: int) -> list[Named]:
        """Return the snapshots of a task, the newest first."""
        folder = self._folder(line, partition)
        self._files.invalidate_cache(folder)
        if not self._files.isdir(folder):
            return []
        found = []
        for path in self._files.ls(folder, detail=False):
            if match := _NAME.fullmatch(path.rpartition("/")[2]):
                found.append(Named(path, int(match[1]), int(match[2])))
        return sorted(found, key=lambda named: named[1:], reverse=True)

    def read(self, named: Named) -> Sealed | str:
        """Return a snapshot whose MAC fits, or why it is not to be used."""
        try:
            if self._files.size(named.path) > SNAPSHOT_MAX_BYTES:
                return f"it is larger than {SNAPSHOT_MAX_BYTES:,} bytes"
            content: bytes = self._files.cat_file(named.path)
        except Exception as error:  # fsspec's stores have errors of their own
            return f"it cannot be read: {type(error).__name__}: {error}"
        found = unseal(content, self._key)
        if isinstance(found, str) or found.header.sequence == named.sequence:
            return found
        return "it was sealed under another name"

    def _folder(self, line: str, partition: int) -> str:
        return f"{self._root}/{line}/{partition}"


def to_drop(names: Iterable[Named]) -> list[Named]:
    """Return which snapshots of a task may go: by age, whatever their place in the past.

    One of another past may have a higher sequence number than all that are to come.

    Examples
    --------
    >>> day = DAY_MS
    >>> names = [Named("", n, n * day // 2) for n in range(30, 0, -1)]
    >>> [named.sequence for named in names if named not in to_drop(names)]
    [30, 29, 28, 27, 25, 23, 21, 19, 17]
    """
    drop = []
    days: list[int] = []
    by_age = sorted(names, key=lambda named: (named.written_ms, named.sequence), reverse=True)
    for place, named in enumerate(by_age):
        day = named.written_ms // DAY_MS
        first_of_its_day = day not in days and len(days) < DAYS_KEPT + 1
        if first_of_its_day:
            days.append(day)
        if place >= NEWEST_KEPT and not first_of_its_day:
            drop.append(named)
    return drop


def load_key(path: Path) -> bytes:
    """Return the key for snapshots' MACs; one is made where there is none yet."""
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with suppress(FileExistsError):  # a factory's processes start at the same moment
            create_whole(path, secrets.token_bytes(KEY_BYTES), mode=0o600)
    key = path.read_bytes()
    if len(key) != KEY_BYTES:
        raise LablineError(
            "LL-SNAPSHOT-KEY",
            f"{path.name} is no key for snapshots",
            f"it has {KEY_BYTES} random bytes; take it away, and snapshots start anew",
        )
    return key


def _protocols(files: Any) -> tuple[str, ...]:
    told: str | tuple[str, ...] = files.protocol
    return (told,) if isinstance(told, str) else told
