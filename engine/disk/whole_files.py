"""Files that are there whole or not at all, whatever ends the process that writes them.

Called by whoever writes a file that another process, or a later one, reads. What comes in is a
path and its content; the content goes into a partial file beside it, which then takes the path.
What must stay true: a reader sees the old file or the new one, never a half, also when several
write at once; and a durable file is still there after a power cut, once the call has returned.
"""

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

PARTIAL_SUFFIX = ".partial"
# What fsync answers for a pipe or a device: there is no disk behind it.
NO_DISK = (errno.EINVAL, errno.ENOTSUP)


def write_whole(path: Path, content: bytes | str, *, durable: bool = False) -> None:
    """Write a file, in place of one that was there.

    Parameters
    ----------
    path : Path
        The file; its folder is made where there is none.
    content : bytes or str
        Text is written as UTF-8, its line ends as they are.
    durable : bool
        Whether the file must survive a power cut from the moment that this returns.

    Raises
    ------
    OSError
        When it cannot be written; what was there is still there.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_whole(Path(folder) / "made" / "a.txt", "one", durable=True)
    ...     [path.name for path in (Path(folder) / "made").iterdir()]
    ['a.txt']
    """
    with whole_file(path, durable=durable) as file:
        file.write(_bytes(content))


def create_whole(path: Path, content: bytes | str, *, mode: int = 0o666) -> None:
    """Write a durable file where there is none; of several that do, one succeeds.

    Parameters
    ----------
    path : Path
        The file; its folder is made where there is none.
    content : bytes or str
        Text is written as UTF-8.
    mode : int
        Its permissions, less what the process's umask takes away.

    Raises
    ------
    FileExistsError
        When the file is there already: it stays as it is.
    OSError
        When it cannot be written; then there is no file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = _partial(path)
    try:
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "wb") as file:
            file.write(_bytes(content))
            sync(file)
        path.hardlink_to(partial)
    finally:
        partial.unlink(missing_ok=True)
    _sync_folder(path.parent)


@contextmanager
def whole_file(path: Path, *, durable: bool = False) -> Iterator[IO[bytes]]:
    """Give a file to write; when the block ends without an error, it takes the place of `path`.

    Parameters
    ----------
    path : Path
        The file; its folder is made where there is none.
    durable : bool
        Whether the file must survive a power cut from the moment that the block has ended.

    Raises
    ------
    OSError
        When it cannot be written; what was there is still there.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = _partial(path)
    try:
        with partial.open("xb") as file:
            yield file
            if durable:
                sync(file)
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    if durable:
        _sync_folder(path.parent)


def partial_files(folder: Path) -> list[Path]:
    """Return the partial files of a folder: writers that were killed leave theirs behind."""
    return sorted(folder.glob(f".*{PARTIAL_SUFFIX}"))


def sync(file: IO[bytes] | IO[str]) -> None:
    """Bring what was written to a file to the disk; a pipe or a device gets it without one.

    Raises
    ------
    OSError
        When the disk does not take it.
    """
    file.flush()
    _fsync(file.fileno())


def _partial(path: Path) -> Path:
    """Return the name of a partial file that no other writer has, of this process or another."""
    return path.with_name(f".{path.name}.{secrets.token_hex(6)}{PARTIAL_SUFFIX}")


def _bytes(content: bytes | str) -> bytes:
    return content.encode() if isinstance(content, str) else content


def _sync_folder(folder: Path) -> None:
    """Bring a folder's list of names to the disk: only then does a rename survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        _fsync(descriptor)
    finally:
        os.close(descriptor)


def _fsync(descriptor: int) -> None:
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in NO_DISK:
            raise
