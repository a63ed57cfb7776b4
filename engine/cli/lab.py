"""``labline record`` and ``labline lab …``: history, replayed and compared."""

import json
from pathlib import Path
from typing import Annotated

import typer

from engine.cli.options import BootstrapOption, JsonOption, WorkspaceOption
from engine.cli.progress import counting
from engine.workspace.workspace import Workspace

lab = typer.Typer(help="Replay history, compare learners, re-run the factory's past.")

LineArgument = Annotated[str, typer.Argument(help="Name of a line.", show_default=False)]


def record(
    topics: Annotated[list[str], typer.Argument(help="Topics to record.", show_default=False)],
    out: Annotated[Path, typer.Option("--out", help="Folder to make.")],
    bootstrap: BootstrapOption = None,
    workspace: WorkspaceOption = None,
) -> None:
    """Record topics exactly as their logs are; reads only, joins no group."""
    from engine.broker.reader import partition_offsets
    from engine.workspace.workspace import bootstrap_anywhere
    from lab_replay.recording import record as record_topics

    broker = bootstrap_anywhere(bootstrap, workspace)
    offsets = partition_offsets(broker, topics)
    total = sum(p.stable - p.start for found in offsets.values() for p in found.values())
    with counting("recording", total) as progress:
        manifest = record_topics(broker, topics, out, progress=progress)
    typer.echo(f"{manifest.records:,} records in {out}, digest {manifest.digest[:16]}", err=True)


@lab.command("run")
def run(
    experiment: Annotated[str, typer.Argument(help="Name of an experiment.", show_default=False)],
    recording: Annotated[Path, typer.Option("--recording", help="Folder made by labline record.")],
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Replay a recording over an experiment's recipes; table, report, registered versions."""
    from rich.console import Console

    from engine.models.registry import Registry
    from engine.models.signing import Signer, load_public_keys
    from lab_replay.experiment import Experiment
    from lab_replay.recording import Recording
    from lab_replay.run import register, run_experiment
    from lab_replay.table import result_table

    space = Workspace.find(workspace)
    declared = Experiment.load(space.experiment_path(experiment))
    line = space.line(declared.line)
    assert line.labels is not None
    signer = Signer.load(space.private_key)
    out = space.state_dir / "experiments" / declared.name
    history = Recording.open(recording)
    with counting("replaying", history.manifest.records) as progress:
        result = run_experiment(
            declared,
            line,
            (space.schema_of(line.events), space.schema_of(line.labels)),
            history,
            out,
            progress,
        )
    registry = Registry(space.models_dir, load_public_keys(space.keys_dir))
    versions = register(result, registry, signer)
    if as_json:
        typer.echo(result.to_json())
        return
    Console().print(result_table(result))
    for name, version in versions.items():
        typer.echo(f"{name}: registered as {version.label}", err=True)
    typer.echo(f"report: {out / 'report.html'}", err=True)


@lab.command("parity")
def parity(
    line: LineArgument,
    recipe: Annotated[
        str | None, typer.Option("--recipe", help="Put this in the champion's place.")
    ] = None,
    bootstrap: BootstrapOption = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Re-run the factory's journal: equal, or the first difference. Exit 1 when different."""
    from engine.broker.reader import partition_offsets
    from engine.models.signing import load_public_keys
    from engine.promotion.promote import read_control
    from lab_replay.parity import parity as check
    from topics.naming import line_topics

    space = Workspace.find(workspace)
    broker = space.bootstrap(bootstrap)
    control = read_control(broker, load_public_keys(space.keys_dir))
    journal = line_topics(line).journal
    count = len(partition_offsets(broker, [journal])[journal])
    with counting("re-running partitions", count) as progress:
        found = check(broker, line, control, recipe=recipe, progress=lambda: progress(1))
    if as_json:
        typer.echo(json.dumps(found.document()))
    else:
        records = sum(p.records for p in found.partitions)
        typer.echo(f"{found.verdict}: {records:,} records of {len(found.partitions)} partitions")
        for part in found.partitions:
            if part.difference:
                typer.echo(f"partition {part.partition}: {part.difference.sentence()}")
    if found.first:
        raise typer.Exit(1)
