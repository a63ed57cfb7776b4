"""``labline factory run``: the Faust worker with its scorer processes; ``offsets``: where it is."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from labline.engine.cli.read import write_lines
from labline.engine.cli.shared.groups import group_of
from labline.engine.cli.shared.options import BootstrapOption, JsonOption, WorkspaceOption
from labline.engine.errors import LablineError

if TYPE_CHECKING:
    from rich.table import Table

    from labline.engine.core.line import Line
    from labline.engine.factory.offsets import Standing
    from labline.engine.workspace.workspace import Workspace


def register(app: typer.Typer) -> None:
    """Add the group to the command line."""
    commands = group_of(app, "factory")
    commands.command()(run)
    commands.command()(offsets)


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
    from labline.engine.factory.worker import WorkerOptions, run_worker
    from labline.engine.workspace.workspace import Workspace

    space = Workspace.find(workspace)
    names = tuple(lines or space.lines())
    for name in names:
        space.line(name)
    registry = space.registry()
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
            snapshots=space.snapshots,
            snapshot_key=space.snapshot_key,
            registry=registry.url if registry else None,
            known_schemas=registry.cache_dir if registry else None,
        )
    )


def offsets(
    line: Annotated[str, typer.Argument(help="The line.")],
    restore: Annotated[
        bool, typer.Option("--restore", help="Set the group's offsets to where the journal ends.")
    ] = False,
    accept: Annotated[
        bool,
        typer.Option("--accept", help="Go on at the moved offsets, with the state as it is."),
    ] = False,
    as_json: JsonOption = False,
    bootstrap: BootstrapOption = None,
    workspace: WorkspaceOption = None,
) -> None:
    """Compare committed offsets with the journal; exit 1 when they differ and nothing is done."""
    from rich.console import Console

    from labline.engine.factory import offsets as group_offsets
    from labline.engine.workspace.workspace import Workspace

    if restore and accept:
        raise typer.BadParameter("--restore or --accept, not both")
    space = Workspace.find(workspace)
    declared, broker = space.line(line), space.bootstrap(bootstrap)
    if restore:
        standings = group_offsets.restore(broker, declared)
    elif accept:
        standings = group_offsets.accept(broker, declared, _revision(space, broker, line))
    else:
        standings = group_offsets.standings(broker, declared)
    done = "restored to the journal" if restore else "accepted" if accept else None
    if as_json:
        write_lines([_offsets_json(declared, standings, done)])
    else:
        Console().print(_offsets_table(declared, standings, done))
    if done is None and any(standing.is_moved for standing in standings):
        raise typer.Exit(1)


def _revision(space: Workspace, broker: str, line: str) -> int:
    from labline.engine.models.control.signing import load_public_keys
    from labline.engine.promotion.promote import read_control

    revision = read_control(broker, load_public_keys(space.keys_dir)).lines.get(line)
    if revision is None:
        raise LablineError(
            "LL-LINE-UNPROMOTED", f"line {line} was never promoted", "labline promote NAME@N"
        )
    return revision.offset


def _verdict(standing: Standing, done: str | None) -> str:
    if standing.is_moved:
        return done or "moved"
    if standing.last is not None and standing.committed != standing.journal:
        return "expired: the line takes them from its journal"
    return "equal" if standing.last else "nothing taken yet"


def _offsets_json(line: Line, standings: list[Standing], done: str | None) -> str:
    return json.dumps(
        {
            "line": line.name,
            "partitions": [
                {
                    "partition": standing.partition,
                    "committed": list(standing.committed),
                    "journal": list(standing.journal),
                    "verdict": _verdict(standing, done),
                }
                for standing in standings
            ],
        }
    )


def _offsets_table(line: Line, standings: list[Standing], done: str | None) -> Table | str:
    from rich.table import Table

    if not standings:
        return f"line {line.name}: no committed offset differs from the journal; nothing to do"
    caption = "events, labels, retry: the next offset; - there is none"
    table = Table(title=f"line {line.name}", caption=caption)
    for name in ("partition", "committed", "journal's end", ""):
        table.add_column(name)
    for standing in standings:
        places = (standing.committed, standing.journal)
        cells = (", ".join("-" if n < 0 else str(n) for n in offsets) for offsets in places)
        table.add_row(str(standing.partition), *cells, _verdict(standing, done))
    return table
