"""``labline up``, ``down`` and ``status``: the embedded broker."""

import json
from pathlib import Path
from typing import Annotated

import typer

from engine.cli.options import JsonOption, WorkspaceOption, workspace_folder

PortOption = Annotated[
    int | None,
    typer.Option("--port", help="The port for clients; without it a free one is chosen and kept."),
]


def up(port: PortOption = None, workspace: WorkspaceOption = None) -> None:
    """Start the embedded Kafka, or find the one that runs; print its address."""
    from engine.broker import embedded

    running = embedded.start(_root(workspace), port=port, progress=_say)
    typer.echo(running.bootstrap)


def down(workspace: WorkspaceOption = None) -> None:
    """Stop the embedded Kafka; its topics stay."""
    from engine.broker import embedded

    _say("stopped" if embedded.stop(_root(workspace)) else "there was no broker to stop")


def status(as_json: JsonOption = False, workspace: WorkspaceOption = None) -> None:
    """Say whether the embedded Kafka runs, and where; exit 1 when it does not."""
    from engine.broker import embedded

    root = _root(workspace)
    running = embedded.find(root)
    if as_json:
        typer.echo(
            json.dumps(
                {
                    "running": running is not None,
                    "bootstrap": running.bootstrap if running else None,
                    "pid": running.pid if running else None,
                    "log": str(running.log) if running else None,
                }
            )
        )
    elif running:
        typer.echo(f"running at {running.bootstrap}, process {running.pid}, log {running.log}")
    else:
        typer.echo("not running; labline up starts it")
    raise typer.Exit(0 if running else 1)


def _root(workspace: Path | None) -> Path:
    return workspace_folder(workspace) / ".labline"


def _say(what: str) -> None:
    typer.echo(what, err=True)
