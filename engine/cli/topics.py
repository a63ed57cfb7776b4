"""``labline topics …``: declared topics against those that Kafka has."""

import json
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from labline.engine.cli.shared.groups import group_of
from labline.engine.cli.shared.options import BootstrapOption, JsonOption, WorkspaceOption

if TYPE_CHECKING:
    from rich.console import Group

    from labline.engine.workspace.workspace import Workspace
    from labline.topics.compare import Words
    from labline.topics.reach import Reach
    from labline.topics.steps import Declaration, Existing, Step

GrowOption = Annotated[
    list[str] | None,
    typer.Option(
        "--grow",
        metavar="TOPIC",
        help="It may get more partitions, and what its lines write with it: keys move to other "
        "partitions, away from what was learned of them. May be repeated.",
    ),
]
ShortenOption = Annotated[
    list[str] | None,
    typer.Option(
        "--shorten",
        metavar="TOPIC",
        help="Its retention may become shorter: what is older is deleted. May be repeated.",
    ),
]
AppendTimeOption = Annotated[
    list[str] | None,
    typer.Option(
        "--append-time",
        metavar="TOPIC",
        help="Its records may be stamped by the broker from now on, no more by their publishers. "
        "May be repeated.",
    ),
]


class Planned(NamedTuple):
    """What would have to be done, and how far back each line reaches then."""

    steps: "list[Step]"
    reaches: "dict[str, list[Reach]]"


def register(app: typer.Typer) -> None:
    """Add the group to the command line."""
    commands = group_of(app, "topics")
    commands.command("plan")(show_plan)
    commands.command("apply")(apply_plan)
    commands.command("list")(list_topics)


def show_plan(
    grow: GrowOption = None,
    shorten: ShortenOption = None,
    append_time: AppendTimeOption = None,
    bootstrap: BootstrapOption = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what apply would do, and how far back each line reaches; exit 1 when it would refuse."""
    from labline.engine.workspace.workspace import Workspace
    from labline.topics.steps import Refuse

    space = Workspace.find(workspace)
    outcome = planned(space, space.bootstrap(bootstrap), grow, shorten, append_time)
    if as_json:
        typer.echo(json.dumps(_plan_json(outcome)))
    else:
        for step in outcome.steps:
            typer.echo(step_text(step))
        for line, reaches in outcome.reaches.items():
            typer.echo(f"\n{line} reaches back:")
            for reach in reaches:
                typer.echo(f"  {reach}")
    if any(isinstance(step, Refuse) for step in outcome.steps):
        raise typer.Exit(1)


def apply_plan(
    grow: GrowOption = None,
    shorten: ShortenOption = None,
    append_time: AppendTimeOption = None,
    bootstrap: BootstrapOption = None,
    workspace: WorkspaceOption = None,
) -> None:
    """Release schema drafts, then create and alter topics as planned; never deletes a topic."""
    from labline.engine.broker.clients import admin_client
    from labline.engine.workspace.releasing import release_drafts
    from labline.engine.workspace.workspace import Workspace
    from labline.topics.apply import apply, raise_refusal

    space = Workspace.find(workspace)
    broker = space.bootstrap(bootstrap)
    steps = planned(space, broker, grow, shorten, append_time).steps
    raise_refusal(steps)  # before a draft is released for nothing
    released = release_drafts(space)
    for release in released:
        typer.echo(f"released {release}", err=True)
    done = apply(admin_client(broker), steps, lambda step: typer.echo(str(step), err=True))
    if not done and not released:
        typer.echo("nothing to do", err=True)


def list_topics(
    bootstrap: BootstrapOption = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the declared topics: partitions, copies, retention, records and schema."""
    from labline.engine.workspace.workspace import Workspace

    space = Workspace.find(workspace)
    rows = _rows(space, space.bootstrap(bootstrap))
    if as_json:
        typer.echo(json.dumps({"topics": rows}))
        return
    from rich.console import Console

    Console().print(_table(rows))


def planned(
    space: "Workspace",
    broker: str,
    grow: list[str] | None = None,
    shorten: list[str] | None = None,
    append_time: list[str] | None = None,
) -> Planned:
    """Return what would have to be done, allowed what is named explicitly."""
    from labline.topics.plan import after, plan
    from labline.topics.reach import reach

    wanted, existing = _both(space, broker)
    words = _words([topic.name for topic in wanted], grow, shorten, append_time)
    steps = plan(wanted, existing, words)
    configs = after(steps, existing)
    reaches = {}
    for line in space.lines().values():
        inputs = {line.events, line.labels} - {None}
        if inputs <= configs.keys():  # not there and refused: it reaches nowhere
            reaches[line.name] = reach(line.name, line.events, line.labels, configs)
    return Planned(steps, reaches)


def _both(space: "Workspace", broker: str) -> "tuple[list[Declaration], Existing]":
    from labline.engine.broker.clients import admin_client
    from labline.engine.workspace.catalogue import catalogue
    from labline.topics.apply import existing_topics

    wanted = catalogue(space)
    return wanted, existing_topics(admin_client(broker), [topic.name for topic in wanted])


def _words(
    names: list[str],
    grow: list[str] | None,
    shorten: list[str] | None,
    append_time: list[str] | None,
) -> "Words":
    from labline.engine.workspace.workspace import known
    from labline.topics.compare import Words

    permissions = (grow or (), shorten or (), append_time or ())
    return Words(
        *(frozenset(known(n, names, "TOPIC", "topics/") for n in each) for each in permissions)
    )


def step_text(step: "Step") -> str:
    """Return a step as people read it, with what could be done about it."""
    from labline.topics.steps import Alter, Keep, Refuse

    remedies: list[str] = []
    if isinstance(step, Refuse):
        remedies = [step.remedy]
    elif isinstance(step, Keep | Alter):
        remedies = [note.remedy for note in step.notes]
    return "\n".join([str(step), *(f"  remedy: {remedy}" for remedy in remedies)])


def _plan_json(outcome: Planned) -> dict[str, Any]:
    from labline.topics.steps import Alter, Create, Keep, Refuse

    steps = []
    for step in outcome.steps:
        document: dict[str, Any] = {"step": type(step).__name__.lower(), "topic": step.name}
        document["text"] = str(step)
        if isinstance(step, Refuse):
            document |= {"reason": step.reason, "remedy": step.remedy}
        elif isinstance(step, Create | Alter):
            change = step.topic if isinstance(step, Create) else step
            document |= {"partitions": change.partitions, "config": dict(change.config)}
        if isinstance(step, Alter | Keep):
            document["notes"] = [note._asdict() for note in step.notes]
        steps.append(document)
    reaches = {line: [reach._asdict() for reach in each] for line, each in outcome.reaches.items()}
    return {"steps": steps, "reach": reaches}


def _rows(space: "Workspace", broker: str) -> list[dict[str, Any]]:
    from labline.engine.broker.reader import partition_offsets

    wanted, existing = _both(space, broker)
    offsets = partition_offsets(broker, [topic.name for topic in wanted if topic.name in existing])
    roles, declared = _roles(space), space.topics()
    rows: list[dict[str, Any]] = []
    for topic in wanted:
        real = existing.get(topic.name)
        schema = declared[topic.name].subject if topic.name in declared else None
        row: dict[str, Any] = {
            "topic": topic.name,
            "role": ", ".join(roles.get(topic.name, ())),
            "schema": schema,
            "there": real is not None,
            "partitions": real.partitions if real else None,
            "replication": real.replication if real else None,
            "kept_ms": int(real.config["retention.ms"]) if real else None,
            "records": None,
        }
        if real:
            row["records"] = sum(part.end - part.start for part in offsets[topic.name].values())
        rows.append(row)
    return rows


def _roles(space: "Workspace") -> dict[str, list[str]]:
    """Return what each topic is for the lines."""
    from labline.topics.naming import CONTROL_TOPIC, line_topics

    roles: dict[str, list[str]] = {CONTROL_TOPIC: ["control"]}
    for line in space.lines().values():
        uses = {"events": line.events, "labels": line.labels, **line_topics(line.name)._asdict()}
        for use, topic in uses.items():
            if topic is not None:
                roles.setdefault(topic, []).append(f"{use} of {line.name}")
    return roles


def _table(rows: list[dict[str, Any]]) -> "Group":
    from rich import box
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    from labline.topics.steps import retention_text

    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("topic", no_wrap=True)
    table.add_column("read as", overflow="fold")
    for column in ("partitions", "copies", "kept", "records"):
        table.add_column(column, justify="right", no_wrap=True)
    for row in rows:
        # what a line writes has its role in its name
        cells = [Text(row["topic"]), Text(row["role"] if row["schema"] else "")]
        if row["there"]:
            cells += [Text(str(row["partitions"])), Text(str(row["replication"]))]
            cells += [Text(retention_text(row["kept_ms"])), Text(f"{row['records']:,}")]
        else:
            cells.append(Text("not there", style="red"))
        table.add_row(*cells)
    note = "records: offsets from start to end; the ends of transactions take one each"
    return Group(table, Text(note, style="dim"))
