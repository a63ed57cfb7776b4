"""``labline lab replay`` and ``labline lab run``: learners compared over history."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engine.cli.lab_history import Asked, Past, past_of
from engine.cli.options import JsonOption, WorkspaceOption
from engine.cli.progress import counting
from engine.workspace.workspace import Workspace

if TYPE_CHECKING:
    from lab_replay.experiment import Experiment
    from lab_replay.result import ExperimentResult

lab = typer.Typer(help="Replay history, compare learners, re-run the factory's past.")

SchedulerOption = Annotated[
    str | None,
    typer.Option(
        "--scheduler", metavar="tcp://HOST:PORT", help="A Dask cluster instead of these cores."
    ),
]


@lab.command("replay")
def replay(
    source: Annotated[
        str,
        typer.Argument(help="A recording, a CSV, JSON lines or Parquet file, or an event topic."),
    ],
    recipe: Annotated[
        list[str], typer.Option("--recipe", help="A model; give several to compare them.")
    ],
    line: Annotated[
        str | None, typer.Option("--line", help="Whose; not needed where there is only one.")
    ] = None,
    delay: Annotated[
        str, typer.Option("--delay", help="When labels come: recorded, none, or 6h.")
    ] = "recorded",
    by: Annotated[
        list[str] | None, typer.Option("--slice", help="Feature by which figures are split.")
    ] = None,
    id_column: Annotated[str | None, typer.Option("--id", help="Of a file: its id column.")] = None,
    time_column: Annotated[
        str | None, typer.Option("--time", help="Of a file: its time column.")
    ] = None,
    label_column: Annotated[
        str | None, typer.Option("--label", help="Of a file: the truth.")
    ] = None,
    kind: Annotated[
        str | None,
        typer.Option("--kind", help="Of a file: binary, multiclass, regression or anomaly."),
    ] = None,
    scheduler: SchedulerOption = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Replay history over recipes, beside baselines; table and report. A file needs no broker."""
    from lab_replay.experiment import Experiment
    from lab_replay.models import named

    past = past_of(source, Asked(line, id_column, time_column, label_column, kind), workspace)
    declared = Experiment.of(past.line.name, named(recipe), delay=delay, slices=by or [])
    _show(_replayed(declared, past, scheduler), past.folder / declared.name, as_json)


@lab.command("run")
def run(
    experiment: Annotated[str, typer.Argument(help="Name of an experiment.", show_default=False)],
    recording: Annotated[
        str | None,
        typer.Option("--recording", help="Folder or URL of labline record."),
    ] = None,
    scheduler: SchedulerOption = None,
    mlflow: Annotated[
        bool, typer.Option("--mlflow", help="Log each candidate to MLflow: sqlite, or its URI.")
    ] = False,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Replay history over an experiment's recipes; table, report, registered versions."""
    from engine.cli.lab_history import past_of_experiment
    from engine.models.registry import Registry
    from engine.models.signing import Signer, load_public_keys
    from lab_replay.experiment import Experiment
    from lab_replay.run import register

    space = Workspace.find(workspace)
    path = space.experiment_path(experiment)
    declared = Experiment.load(path)
    signer = Signer.load(space.private_key)
    past = past_of_experiment(space, declared, recording)
    result = _replayed(declared, past, scheduler, str(path))
    registry = Registry(space.models_dir, load_public_keys(space.keys_dir))
    versions = register(result, registry, signer)
    folder = past.folder / declared.name
    if mlflow:
        _log_to_mlflow(result, folder, space.state_dir)
    _show(result, folder, as_json)
    for name, version in versions.items():
        typer.echo(f"{name}: registered as {version.label}", err=True)


def _replayed(
    declared: "Experiment", past: Past, scheduler: str | None, source: str = ""
) -> "ExperimentResult":
    from lab_replay.replay import records_of
    from lab_replay.run import learners_of, run_experiment, trial_of

    trial = trial_of(declared, past.line, past.schemas, past.recording, past.writers, source)
    total = records_of(
        trial, learners=learners_of(declared, past.line), otherwise=declared.otherwise
    )
    with counting("replaying", total) as progress:
        try:
            return run_experiment(
                declared,
                past.line,
                past.schemas,
                past.recording,
                past.folder / declared.name,
                progress,
                past.writers,
                source=source,
                cache=past.cache,
                scheduler=scheduler,
            )
        except KeyboardInterrupt:
            typer.echo("cut off; what is done is kept: the same command goes on there", err=True)
            raise


def _log_to_mlflow(result: "ExperimentResult", folder: Path, state_dir: Path) -> None:
    from lab_replay.mlflow_log import log_experiment, tracking_uri_of
    from lab_replay.run import REPORT, load_costs

    log_experiment(result, load_costs(folder), folder / REPORT, state_dir=state_dir)
    uri = tracking_uri_of(state_dir)
    typer.echo(f"logged to MLflow: mlflow ui --backend-store-uri {uri}", err=True)


def _show(result: "ExperimentResult", folder: Path, as_json: bool) -> None:
    from rich.console import Console

    from lab_replay.headline import headline
    from lab_replay.run import REPORT, load_costs
    from lab_replay.table import result_table

    if as_json:
        typer.echo(result.to_json())
    else:
        console = Console()
        console.print(result_table(result, load_costs(folder)))
        console.print(headline(result), highlight=False)
    typer.echo(f"report: {folder / REPORT}", err=True)
