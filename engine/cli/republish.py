"""``labline republish``: a recording's topic published again."""

from typing import TYPE_CHECKING, Annotated

import typer

from labline.engine.cli.shared.options import BootstrapOption, WorkspaceOption
from labline.engine.cli.shared.progress import counting
from labline.engine.errors import LablineError

if TYPE_CHECKING:
    from labline.lab_replay.recordings.recording import Recording

INTERRUPTED = 130  # as a shell says that Ctrl-C ended it


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(republish)


def republish(
    recording: Annotated[str, typer.Argument(help="Folder or URL of labline record.")],
    target: Annotated[str, typer.Option("--to", metavar="TOPIC", help="Begins with lab.")],
    topic: Annotated[
        str | None, typer.Option("--topic", help="Which one, where several were recorded.")
    ] = None,
    speed: Annotated[
        str, typer.Option("--speed", metavar="max|N", help="1 is the pace it had; 10; max.")
    ] = "1",
    force: Annotated[
        bool, typer.Option("--force", help="Also to a topic that is not lab.*")
    ] = False,
    append: Annotated[
        bool, typer.Option("--append", help="Also to a topic that holds records.")
    ] = False,
    bootstrap: BootstrapOption = None,
    workspace: WorkspaceOption = None,
) -> None:
    """Publish a recording's topic again, in the order and at the pace of its append times.

    Ctrl-C ends it cleanly and says how many records were delivered; begun again, it begins at the
    first record, so on another topic. One that holds records is refused without --append.
    """
    from labline.engine.publish.sending import Stop
    from labline.engine.workspace.workspace import bootstrap_anywhere
    from labline.lab_replay.recordings.recording import Recording
    from labline.lab_replay.recordings.republish import check_target, parse_speed
    from labline.lab_replay.recordings.republish import republish as publish_again

    check_target(target, force=force)
    times_faster = parse_speed(speed)
    opened = Recording.open(recording)
    chosen = _topic(opened, topic)
    broker = bootstrap_anywhere(bootstrap, workspace)
    total = sum(file.records for file in opened.manifest.topics[chosen].values())
    with Stop() as stop, counting(f"republishing to {target}", total) as progress:
        outcome = publish_again(
            opened, chosen, broker, target,
            speed=times_faster, force=force, append=append,
            stop=lambda: stop.wanted, progress=progress,
        )  # fmt: skip
    typer.echo(
        f"{outcome.delivered:,} of {outcome.total:,} records delivered to {target}", err=True
    )
    if not outcome.same_partitions:
        typer.echo(
            f"{target} has other partitions: each record went where its key belongs", err=True
        )
    if outcome.delivered < outcome.total:
        raise typer.Exit(INTERRUPTED)


def _topic(recording: "Recording", topic: str | None) -> str:
    if topic is None and len(recording.topics) != 1:
        raise LablineError(
            "LL-REPUBLISH-TOPIC",
            f"{recording.url} holds {len(recording.topics)} topics",
            f"choose one with --topic: {', '.join(recording.topics)}",
        )
    chosen = topic or recording.topics[0]
    recording.partitions(chosen)  # refuses what is not there
    return chosen
