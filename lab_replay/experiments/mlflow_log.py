"""An experiment in MLflow: each candidate a run, with its metrics by window and the report.

Logged twice, a result gives no second run: each is tagged with a digest of all that it says.
"""

import hashlib
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labline.engine.errors import LablineError
from labline.lab_replay.evaluation.headline import headline, verdict
from labline.lab_replay.evaluation.result import Candidate, Costs, ExperimentResult
from labline.lab_replay.experiments.mlflow_place import (
    TRACKING_VARIABLE,
    gently,
    sqlite_path,
    tracking_uri_of,
    without_secrets,
)

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

DIGEST_TAG, KIND_TAG, REPORT_TAG = "labline.digest", "labline.kind", "labline.report"
BATCH_MAX = 1_000  # metrics that MLflow takes at once
PARAMETER_MAX = 6_000  # characters
NAME_MAX = 80  # characters of a part of a metric's name
REASON_MAX = 200  # characters of what MLflow says of an error
_NO_NAME = re.compile(r"[^\w\-. :/]")  # what a metric may not be called


def log_experiment(
    result: ExperimentResult,
    costs: Costs | None = None,
    report_path: Path | None = None,
    tracking_uri: str | None = None,
    state_dir: Path = Path(".labline"),
    progress: Callable[[int], None] | None = None,
) -> list[str]:
    """Log every candidate and baseline as a run of the experiment ``line/experiment``.

    Parameters
    ----------
    report_path
        The page to keep with each run; runs that were there before get a newer one.
    tracking_uri
        None: as `tracking_uri_of` says, artefacts in a folder beside the sqlite file.
    progress
        Told of each run.

    Returns
    -------
    list
        The runs' ids, in the order of the candidates; also of those that were there before.

    Raises
    ------
    LablineError
        ``LL-MLFLOW-EXTRA`` when MLflow is not installed, ``LL-MLFLOW`` when it refuses or does not
        answer.
    """
    uri = tracking_uri or tracking_uri_of(state_dir)
    page = None if report_path is None or not report_path.is_file() else report_path
    runs = []
    with gently(uri) as mlflow:
        try:
            path = sqlite_path(uri)
            if path is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
            client: MlflowClient = mlflow.MlflowClient(tracking_uri=uri)
            experiment = _experiment(client, f"{result.line}/{result.name}", path)
            for one in result.candidates:
                runs.append(_run(client, experiment, result, one, costs, page))
                if progress is not None:
                    progress(1)
        except Exception as error:  # stores raise what they like; the result must not go with them
            raise _refused(uri, error) from error
    return runs


def _refused(uri: str, error: Exception) -> LablineError:
    """Return what went wrong as one line: the libraries below say it in many."""
    place, said = without_secrets(uri), without_secrets(str(error).strip())
    if isinstance(error.__context__, OSError):  # what requests raises
        causes = re.findall(r"Caused by (\w+)", said) or [type(error.__context__).__name__]
        what = f"MLflow at {place} does not answer ({causes[-1]})"
    else:
        first = next(iter(said.splitlines()), type(error).__name__)
        what = f"MLflow at {place} refused: {first[:REASON_MAX]}"
    return LablineError(
        "LL-MLFLOW",
        what,
        f"the result is kept, and the same again logs it; look at {TRACKING_VARIABLE}, or leave"
        " MLflow out (--no-mlflow)",
    )


def _experiment(client: "MlflowClient", name: str, store: Path | None) -> str:
    found = client.get_experiment_by_name(name)
    if found is not None:
        if found.lifecycle_stage != "active":
            client.restore_experiment(found.experiment_id)
        return str(found.experiment_id)
    place = None
    if store is not None:
        folder = store.parent / "mlflow-artifacts"
        place = (folder / re.sub(r"[^A-Za-z0-9._-]", "-", name)).as_uri()
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
        if report_path is not None:
            _renew(client, known[0], result, report_path)
        return str(known[0].info.run_id)
    run = client.create_run(experiment, run_name=one.name, tags=_tags(result, one, digest))
    run_id = str(run.info.run_id)
    started_ms = run.info.start_time
    _log_batches(client, run_id, _metrics(one, costs, started_ms), _parameters(result, one))
    if report_path is not None:
        _keep(client, run_id, report_path)
    client.log_text(run_id, one.model_dump_json(indent=1), "candidate.json")
    client.set_terminated(run_id, "FINISHED")  # last: what was cut off is logged again
    return run_id


def _renew(client: "MlflowClient", run: Any, result: ExperimentResult, report_path: Path) -> None:
    """Give a run that was there before today's page: others may have joined the experiment."""
    if run.data.tags.get(REPORT_TAG) != _digest(report_path.read_bytes()):
        _keep(client, run.info.run_id, report_path)
        client.set_tag(run.info.run_id, "mlflow.note.content", headline(result))


def _keep(client: "MlflowClient", run_id: str, report_path: Path) -> None:
    client.log_artifact(run_id, str(report_path))
    client.set_tag(run_id, REPORT_TAG, _digest(report_path.read_bytes()))


def digest_of(result: ExperimentResult, one: Candidate) -> str:
    """Return what stands for all that a run would say; no clock is in it."""
    about = result.model_copy(update={"candidates": (one,)})
    return _digest(about.to_json().encode())


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


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
    tags |= {f"labline.versus.{_name(one.other)}": verdict(one, result.clock) for one in one.versus}
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
    """Return final figures at step 0; those of windows by their number.

    Of the window alone under ``window/``, of all events up to its end under ``so_far/``.
    """
    from mlflow.entities import Metric

    final: dict[str, float | None] = dict(one.metrics)
    final |= {"events": float(one.events), "unanswered": float(one.unanswered)}
    final["learn_failed"] = float(one.learn_failed)
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
    for step, window in enumerate(one.windows):
        for under, time_ms, told in (
            ("window", window.middle_ms, window.metrics),
            ("so_far", window.end_ms, window.so_far),
        ):
            found += [
                Metric(f"{under}/{name}", value, max(time_ms, 0), step)  # MLflow has none before
                for name, value in told.items()
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
    """Return a part of a metric's name as MLflow allows it; other texts get other names.

    Examples
    --------
    >>> _name("JFK"), _name("<JFK>/2")
    ('JFK', '_JFK_-2-1e4f6f')
    """
    name = _NO_NAME.sub("_", text).replace("/", "-").strip(". ")[:NAME_MAX]
    return name if name == text != "" else f"{name or '_'}-{_digest(text.encode())[:6]}"
