"""Where recordings are kept: a folder, or an object store by its URL."""

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from labline.engine.disk.locks import folder_lock
from labline.engine.disk.whole_files import sync, write_whole
from labline.engine.errors import LablineError

#: fsspec's names of what recordings may be kept in, and the package that each needs.
PACKAGES = {"file": None, "memory": None, "s3": "s3fs", "gs": "gcsfs", "abfs": "adlfs"}
#: Packages whose errors are no OSError when a store is away.
FOREIGN = frozenset({"aiobotocore", "aiohttp", "azure", "botocore", "gcsfs", "google"})
BUFFER_BYTES = 8 * 1024 * 1024  # read ahead of, and put into an object store, in such pieces
_SECRET = re.compile(r"^[a-z0-9]+://[^/@]*:[^/@]*@")


class Store:
    """A folder of files at a path or URL. Credentials are fsspec's business, never the URL's.

    Parameters
    ----------
    url
        A path, or ``s3://bucket/prefix`` and the like.

    Raises
    ------
    LablineError
        ``LL-RECORDING-URL`` for a place that recordings cannot be kept at.

    Examples
    --------
    >>> store = Store("memory://examples/year")
    >>> store.write("a/b", b"1")
    >>> store.read("a/b"), store.size("a/b"), store.size("c")
    (b'1', 1, None)
    """

    def __init__(self, url: str | Path) -> None:
        self.url = str(url)
        protocol = self.url.split("://", 1)[0] if "://" in self.url else "file"
        if protocol not in PACKAGES or "::" in self.url:
            known = ", ".join(f"{name}://" for name in PACKAGES)
            raise _bad(f"recordings are not kept at {protocol}://", f"name a folder, or {known}")
        if _SECRET.match(self.url):
            raise _bad(
                "a secret has no place in a URL: others see it",
                "leave it to the environment or the configuration of fsspec",
            )
        self.local = protocol == "file"
        self._files, self._root = _opened(self.url, protocol)

    def path(self, name: str) -> str:
        """Return where a file of it is, as people are told."""
        return f"{self.url.rstrip('/')}/{name}"

    def size(self, name: str) -> int | None:
        """Return a file's size in bytes; None when it is not there."""
        with self._told():
            try:
                return int(self._files.info(self._at(name))["size"])
            except (FileNotFoundError, NotADirectoryError):
                return None

    def read(self, name: str) -> bytes | None:
        """Return what is in a file; None when it is not there."""
        with self._told():
            try:
                content: bytes = self._files.cat_file(self._at(name))
            except (FileNotFoundError, NotADirectoryError):
                return None
            return content

    def write(self, name: str, content: bytes) -> None:
        """Write a file: whoever reads it sees the old or the new, never a half."""
        with self._told():
            if not self.local:
                self._files.pipe_file(self._at(name), content)
                return
            write_whole(Path(self._at(name)), content, durable=True)

    def upload(self, name: str, path: Path) -> None:
        """Put a file of this machine there."""
        with self._told():
            if self.local:
                Path(self._at(name)).parent.mkdir(parents=True, exist_ok=True)
            self._files.put_file(str(path), self._at(name))

    def remove(self, name: str) -> None:
        """Remove a file that may be there."""
        with self._told(), suppress(FileNotFoundError):
            self._files.rm_file(self._at(name))

    def prune(self) -> None:
        """Remove the folders in which nothing is, itself included."""
        if not self.local:
            return  # there are none
        root = Path(self._root)
        for folder in (*sorted((p for p in root.rglob("*") if p.is_dir()), reverse=True), root):
            with suppress(OSError):  # something is in it
                folder.rmdir()

    def empty(self) -> bool:
        """Tell whether nothing is there."""
        with self._told():
            self._files.invalidate_cache()
            try:
                return not self._files.ls(self._root, detail=False)
            except FileNotFoundError:
                return True

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Let one process at a time write into a folder; others wait, and say so.

        When nothing is in the folder then, it goes. An object store has no such lock.
        """
        if not self.local:
            yield
            return
        with ExitStack() as stack:
            root = Path(self._root)
            with self._told():
                stack.enter_context(folder_lock(root, f"another process records into {root}"))
            yield

    @contextmanager
    def reading(self, name: str) -> Iterator[IO[bytes]]:
        """Give a file to be read from its beginning to its end."""
        with self._told(), self._files.open(self._at(name), "rb", **self._buffered()) as file:
            yield file

    @contextmanager
    def putting(self, name: str) -> Iterator[IO[bytes]]:
        """Give a file of an object store to be written; it is there when all of it is."""
        with self._told():
            file = self._files.open(self._at(name), "wb", **self._buffered())
            try:
                yield file
            except BaseException:
                with suppress(Exception):
                    file.discard()
                    file.closed = True  # else it would be put there as it is
                raise
            file.close()

    @contextmanager
    def extending(self, name: str) -> Iterator[IO[bytes]]:
        """Give a file of a local folder to be read, cut and written on."""
        with self._told():
            path = Path(self._at(name))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
            with path.open("r+b", buffering=BUFFER_BYTES) as file:
                yield file
                sync(file)

    def _at(self, name: str) -> str:
        return f"{self._root}/{name}"

    def _buffered(self) -> dict[str, Any]:
        return {} if self.local else {"block_size": BUFFER_BYTES}

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Turn the errors of a store, which has its own, into one that a person can mend."""
        try:
            yield
        except (FileNotFoundError, NotADirectoryError) as error:
            raise LablineError(
                "LL-RECORDING-DAMAGED",
                f"{self.url} lacks a file: {_short(error)}",
                "record again, or copy it again",
            ) from error
        except Exception as error:
            if (
                not isinstance(error, OSError)
                and type(error).__module__.split(".")[0] not in FOREIGN
            ):
                raise
            raise LablineError(
                "LL-RECORDING-STORE",
                f"{self.url} does not serve: {_short(error)}",
                "is there room, does the bucket exist, and may these credentials use it? "
                "fsspec takes them from the environment or its configuration",
            ) from error


def _opened(url: str, protocol: str) -> tuple[Any, str]:
    try:
        import fsspec
    except ImportError as missing:
        raise _bad("recordings need fsspec", 'pip install "labline[lab]"') from missing
    try:
        files, root = fsspec.core.url_to_fs(url)
    except ImportError as missing:
        raise _bad(
            f"{protocol}:// needs the package {PACKAGES[protocol]}, which is not installed",
            f"pip install {PACKAGES[protocol]}",
        ) from missing
    except ValueError as error:
        raise _bad(f"{url} is no place for a recording: {error}", "name a folder") from error
    return files, root.rstrip("/") or "/"


def _short(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0][:200]


def _bad(message: str, remedy: str) -> LablineError:
    return LablineError("LL-RECORDING-URL", message, remedy)
