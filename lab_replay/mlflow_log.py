"""An experiment in MLflow: each candidate a run, with its metrics by window and the report.

Logged twice, a result gives no second run: each is tagged with a digest of all that it says.
"""

import hashlib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.errors import LablineError
from lab_replay.headline import headline, verdict
from lab_replay.result import Candidate, Costs, ExperimentResult

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

TRACKING_VARIABLE = "MLFLOW_TRACKING_URI"
DIGEST_TAG, KIND_TAG = "labline.digest", "labline.kind"
BATCH_MAX = 1_000  # metrics that MLflow takes at once
PARAMETER_MAX = 6_000  # characters
_NO_NAME = re.compile(r"[^\w\-. :/]")  # what a metric may not be called


def tracking_uri_of(state_dir: Path) -> str:
    """Return where runs go when nobody says: `MLFLOW_TRACKING_URI`, else a sqlite file.

    Examples
    --------
    >>> import os
    >>> _ = os.environ.pop("MLFLOW_TRACKING_URI", None)
    >>> tracking_uri_of(Path("/srv/flights/.labline"))
    'sqlite:////srv/flights/.labline/mlflow.db'
    """
    return os.environ.get(TRACKING_VARIABLE) or f"sqlite:///{state_dir.resolve() / 'mlflow.db'}"


def log_experiment(
    result: ExperimentResult,
    costs: Costs | None = None,
    report_path: Path | None = None,
    tracking_uri: str | None = None,
    state_dir: Path = Path(".labline"),
) -> list[str]:
    """Log every candidate and baseline as a run of the experiment ``line/experiment``.

    Parameters
    ----------
    report_path
        The page to keep with each run.
    tracking_uri
        None: as `tracking_uri_of` says, artefacts in a folder beside the sqlite file.

    Returns
    -------
    list
        The runs' ids, in the order of the candidates; also of those that were there before.

    Raises
    ------
    LablineError
        ``LL-MLFLOW-EXTRA`` when MLflow is not installed, ``LL-MLFLOW`` when it refuses.
    """
    mlflow = _mlflow()
    uri = tracking_uri or tracking_uri_of(state_dir)
    if uri.startswith("sqlite:///"):
        Path(uri.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
    try:
        client: MlflowClient = mlflow.MlflowClient(tracking_uri=uri)
        experiment = _experiment(client, f"{result.line}/{result.name}", uri)
        return [
            _run(client, experiment, result, one, costs, report_path) for one in result.candidates
        ]
    except mlflow.MlflowException as error:
        raise LablineError(
            "LL-MLFLOW",
            f"MLflow at {_without_secrets(uri)} refused: {str(error).splitlines()[0]}",
            f"look at {TRACKING_VARIABLE}, and whether its server runs this version",
        ) from error


def _mlflow() -> Any:
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"  # before the import: it looks only then
    os.environ["DO_NOT_TRACK"] = "true"
    try:
        import mlflow
    except ModuleNotFoundError as error:
        raise LablineError(
            "LL-MLFLOW-EXTRA",
            "logging to MLflow needs the extra 'mlflow', which is not installed",
            "pip install 'labline[mlflow]'",
        ) from error
    return mlflow


def _experiment(client: "MlflowClient", name: str, uri: str) -> str:
    found = client.get_experiment_by_name(name)
    if found is not None:
        if found.lifecycle_stage != "active":
            client.restore_experiment(found.experiment_id)
        return str(found.experiment_id)
    place = None
    if uri.startswith("sqlite:///"):
        folder = Path(uri.removeprefix("sqlite:///")).parent / "mlflow-artifacts"
        place = (folder / re.sub(r"[^A-Za-z0-9._-]", "-", name)).resolve().as_uri()
    return str(client.create_experiment(name, artifact_location=place))


def _run(
    client: "MlflowClient",
    experiment: str,
    result: ExperimentResult,
    one: Candidate,
    costs: Costs | None,
    report_path: Path | None,
) -> str:
    """Return the id of a candidate's run, made unless a finished one says the same."""
    digest = digest_of(result, one)
    known = client.search_runs(
        [experiment],
        f"tags.`{DIGEST_TAG}` = '{digest}' and attributes.status = 'FINISHED'",
        max_results=1,
    )
    if known:
        return str(known[0].info.run_id)
    run = client.create_run(experiment, run_name=one.name, tags=_tags(result, one, digest))
    run_id = str(run.info.run_id)
    started_ms = run.info.start_time
    _log_batches(client, run_id, _metrics(one, costs, started_ms), _parameters(result, one))
    if report_path is not None and report_path.is_file():
        client.log_artifact(run_id, str(report_path))
    client.log_text(run_id, one.model_dump_json(indent=1), "candidate.json")
    client.set_terminated(run_id, "FINISHED")  # last: what was cut off is logged again
    return run_id


def digest_of(result: ExperimentResult, one: Candidate) -> str:
    """Return what stands for all that a run would say; no clock is in it."""
    about = result.model_copy(update={"candidates": (one,)})
    return hashlib.sha256(about.to_json().encode()).hexdigest()


def _tags(result: ExperimentResult, one: Candidate, digest: str) -> dict[str, str]:
    tags = {
        DIGEST_TAG: digest,
        KIND_TAG: one.kind,
        "labline.line": result.line,
        "labline.question": result.question,
        "labline.recording": result.recording,
        "mlflow.note.content": headline(result),
    }
    tags |= {f"labline.environment.{name}": text for name, text in result.environment.items()}
    tags |= {f"labline.versus.{_name(one.other)}": verdict(one) for one in one.versus}
    return tags


def _parameters(result: ExperimentResult, one: Candidate) -> dict[str, str]:
    return {
        "recipe": one.recipe[:PARAMETER_MAX],
        "learner": result.learner,
        "delay": result.delay,
        "warm_up": str(result.warm_up),
        "threshold": f"{result.threshold:g}",
        "recording": result.recording,
        "kind": result.kind,
    }


def _metrics(one: Candidate, costs: Costs | None, now_ms: int) -> list[Any]:
    """Return final figures at step 0, and those of windows under ``window/`` by their number."""
    from mlflow.entities import Metric

    final: dict[str, float | None] = dict(one.metrics)
    final |= {"events": float(one.events), "unanswered": float(one.unanswered)}
    final["state_bytes"] = None if one.state_bytes is None else float(one.state_bytes)
    if one.money is not None:
        final |= {"cost": one.money.total, "incumbent_cost": one.money.incumbent}
    final |= {f"other_way/{name}": value for name, value in (one.otherwise or {}).items()}
    spent = costs.candidates.get(one.name) if costs is not None else None
    if spent is not None:
        final |= {"us_per_event": spent.us_per_event, "lag_max_s": spent.lag_max_s}
    for title, parts in one.slices.items():
        for part in parts:
            final |= {
                f"slice/{_name(title)}/{_name(part.value)}/{metric}": value
                for metric, value in part.metrics.items()
            }
    found = [Metric(name, value, now_ms, 0) for name, value in final.items() if value is not None]
    # the time of a window's metric is event time: charts over time then show the past as it was
    found += [
        Metric(f"window/{name}", value, window.middle_ms, step)
        for step, window in enumerate(one.windows)
        for name, value in window.metrics.items()
        if value is not None
    ]
    return found


def _log_batches(
    client: "MlflowClient", run_id: str, metrics: list[Any], parameters: Mapping[str, str]
) -> None:
    from mlflow.entities import Param

    client.log_batch(run_id, params=[Param(name, text) for name, text in parameters.items()])
    for at in range(0, len(metrics), BATCH_MAX):
        client.log_batch(run_id, metrics=metrics[at : at + BATCH_MAX])


def _name(text: str) -> str:
    """Return a part of a metric's name as MLflow allows it.

    Examples
    --------
    >>> _name("<JFK>/2")
    '_JFK_-2'
    """
    return _NO_NAME.sub("_", text).replace("/", "-").strip(". ")[:80] or "_"


def _without_secrets(uri: str) -> str:
    return re.sub(r"//[^/@]*@", "//", uri)
