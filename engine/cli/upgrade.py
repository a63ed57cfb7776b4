"""``labline upgrade …``: whether the installed versions can go on with a line's past."""

import json
from typing import Annotated

import typer

from engine.cli.options import BootstrapOption, JsonOption, WorkspaceOption
from engine.cli.past import line_past
from engine.cli.progress import counting

upgrade = typer.Typer(help="Go on with other versions of labline, Python or the libraries.")


@upgrade.callback()
def _group() -> None:
    pass


@upgrade.command("check")
def check(
    line: Annotated[str, typer.Argument(help="Name of a line.", show_default=False)],
    execute: Annotated[
        bool, typer.Option("--execute", help="Write the snapshots from which scorers go on.")
    ] = False,
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Fold the whole past anew; compare nothing.")
    ] = False,
    bootstrap: BootstrapOption = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Re-run the last transactions under the installed versions. Exit 1 when different.

    The line must not be running. Nothing is written to Kafka.
    """
    from engine.promotion.upgrade import DIFFERENT
    from engine.promotion.upgrade import upgrade as fold

    past = line_past(line, bootstrap, workspace)
    with counting("folding partitions", past.partitions) as progress:
        found = fold(
            past.broker,
            line,
            past.control,
            past.snapshots,
            rebuild=rebuild,
            execute=execute,
            spec_of=past.spec_of,
            progress=lambda: progress(1),
        )
    for text in (json.dumps(found.document()),) if as_json else found.sentences():
        typer.echo(text)
    if found.verdict == DIFFERENT:
        raise typer.Exit(1)
