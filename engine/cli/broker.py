"""``labline up``, ``down`` and ``status``: the embedded broker and schema registry."""

import json
from pathlib import Path
from typing import Annotated

import typer

from labline.engine.cli.shared.options import JsonOption, WorkspaceOption

PortOption = Annotated[
    int | None,
    typer.Option("--port", help="The port for clients; without it a free one is chosen and kept."),
]
RegistryOption = Annotated[
    bool,
    typer.Option("--registry", help="Start a schema registry too, and print its address."),
]

Server = tuple[str, int, Path] | None  # a `Running`


def register(app: typer.Typer) -> None:
    """Add the three to the command line."""
    app.command()(up)
    app.command()(down)
    app.command()(status)


def up(
    port: PortOption = None, registry: RegistryOption = False, workspace: WorkspaceOption = None
) -> None:
    """Start the embedded Kafka, or find the one that runs; print its address."""
    from labline.engine.broker.servers import apicurio, embedded
    from labline.engine.cli.shared.progress import counting

    root = _root(workspace)
    typer.echo(embedded.start(root, port=port, progress=_say, bar=counting).bootstrap)
    if registry:
        typer.echo(apicurio.start(root, progress=_say, bar=counting).url)
    elif apicurio.last_url(root) and not apicurio.find(root):
        _say("the schema registry is not running; labline up --registry starts it")


def down(workspace: WorkspaceOption = None) -> None:
    """Stop the embedded Kafka and schema registry; topics and schemas stay."""
    from labline.engine.broker.servers import apicurio, embedded

    root = _root(workspace)
    registry, broker = apicurio.stop(root), embedded.stop(root)
    _say("stopped" if registry or broker else "there was no broker to stop")


def status(as_json: JsonOption = False, workspace: WorkspaceOption = None) -> None:
    """Say whether the embedded Kafka and schema registry run, and where; exit 1 without Kafka."""
    from labline.engine.broker.servers import apicurio, embedded

    root = _root(workspace)
    broker, registry = embedded.find(root), apicurio.find(root)
    if as_json:
        document = _server_document(broker, "bootstrap")
        typer.echo(json.dumps({**document, "registry": _server_document(registry, "url")}))
    else:
        typer.echo(_sentence(broker, "labline up"))
        if apicurio.last_url(root):
            typer.echo(f"schema registry {_sentence(registry, 'labline up --registry')}")
    raise typer.Exit(0 if broker else 1)


def _server_document(server: Server, address: str) -> dict[str, str | int | bool | None]:
    where, pid, log = server or (None, None, None)
    return {
        "running": server is not None,
        address: where,
        "pid": pid,
        "log": str(log) if log else None,
    }


def _sentence(server: Server, otherwise: str) -> str:
    if server is None:
        return f"not running; {otherwise} starts it"
    where, pid, log = server
    return f"running at {where}, process {pid}, log {log}"


def _root(workspace: Path | None) -> Path:
    from labline.engine.workspace.settings import workspace_folder

    return workspace_folder(workspace) / ".labline"


def _say(what: str) -> None:
    typer.echo(what, err=True)
