"""``labline lab whatif``: the factory's past with something changed."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from labline.engine.cli.parity import LineArgument
from labline.engine.cli.shared.groups import group_of
from labline.engine.cli.shared.line_past import line_past
from labline.engine.cli.shared.options import BootstrapOption, JsonOption, WorkspaceOption
from labline.engine.cli.shared.progress import counting

if TYPE_CHECKING:
    from labline.engine.core.line import Line


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    group_of(app, "lab").command()(whatif)


def whatif(
    line: LineArgument,
    recipe: Annotated[
        str | None, typer.Option("--recipe", help="Another model, from the first record on.")
    ] = None,
    threshold: Annotated[
        float | None, typer.Option("--threshold", help="Yes from this score on.")
    ] = None,
    without_source: Annotated[
        list[str] | None,
        typer.Option(
            "--without-source", help="Leave a producer's records out: header ce_source, or unknown."
        ),
    ] = None,
    without: Annotated[
        list[str] | None,
        typer.Option(
            "--without",
            metavar="TOPIC/PARTITION=FIRST:UNTIL",
            help="Leave offsets of events or labels out, up to before UNTIL.",
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="New .jsonl or .csv of the events that differ.")
    ] = None,
    bootstrap: BootstrapOption = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Tell what another model, threshold, or a past without some records would have come to."""
    from rich.console import Console

    from labline.engine.core.line import Line
    from labline.lab_replay.whatif.change import Change, OffsetRange
    from labline.lab_replay.whatif.difference_file import check_out, write_differences
    from labline.lab_replay.whatif.terminal import whatif_tables
    from labline.lab_replay.whatif.whatif import whatif as refold
    from labline.topics.naming import line_topics

    ranges = tuple(OffsetRange.parse(text) for text in without or ())
    change = Change(recipe, threshold, tuple(without_source or ()), ranges)
    if out is not None:
        check_out(out)
    past = line_past(line, bootstrap, workspace)
    declared = _declared(line, workspace)
    with counting("folding partitions", past.partitions) as progress:
        result, partitions = refold(
            past.broker,
            line,
            past.control,
            change,
            costs=declared.decision.costs if declared else None,
            with_ids=out is not None,
            spec_of=past.spec_of,
            progress=lambda: progress(1),
        )
    if out is not None:
        in_force = Line.parse(past.control.lines[line].declaration["line"])
        topics = in_force.events, line_topics(line).retry
        count = write_differences(out, in_force, topics, partitions)
        typer.echo(f"{count:,} events that differ: {out}", err=True)
    if as_json:
        typer.echo(json.dumps(result.document(), allow_nan=False))
        return
    for text in result.sentences():
        typer.echo(text)
    for table in whatif_tables(result):
        Console().print(table)


def _declared(line: str, workspace: Path | None) -> "Line | None":
    """Return the workspace's declaration: costs may be known since the line was promoted."""
    from labline.engine.workspace.workspace import Workspace

    return Workspace.find(workspace).lines().get(line)
