"""What a person sees while a file is published: a bar for a file, a count for what has no end."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, TextIO

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)


class Counts(Protocol):
    """What is shown."""

    published: int
    rejected: int


@contextmanager
def publish_bar(topic: str, file: Path | None, lines: TextIO, counts: Counts) -> "Iterator[Show]":
    """Show how far it is while the block runs; nothing where nobody looks."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield Show(None, lines, counts)
        return
    summary = TextColumn("{task.fields[summary]}")
    columns: list[ProgressColumn] = [SpinnerColumn(), TextColumn("{task.description}")]
    if file is not None:
        columns += [BarColumn(), TaskProgressColumn(), summary, TimeRemainingColumn()]
    else:
        columns += [summary, TimeElapsedColumn()]
    with Progress(*columns, console=console) as bar:
        total = file.stat().st_size if file is not None else None
        bar.add_task(f"publishing to {topic}", total=total, summary="")
        show = Show(bar, lines, counts)
        yield show
        show.refresh()


class Show:
    """Brings the bar up to date."""

    def __init__(self, bar: Progress | None, lines: TextIO, counts: Counts) -> None:
        self._bar, self._lines, self._counts = bar, lines, counts

    def refresh(self) -> None:
        """Show what there is now."""
        if self._bar is None:
            return
        summary = f"{self._counts.published:,} acknowledged"
        if self._counts.rejected:
            summary += f", {self._counts.rejected:,} rejected"
        task = self._bar.tasks[0]
        # a text file tells no position while it is read by lines; the bytes below it do
        done = None if task.total is None else self._lines.buffer.tell()
        self._bar.update(task.id, completed=done, summary=summary)
