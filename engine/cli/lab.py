"""``labline record`` and ``labline lab …``: history, replayed and compared."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engine.cli.options import BootstrapOption, JsonOption, WorkspaceOption
from engine.cli.past import line_past
from engine.cli.progress import counting
from engine.errors import LablineError
from engine.workspace.workspace import Workspace

if TYPE_CHECKING:
    from lab_replay.experiment import Experiment
    from lab_replay.result import ExperimentResult

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


RecordingOption = Annotated[Path, typer.Option("--recording", help="Folder of labline record.")]


@lab.command("replay")
def replay(
    recording: Annotated[Path, typer.Argument(help="Folder made by labline record.")],
    recipe: Annotated[
        list[str], typer.Option("--recipe", help="A model; give several to compare them.")
    ],
    line: Annotated[
        str | None, typer.Option("--line", help="Whose; not needed where there is only one.")
    ] = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Replay a recording over recipes, beside the line's baselines; table and report."""
    from lab_replay.experiment import of_recipes

    space = Workspace.find(workspace)
    declared = of_recipes(line or _only_line(space), recipe)
    _show(_replayed(space, declared, recording), space, declared.name, as_json)


@lab.command("run")
def run(
    experiment: Annotated[str, typer.Argument(help="Name of an experiment.", show_default=False)],
    recording: RecordingOption,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Replay a recording over an experiment's recipes; table, report, registered versions."""
    from engine.models.registry import Registry
    from engine.models.signing import Signer, load_public_keys
    from lab_replay.experiment import Experiment
    from lab_replay.run import register

    space = Workspace.find(workspace)
    declared = Experiment.load(space.experiment_path(experiment))
    signer = Signer.load(space.private_key)
    result = _replayed(space, declared, recording)
    registry = Registry(space.models_dir, load_public_keys(space.keys_dir))
    versions = register(result, registry, signer)
    _show(result, space, declared.name, as_json)
    for name, version in versions.items():
        typer.echo(f"{name}: registered as {version.label}", err=True)


def _only_line(space: Workspace) -> str:
    names = sorted(space.lines())
    if len(names) != 1:
        raise LablineError(
            "LL-LINE-WHICH",
            f"{space.settings.name} has {len(names)} lines",
            f"name one with --line: {', '.join(names) or 'none is declared in lines/'}",
        )
    return names[0]


def _replayed(space: Workspace, declared: "Experiment", recording: Path) -> "ExperimentResult":
    from engine.broker.schema_registry import Writers
    from lab_replay.recording import Recording
    from lab_replay.run import run_experiment

    line = space.line(declared.line)
    if line.labels is None:
        raise LablineError(
            "LL-LINE-LABELS",
            f"line {line.name} has no labels: there is nothing to compare recipes by",
            "declare labels, refers_to and label in lines/",
        )
    history = Recording.open(recording)
    with counting("replaying", history.manifest.records) as progress:
        return run_experiment(
            declared,
            line,
            (space.schema_of(line.events), space.schema_of(line.labels)),
            history,
            _folder(space, declared.name),
            progress,
            Writers(space.schemas(), space.registry()),
        )


def _folder(space: Workspace, name: str) -> Path:
    return space.state_dir / "experiments" / name


def _show(result: "ExperimentResult", space: Workspace, name: str, as_json: bool) -> None:
    from rich.console import Console

    from lab_replay.table import result_table

    if as_json:
        typer.echo(result.to_json())
    else:
        Console().print(result_table(result))
    typer.echo(f"report: {_folder(space, name) / 'report.html'}", err=True)


@lab.command("parity")
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
    """Re-run the factory's journal: equal, or the first difference. Exit 1 unless equal."""
    from lab_replay.parity import EQUAL
    from lab_replay.parity import parity as rerun

    past = line_past(line, bootstrap, workspace)
    with counting("re-running partitions", past.partitions) as progress:
        found = rerun(
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
    for text in (json.dumps(found.document()),) if as_json else found.sentences():
        typer.echo(text)
    if found.verdict != EQUAL:
        raise typer.Exit(1)
