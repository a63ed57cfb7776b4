"""``labline report``: what a line's model did for the business, from the factory's own topics."""

from pathlib import Path
from typing import Annotated

import typer

from labline.engine.cli.shared.options import BootstrapOption, JsonOption, WorkspaceOption


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(report)


def report(
    line: Annotated[str, typer.Argument(help="The line's name.", show_default=False)],
    out: Annotated[
        Path | None,
        typer.Option("--out", help="The page; without it in the workspace's state folder."),
    ] = None,
    bootstrap: BootstrapOption = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write what a line did as a page: how right or how odd, over time, dead letters, by whom."""
    from labline.engine.broker.registry.schema_registry import Writers
    from labline.engine.models.control.signing import load_public_keys
    from labline.engine.promotion.promote import read_control
    from labline.engine.workspace.workspace import Workspace
    from labline.lab_replay.reports.line_facts import Schemas, gather
    from labline.lab_replay.reports.line_report import line_headline, write_line_report

    space = Workspace.find(workspace)
    broker, declared = space.bootstrap(bootstrap), space.line(line)
    label_schema = space.schema_of(declared.labels) if declared.labels else None
    facts = gather(
        broker,
        declared,
        Schemas(label_schema, Writers(space.schemas(), space.registry())),
        read_control(broker, load_public_keys(space.keys_dir)),
    )
    path = out or space.state_dir / "reports" / f"{line}.html"
    write_line_report(path, facts)
    typer.echo(facts.model_dump_json(indent=1) if as_json else line_headline(facts))
    typer.echo(f"report: {path}", err=True)
