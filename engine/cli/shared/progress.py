"""Progress bars: on stderr, with an estimate of what is left; one line where nobody looks."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


def scaled(progress: Callable[[int], None], whole: int, total: int) -> Callable[[int], None]:
    """Return what takes steps of `total` and tells them as a part of `whole`.

    Examples
    --------
    >>> told = []
    >>> step = scaled(told.append, whole=10, total=25)
    >>> for steps in (4, 1, 20):
    ...     step(steps)
    >>> told
    [1, 1, 8]
    """
    done = 0

    def count(steps: int) -> None:
        nonlocal done
        before, done = done, done + steps
        progress(done * whole // total - before * whole // total)

    return count


@contextmanager
def counting(what: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """Show a bar while the block runs; the function given to it takes steps forward.

    Where nobody looks, one line says what was done and how long it took.
    """
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        started_s, done = time.monotonic(), 0

        def count(steps: int) -> None:
            nonlocal done
            done += steps

        yield count
        counted = f"{done:,} in " if done else ""
        console.print(f"{what}: {counted}{time.monotonic() - started_s:.1f} s", highlight=False)
        return
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        SpinnerColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(what, total=total)
        yield lambda steps: progress.advance(task, steps)
