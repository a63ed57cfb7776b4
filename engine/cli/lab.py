"""``labline lab replay`` and ``labline lab run``: learners compared over history."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from labline.engine.cli.shared.groups import group_of
from labline.engine.cli.shared.options import (
    IdOption,
    JsonOption,
    KeyOption,
    KindOption,
    LabelOption,
    LabelTimeOption,
    LabelTrueOption,
    TimeFormatOption,
    TimeOption,
    WorkspaceOption,
    ZoneOption,
)
from labline.engine.cli.shared.progress import counting, scaled
from labline.engine.errors import LablineError

if TYPE_CHECKING:
    from labline.engine.workspace.workspace import Workspace
    from labline.lab_replay.evaluation.result import ExperimentResult
    from labline.lab_replay.experiments.experiment import Experiment
    from labline.lab_replay.histories.history import History

SchedulerOption = Annotated[
    str | None,
    typer.Option(
        "--scheduler", metavar="tcp://HOST:PORT", help="A Dask cluster instead of these cores."
    ),
]


def register(app: typer.Typer) -> None:
    """Add both to the command line."""
    commands = group_of(app, "lab")
    commands.command()(replay)
    commands.command()(run)


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
        str, typer.Option("--delay", help="When labels come: recorded, none, 6h, or 500 rows.")
    ] = "recorded",
    by: Annotated[
        list[str] | None, typer.Option("--slice", help="Feature by which figures are split.")
    ] = None,
    identity: IdOption = None,
    time: TimeOption = None,
    key: KeyOption = None,
    label: LabelOption = None,
    label_time: LabelTimeOption = None,
    label_true: LabelTrueOption = None,
    kind: KindOption = None,
    time_format: TimeFormatOption = None,
    zone: ZoneOption = "UTC",
    scheduler: SchedulerOption = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Replay history over recipes, beside baselines; table and report. A file needs no broker."""
    from labline.engine.cli.shared.file_report import replay_lines
    from labline.engine.tables.roles import Roles
    from labline.lab_replay.experiments.experiment import Experiment
    from labline.lab_replay.experiments.models import named
    from labline.lab_replay.histories.history import Source

    said = Roles(
        tuple(identity or ()), time, key, label, label_time, label_true, kind, time_format, zone
    )
    past = Source(source, line, said, workspace).history(say=_say, progress=counting)
    if past.proposal is not None:
        for sentence in replay_lines(Path(source).name, past.proposal):
            _say(sentence)
    slices = [past.features.get(name, name) for name in by or []]
    declared = Experiment.of(past.line.name, named(recipe), delay=delay, slices=slices)
    _show(_replayed(declared, past, scheduler), past.folder / declared.name, as_json)


def run(
    experiment: Annotated[str, typer.Argument(help="Name of an experiment.", show_default=False)],
    recording: Annotated[
        str | None,
        typer.Option("--recording", help="Folder or URL of labline record."),
    ] = None,
    scheduler: SchedulerOption = None,
    mlflow: Annotated[
        bool | None,
        typer.Option(
            "--mlflow/--no-mlflow",
            help="Log each candidate to MLflow (MLFLOW_TRACKING_URI, or else a sqlite file)."
            " By default, where MLflow is installed.",
            show_default=False,
        ),
    ] = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Replay history over an experiment's recipes; table, report, registered versions."""
    from labline.engine.workspace.workspace import Workspace
    from labline.lab_replay.experiments.experiment import Experiment
    from labline.lab_replay.experiments.mlflow_sink import is_installed, not_installed

    if mlflow and not is_installed():
        raise not_installed()
    space = Workspace.find(workspace)
    path = space.experiment_path(experiment)
    declared = Experiment.load(path)
    past = _history(space, declared, recording)
    result = _replayed(declared, past, scheduler, str(path))
    folder = past.folder / declared.name
    _show(result, folder, as_json)
    _register(result, space)
    if mlflow or (mlflow is None and is_installed()):  # last: what it cannot log is shown by now
        _log_to_mlflow(result, folder, space.state_dir)


def _history(space: "Workspace", declared: "Experiment", recording: str | None) -> "History":
    """Return the history of an experiment: the one named here, or in its file, or its topics."""
    from labline.lab_replay.histories.history import experiment_history
    from labline.lab_replay.histories.line_recording import Bounds

    stretch, place = declared.history, f"{declared.name}: history."
    recording = recording or declared.recording
    if recording is None and stretch is None:
        raise LablineError(
            "LL-EXPERIMENT-HISTORY",
            f"experiment {declared.name} does not say what to replay",
            "give --recording, or write recording: or history: {from: …, to: …} into its file",
        )
    bounds = Bounds()
    if stretch is not None:
        bounds = Bounds(stretch.since, stretch.until, (f"{place}from", f"{place}to"))
    return experiment_history(space, declared.line, recording, bounds, say=_say, progress=counting)


def _replayed(
    declared: "Experiment", past: "History", scheduler: str | None, source: str = ""
) -> "ExperimentResult":
    from labline.lab_replay.experiments.run import learners_of, run_experiment, trial_of
    from labline.lab_replay.replay.replay import records_of

    trial = trial_of(declared, past.line, past.schemas, past.recording, past.writers, source)
    total = records_of(
        trial, learners=learners_of(declared, past.line), otherwise=declared.otherwise
    )
    # models share passes, and some go over it twice: people know how many events there are
    events = sum(past.recording.manifest.topics[past.line.events][part].records
                 for part in trial.partitions())  # fmt: skip
    with counting("replaying events", events) as progress:
        try:
            return run_experiment(
                declared,
                trial,
                past.folder / declared.name,
                scaled(progress, events, max(total, 1)),
                cache=past.cache,
                scheduler=scheduler,
            )
        except KeyboardInterrupt:
            typer.echo("cut off; what is done is kept: the same command goes on there", err=True)
            raise


def _register(result: "ExperimentResult", space: "Workspace") -> None:
    """Register what could be promoted; who cannot sign has the figures all the same."""
    from labline.engine.models.control.registry import Registry
    from labline.engine.models.control.signing import Signer, load_public_keys
    from labline.lab_replay.experiments.run import register

    if not space.private_key.is_file():
        typer.echo("nothing registered: no signing key; labline models keygen makes one", err=True)
        return
    signer = Signer.load(space.private_key)
    registry = Registry(space.models_dir, load_public_keys(space.keys_dir))
    for name, version in register(result, registry, signer).items():
        typer.echo(f"{name}: registered as {version.label}", err=True)


def _log_to_mlflow(result: "ExperimentResult", folder: Path, state_dir: Path) -> None:
    """Log a result; what is there already is not logged twice."""
    from labline.lab_replay.experiments.mlflow_sink import (
        command_to_look,
        log_experiment,
        tracking_uri_of,
    )
    from labline.lab_replay.experiments.run import REPORT, load_costs

    uri = tracking_uri_of(state_dir)
    with counting("logging to MLflow", len(result.candidates)) as progress:
        log_experiment(result, load_costs(folder), folder / REPORT, uri, state_dir, progress)
    runs = f"{len(result.candidates)} runs of {result.line}/{result.name}"
    typer.echo(f"MLflow: {runs}: {command_to_look(uri)}", err=True)


def _show(result: "ExperimentResult", folder: Path, as_json: bool) -> None:
    from rich.console import Console
    from rich.text import Text

    from labline.lab_replay.evaluation.headline import headline
    from labline.lab_replay.evaluation.table import result_table
    from labline.lab_replay.experiments.run import REPORT, load_costs

    if as_json:
        typer.echo(result.to_json())
    else:
        console = Console()
        console.print(result_table(result, load_costs(folder)))
        console.print(Text(headline(result)))  # people's own words: nothing in them is markup
    typer.echo(f"report: {folder / REPORT}", err=True)


def _say(what: str) -> None:
    typer.echo(what, err=True)
