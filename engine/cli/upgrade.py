"""``labline upgrade …``: whether the installed versions can go on with a line's past."""

import json
from typing import Annotated

import typer

from labline.engine.cli.shared.groups import group_of
from labline.engine.cli.shared.line_past import LinePast, line_past
from labline.engine.cli.shared.options import BootstrapOption, JsonOption, WorkspaceOption
from labline.engine.cli.shared.progress import counting


def register(app: typer.Typer) -> None:
    """Add the group to the command line."""
    group_of(app, "upgrade").command()(check)


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
    from labline.engine.promotion.upgrade import DIFFERENT
    from labline.engine.promotion.upgrade import upgrade as fold

    past = line_past(line, bootstrap, workspace)
    _warn_of_recipes(past, line)
    with counting("folding partitions", past.partitions) as progress:
        result = fold(
            past.broker,
            line,
            past.control,
            past.snapshots,
            rebuild=rebuild,
            execute=execute,
            spec_of=past.spec_of,
            progress=lambda: progress(1),
        )
    for text in (json.dumps(result.document()),) if as_json else result.sentences():
        typer.echo(text)
    if result.verdict == DIFFERENT:
        raise typer.Exit(1)


def _warn_of_recipes(past: LinePast, name: str) -> None:
    """Say what would not be promoted any more; what is in force goes on as it was."""
    from labline.engine.core.line import Line
    from labline.engine.errors import LablineError
    from labline.engine.models.recipes.check import baselines_by_place, check_recipes
    from labline.schemas.avro import Schema

    revision = past.control.lines.get(name)
    if revision is None:
        return  # said by who folds it
    line = Line.parse(revision.declaration["line"])
    schema = Schema.parse(revision.declaration["event_schema"])
    slots = {f"{slot} {model.label}": model.recipe for slot, model in revision.slots.items()}
    for place, recipe in {**slots, **baselines_by_place(line)}.items():
        try:
            check_recipes({place: recipe}, line, schema)
        except LablineError as error:
            typer.echo(f"warning: {error.message}; {error.remedy}", err=True)
