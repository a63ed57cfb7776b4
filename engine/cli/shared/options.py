"""Options that many commands share, and how they choose a folder."""

from pathlib import Path
from typing import Annotated

import typer

from labline.engine.errors import LablineError

SETTINGS = "labline.toml"

BootstrapOption = Annotated[
    str | None,
    typer.Option(
        "--bootstrap",
        metavar="HOST:PORT",
        help="The Kafka cluster; without it LABLINE_BOOTSTRAP_SERVERS, labline.toml, "
        "or the embedded broker.",
    ),
]
WorkspaceOption = Annotated[
    Path | None,
    typer.Option(
        "--workspace",
        "-w",
        metavar="DIR",
        help="The workspace's folder; without it the nearest one that holds a labline.toml.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def workspace_folder(workspace: Path | None) -> Path:
    """Return the folder of the workspace, which need not be a workspace yet.

    Raises
    ------
    LablineError
        ``LL-WORKSPACE-MISSING`` when `workspace` is no folder.
    """
    if workspace is None:
        here = Path.cwd()
        return next((f for f in (here, *here.parents) if (f / SETTINGS).is_file()), here)
    if not workspace.is_dir():
        raise LablineError(
            "LL-WORKSPACE-MISSING",
            f"there is no folder {workspace}",
            "name an existing folder, or make a workspace with labline init",
        )
    return workspace.resolve()
