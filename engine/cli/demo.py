"""``labline demo``: the main job, start to end, on real flights and a real Kafka."""

import json
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from labline.engine.cli.shared.options import JsonOption
from labline.engine.cli.shared.progress import counting

FOLDER = Path("labline-demo")


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(demo)


def demo(
    month: Annotated[
        int | None, typer.Option(min=1, max=12, help="Only this month of 2013: a short demo.")
    ] = None,
    folder: Annotated[Path, typer.Option("--dir", help="Workspace to make.")] = FOLDER,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the broker up.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Run the main job, start to end, on real flights and a real Kafka; about two minutes."""
    from rich.console import Console

    from labline.engine.demo.run import run_demo
    from labline.engine.demo.summary import checks, document, view

    signal.signal(signal.SIGTERM, _interrupt)  # so that what it started ends with it
    done = run_demo(folder, month, _bar, keep=keep)
    if as_json:
        typer.echo(json.dumps(document(done)))
    else:
        Console().print(view(done))
        if keep:
            typer.echo(
                f"the broker is up: cd {folder} && labline lag; labline dlq list flights-delay;"
                " labline down",
                err=True,
            )
    if not all(checks(done).values()):
        raise typer.Exit(1)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


@contextmanager
def _bar(what: str, total: int | None) -> Iterator[Callable[[int], None]]:
    with counting(what, total) as step:
        yield step
