"""``labline factory run``: the Faust worker with its scorer processes."""

from typing import Annotated

import typer

from engine.cli.options import BootstrapOption, WorkspaceOption
from engine.workspace.workspace import Workspace

factory = typer.Typer(help="Promoted models, running as stream processors.")


@factory.command("run")
def run(
    lines: Annotated[
        list[str] | None, typer.Argument(help="Lines to score; all of the workspace unless named.")
    ] = None,
    processes: Annotated[int, typer.Option(min=1, max=64, help="Scorers for each line.")] = 1,
    first_slot: Annotated[
        int, typer.Option(min=0, help="First slot number: give each host its own range.")
    ] = 0,
    batch_max: Annotated[
        int | None, typer.Option(min=1, help="Records per transaction; the line's own limit.")
    ] = None,
    web_port: Annotated[int, typer.Option(min=0, max=65535, help="0 chooses a free one.")] = 0,
    bootstrap: BootstrapOption = None,
    workspace: WorkspaceOption = None,
) -> None:
    """Score and learn until Ctrl-C; the scorers finish their transactions first."""
    from engine.factory.worker import WorkerOptions, run_worker
    from engine.logs import configure

    space = Workspace.find(workspace)
    names = tuple(lines or space.lines())
    for name in names:
        space.line(name)
    configure()
    run_worker(
        WorkerOptions(
            bootstrap=space.bootstrap(bootstrap),
            lines=names,
            keys=space.keys_dir,
            state=space.state_dir,
            processes=processes,
            first_slot=first_slot,
            batch_max=batch_max,
            web_port=web_port,
        )
    )
