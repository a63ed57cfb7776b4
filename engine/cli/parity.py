"""``labline lab parity``: the factory's past, run again and compared with what it wrote."""

import json
from typing import Annotated

import typer

from labline.engine.cli.shared.groups import group_of
from labline.engine.cli.shared.line_past import line_past
from labline.engine.cli.shared.options import BootstrapOption, JsonOption, WorkspaceOption
from labline.engine.cli.shared.progress import counting

LineArgument = Annotated[str, typer.Argument(help="Name of a line.", show_default=False)]


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    group_of(app, "lab").command()(parity)


def parity(
    line: LineArgument,
    first: Annotated[
        int, typer.Option("--from", min=0, help="First journal entry of each partition.")
    ] = 0,
    until: Annotated[
        int | None, typer.Option("--to", min=1, help="Up to before this journal entry.")
    ] = None,
    recipe: Annotated[
        str | None, typer.Option("--recipe", help="Put this in the champion's place.")
    ] = None,
    bootstrap: BootstrapOption = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Re-run the factory's journal: equal, or where and how far not. Exit 1 unless equal."""
    from rich.console import Console

    from labline.lab_replay.parity.parity import EQUAL
    from labline.lab_replay.parity.parity import parity as rerun

    past = line_past(line, bootstrap, workspace)
    with counting("re-running partitions", past.partitions) as progress:
        result = rerun(
            past.broker,
            line,
            past.control,
            snapshots=past.snapshots,
            spec_of=past.spec_of,
            recipe=recipe,
            first=first,
            until=until,
            progress=lambda: progress(1),
        )
    if as_json:
        typer.echo(json.dumps(result.document(), allow_nan=False))
    else:
        for text in result.sentences():
            typer.echo(text)
        if result.totals:
            from labline.lab_replay.parity.differences.terminal import difference_tables

            for table in difference_tables(result):
                Console().print(table)
    if result.verdict != EQUAL:
        raise typer.Exit(1)
