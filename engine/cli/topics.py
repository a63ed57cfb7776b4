"""``labline topics …``: declared topics against those that Kafka has."""

import json

import typer

from engine.cli.options import BootstrapOption, JsonOption, WorkspaceOption
from engine.workspace.workspace import Workspace
from topics.plan import Refuse, Step

topics = typer.Typer(help="Declared topics, and those that Kafka has.")


def planned(space: Workspace, broker: str) -> list[Step]:
    """Return what would have to be done."""
    from engine.broker.clients import admin_client
    from engine.workspace.catalogue import catalogue
    from topics.apply import existing_topics
    from topics.plan import plan

    wanted = catalogue(space)
    return plan(wanted, existing_topics(admin_client(broker), [topic.name for topic in wanted]))


@topics.command("plan")
def show_plan(
    bootstrap: BootstrapOption = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what apply would do; exit 1 when it would refuse."""
    space = Workspace.find(workspace)
    steps = planned(space, space.bootstrap(bootstrap))
    for step in steps:
        text = {"step": type(step).__name__.lower(), "text": str(step)}
        typer.echo(json.dumps(text) if as_json else str(step))
    if any(isinstance(step, Refuse) for step in steps):
        raise typer.Exit(1)


@topics.command("apply")
def apply_plan(bootstrap: BootstrapOption = None, workspace: WorkspaceOption = None) -> None:
    """Create the declared topics that are not there; changes and deletes nothing."""
    from engine.broker.clients import admin_client
    from topics.apply import apply

    space = Workspace.find(workspace)
    broker = space.bootstrap(bootstrap)
    made = apply(admin_client(broker), planned(space, broker))
    typer.echo(f"created {len(made)} topics" if made else "nothing to do", err=True)
