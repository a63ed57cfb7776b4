"""What `labline publish` says: rejects, doubts, and a last word."""

import json
import sys
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import typer

from labline.engine.errors import LablineError

if TYPE_CHECKING:
    from labline.engine.publish.progress_file import Progress
    from labline.engine.publish.sending import Tally
    from labline.engine.tables.rows import Row
    from labline.schemas.rejection import Rejection

REJECTS_SHOWN = 20


def say(what: str) -> None:
    """Say it to the person, not into the data."""
    sys.stderr.write(f"{what}\n")  # not by typer: a bar that is shown makes room for this alone


class Rejects(AbstractContextManager["Rejects"]):
    """Says what was rejected: the first on the terminal, all in the file."""

    def __init__(self, path: Path | None, *, append: bool) -> None:
        self._count = 0
        self._path = path
        self._out: TextIO | None = None
        if path is not None:
            try:
                self._out = path.open(
                    "a" if append else "w", encoding="utf-8", errors="surrogateescape"
                )
            except OSError as error:
                raise _unwritten(path, error, "name another file") from error

    def add(self, row: "Row", why: "Rejection") -> None:
        """Take one."""
        self._count += 1
        if self._count <= REJECTS_SHOWN:
            say(f"line {row.line}: {why.stage}/{why.reason}: {why.message}")
        elif self._count == REJECTS_SHOWN + 1:
            say("more lines were rejected; --rejects FILE keeps them all")
        if self._out is not None:
            told = {"line": row.line, **why._asdict(), "row": row.raw}
            self._out.write(json.dumps(told, ensure_ascii=False) + "\n")

    def flush(self) -> None:
        """Bring all rejects so far to the disk.

        A row that the progress file counts as done must be in this file, also after a power cut.

        Raises
        ------
        LablineError
            ``LL-FILE-WRITE``.
        """
        from labline.engine.disk.whole_files import sync

        if self._out is not None:
            try:
                sync(self._out)
            except OSError as error:
                raise _unwritten(self._path, error, "make room there") from error

    def __exit__(self, *_: object) -> None:
        if self._out is not None:
            self._out.close()


def _unwritten(path: Path | None, error: OSError, remedy: str) -> LablineError:
    return LablineError("LL-FILE-WRITE", f"cannot write {path}: {error.strerror}", remedy)


def say_unsure(before: "Progress") -> None:
    """Say which records may be there twice: whether they arrived, nobody was told."""
    if not before.ended:
        say("the last run was cut off: what it sent in its last second may be there twice")
    elif before.unknown:
        say(f"{before.unknown:,} records were on their way at the end: they may be there twice")


def say_summary(topic: str, file: str, tally: "Tally", took_s: float, *, as_json: bool) -> None:
    """Say what became of the file, the runs before this one included."""
    found = {
        "topic": topic,
        "file": file,
        "published": tally.published,
        "rejected": tally.rejected,
        "skipped": tally.skipped,
        "unacknowledged": tally.unknown,
        "complete": tally.complete,
        "took_s": round(took_s, 3),
    }
    if as_json:
        typer.echo(json.dumps(found))
    skipped = f", skipped {tally.skipped:,}" if tally.skipped else ""
    say(
        f"published {tally.published:,} records to {topic}, "
        f"rejected {tally.rejected:,}{skipped}; {took_s:.1f} s"
    )
