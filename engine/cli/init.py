"""``labline init``: a new workspace that runs as it is."""

from pathlib import Path
from typing import Annotated

import typer


def init(
    folder: Annotated[Path, typer.Argument(help="Folder to make.", show_default=False)],
    example: Annotated[str, typer.Option("--example", help="What to start from.")] = "flights",
) -> None:
    """Make a new workspace with a signing key of its own."""
    from engine.models.signing import generate
    from engine.workspace.example import make_workspace
    from engine.workspace.workspace import Workspace

    make_workspace(folder, example)
    space = Workspace(folder)
    generate(space.private_key, space.keys_dir / "operator.pub")
    typer.echo(
        f"{folder} is a workspace. Next: cd {folder} && labline up && labline topics apply",
        err=True,
    )
