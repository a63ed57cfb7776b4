"""How far a file is published, written down so that a publish that was stopped can go on."""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, ValidationError

from labline.engine.disk.whole_files import write_whole
from labline.engine.errors import LablineError

FOLDER = "publish"


class Settled:
    """The rows that are done with, acknowledged or rejected: all up to a mark, and some beyond.

    Kafka acknowledges partition by partition, so not in the order of the rows.

    Examples
    --------
    >>> settled = Settled()
    >>> for row in (1, 3, 4):
    ...     settled.add(row)
    >>> settled.mark, settled.beyond, 2 in settled
    (1, {3, 4}, False)
    >>> settled.add(2)
    >>> settled.mark, settled.beyond
    (4, set())
    """

    def __init__(self, mark: int = 0, beyond: Iterable[int] = ()) -> None:
        self.mark = mark
        self.beyond = set(beyond)

    def __contains__(self, row: int) -> bool:
        return row <= self.mark or row in self.beyond

    def add(self, row: int) -> None:
        """Take a row that is done with."""
        self.beyond.add(row)
        while self.mark + 1 in self.beyond:
            self.mark += 1
            self.beyond.remove(self.mark)


class Progress(BaseModel):
    """What is written down.

    Attributes
    ----------
    mark, beyond
        See `Settled`.
    published, rejected, skipped
        Rows so far.
    unknown
        Records that were sent and, when this was written, not acknowledged.
    ended
        False when the run that wrote this was cut off: it had no time to write its last word.
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    format: Literal[1] = 1
    topic: str
    file: str
    mark: int
    beyond: list[int]
    published: int
    rejected: int
    skipped: int
    unknown: int
    ended: bool


class Identity(NamedTuple):
    """What makes two publishes the same one."""

    cluster: str
    topic: str
    form: str
    sort: bool


class ProgressFile:
    """Where the progress of one file to one topic is kept.

    Parameters
    ----------
    state
        The workspace's ``.labline``.
    file
        It is known by its path, size and time of change: another content is another file.
    """

    def __init__(self, state: Path, file: Path, identity: Identity) -> None:
        stat = file.stat()
        known_by = [str(file.resolve()), stat.st_size, stat.st_mtime_ns, *identity]
        digest = hashlib.sha256(json.dumps(known_by).encode()).hexdigest()[:16]
        self.path = state / FOLDER / f"{identity.topic}-{digest}.json"

    def load(self) -> Progress | None:
        """Return what was written down, None when nothing was.

        Raises
        ------
        LablineError
            ``LL-PUBLISH-PROGRESS`` when it is not readable.
        """
        try:
            return Progress.model_validate_json(self.path.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ValidationError) as error:
            raise LablineError(
                "LL-PUBLISH-PROGRESS",
                f"how far the file was published is not readable in {self.path}",
                "--restart publishes it from its beginning, what is there already a second time",
            ) from error

    def save(self, progress: Progress) -> None:
        """Write it down: whoever reads it sees the old or the new, never a half.

        Raises
        ------
        LablineError
            ``LL-FILE-WRITE``.
        """
        try:
            write_whole(self.path, progress.model_dump_json(), durable=True)
        except OSError as error:
            raise LablineError(
                "LL-FILE-WRITE",
                f"how far the publish is cannot be written to {self.path}: {error.strerror}",
                "make room there",
            ) from error

    def remove(self) -> None:
        """Forget it: the file is published."""
        self.path.unlink(missing_ok=True)
