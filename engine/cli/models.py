"""``labline models …`` and ``labline promote``: the registry, and what is put in force."""

import json
from typing import Annotated

import typer

from labline.engine.cli.shared.groups import group_of
from labline.engine.cli.shared.options import BootstrapOption, JsonOption, WorkspaceOption


def register(app: typer.Typer) -> None:
    """Add the group, and ``promote`` to the command line."""
    commands = group_of(app, "models")
    commands.command("list")(list_models)
    commands.command()(keygen)
    app.command()(promote)


def list_models(workspace: WorkspaceOption = None, as_json: JsonOption = False) -> None:
    """List model versions, their signatures checked."""
    from labline.engine.models.control.registry import Registry
    from labline.engine.models.control.signing import load_public_keys
    from labline.engine.workspace.workspace import Workspace

    space = Workspace.find(workspace)
    registry = Registry(space.models_dir, load_public_keys(space.keys_dir))
    rows = [registry.get(f"{n}@{v}") for n in registry.names() for v in registry.versions(n)]
    for row in rows:
        text = json.dumps(row._asdict()) if as_json else f"{row.label}\t{row.recipe}"
        typer.echo(text)


def keygen(workspace: WorkspaceOption = None) -> None:
    """Make this workspace's signing key, unless it has one."""
    from labline.engine.models.control.signing import generate
    from labline.engine.workspace.workspace import Workspace

    space = Workspace.find(workspace)
    key = generate(space.private_key, space.keys_dir / "operator.pub")
    typer.echo(f"key {key}: private in {space.private_key}, public in {space.keys_dir}", err=True)


def promote(
    version: Annotated[str, typer.Argument(help="NAME@N, see models list.", show_default=False)],
    line: Annotated[str, typer.Option("--line", help="The line to put it in.")],
    slot: Annotated[str, typer.Option("--slot", help="champion or challenger.")] = "champion",
    bootstrap: BootstrapOption = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put a model version in a slot of a line: one signed record on the control topic."""
    from labline.engine.promotion.promote import promote as put
    from labline.engine.workspace.workspace import Workspace

    space = Workspace.find(workspace)
    revision = put(space, space.bootstrap(bootstrap), version, line, slot)
    if as_json:
        slots = {name: model.label for name, model in revision.slots.items()}
        typer.echo(json.dumps({"line": line, "revision": revision.offset, "slots": slots}))
    else:
        typer.echo(f"revision {revision.offset}: {version} is {slot} of {line}")
