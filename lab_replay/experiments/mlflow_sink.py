"""An experiment in MLflow: each candidate is a run, with its figures by window and the report.

`labline lab run` and `Outcome.log_to_mlflow` call `log_experiment` with a result. It speaks to
MLflow through its public client alone. A run is tagged with a digest of all that it says; where a
finished one says the same already, none is made. MLflow is imported when something is logged,
because that takes two seconds, and its messages and telemetry are kept off.
"""

import hashlib
import logging
import os
import re
import shlex
import sqlite3
import warnings
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from labline.engine.errors import LablineError
from labline.lab_replay.evaluation.headline import headline
from labline.lab_replay.evaluation.result import Candidate, Costs, ExperimentResult
from labline.lab_replay.experiments.mlflow_run import metrics_of, parameters_of, tags_of

TRACKING_VARIABLE = "MLFLOW_TRACKING_URI"
SQLITE = "sqlite:///"
DIGEST_TAG, REPORT_TAG = "labline.digest", "labline.report"
BATCH_MAX = 1_000  # metrics that MLflow takes at once
REASON_MAX = 200  # characters of what MLflow says of an error
TELEMETRY_OFF = {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}
#: While something is logged: how long MLflow waits (else four minutes), and no word on stdout.
SETTINGS = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "15",
    "PGCONNECT_TIMEOUT": "10",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}
TALKATIVE = ("mlflow", "alembic", "sqlalchemy", "urllib3")  # loggers


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
        None: as `tracking_uri_of` says. Artefacts of a sqlite file lie in a folder beside it.
    progress
        Called with 1 after each run.

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
    page = report_path if report_path is not None and report_path.is_file() else None
    runs = []
    with _quiet_mlflow() as mlflow:
        try:
            store = sqlite_path(uri)
            if store is not None:
                _open(store)
            client = mlflow.MlflowClient(tracking_uri=uri)
            experiment = _experiment(client, f"{result.line}/{result.name}", store)
            for one in result.candidates:
                runs.append(_run(client, experiment, result, one, costs, page))
                if progress is not None:
                    progress(1)
        except Exception as error:  # stores raise what they like; the result must not go with them
            raise _refused(uri, error) from error
    return runs


def is_installed() -> bool:
    """Tell whether MLflow is there, without importing it."""
    return find_spec("mlflow") is not None


def not_installed() -> LablineError:
    """Return the error that says what to install."""
    return LablineError(
        "LL-MLFLOW-EXTRA",
        "logging to MLflow needs the extra 'mlflow', which is not installed",
        "pip install 'labline[mlflow]'",
    )


def tracking_uri_of(state_dir: Path) -> str:
    """Return where runs go when nobody says: `MLFLOW_TRACKING_URI`, else a sqlite file.

    Examples
    --------
    >>> import os
    >>> _ = os.environ.pop("MLFLOW_TRACKING_URI", None)
    >>> tracking_uri_of(Path("/srv/flights/.labline"))
    'sqlite:////srv/flights/.labline/mlflow.db'
    """
    return os.environ.get(TRACKING_VARIABLE) or f"{SQLITE}{state_dir.resolve() / 'mlflow.db'}"


def sqlite_path(uri: str) -> Path | None:
    """Return the file of a sqlite store, None for any other.

    Examples
    --------
    >>> sqlite_path("sqlite:////srv/m.db?timeout=9"), sqlite_path("http://127.0.0.1:5000")
    (PosixPath('/srv/m.db'), None)
    """
    if not uri.startswith(SQLITE):
        return None
    return Path(uri.removeprefix(SQLITE).partition("?")[0]).resolve()


def command_to_look(uri: str) -> str:
    """Return what shows the runs.

    Examples
    --------
    >>> command_to_look("sqlite:////srv/m.db"), command_to_look("http://me:secret@runs.lan:5000")
    ('mlflow ui --backend-store-uri sqlite:////srv/m.db', 'open http://runs.lan:5000')
    >>> command_to_look("postgresql://me:secret@db/runs")
    'mlflow ui --backend-store-uri "$MLFLOW_TRACKING_URI"'
    """
    path = sqlite_path(uri)
    if path is not None:
        return f"mlflow ui --backend-store-uri {shlex.quote(f'{SQLITE}{path}')}"
    if uri.startswith(("http://", "https://")):
        return f"open {_without_secrets(uri)}"
    return f'mlflow ui --backend-store-uri "${TRACKING_VARIABLE}"'


def _without_secrets(text: str) -> str:
    """Return a text without what stands before the @ of an address, and without its parameters.

    Examples
    --------
    >>> _without_secrets("postgresql://me:p@ss@db/runs?password=x is down")
    'postgresql://db/runs is down'
    """
    return re.sub(r"://[^/\s]*@", "://", re.sub(r"(://[^\s?]*)\?[^\s]*", r"\1", text))


@contextmanager
def _quiet_mlflow() -> Iterator[Any]:
    """Give MLflow, with short waits and without a word; all is left as it was."""
    os.environ.update(TELEMETRY_OFF)  # before the import: it looks only then
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MLflow's, about what it imports
        try:
            import mlflow
        except ModuleNotFoundError as error:
            raise not_installed() from error
        unset = [name for name in SETTINGS if name not in os.environ]
        levels = {name: logging.getLogger(name).level for name in TALKATIVE}
        try:
            os.environ.update({name: SETTINGS[name] for name in unset})
            for name in TALKATIVE:  # after the import, which sets MLflow's own
                logging.getLogger(name).setLevel(logging.CRITICAL)
            yield mlflow
        finally:
            for name, level in levels.items():
                logging.getLogger(name).setLevel(level)
            for name in unset:
                os.environ.pop(name, None)


def _open(store: Path) -> None:
    """See that a sqlite file can be opened: MLflow itself would try for minutes."""
    store.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(store)) as connection:
        connection.execute("PRAGMA schema_version")


def _refused(uri: str, error: Exception) -> LablineError:
    """Return what went wrong as one line: the libraries below say it in many."""
    place, reason = _without_secrets(uri), _without_secrets(str(error).strip())
    if isinstance(error.__context__, OSError):  # what requests raises
        causes = re.findall(r"Caused by (\w+)", reason) or [type(error.__context__).__name__]
        what = f"MLflow at {place} does not answer ({causes[-1]})"
    else:
        first = next(iter(reason.splitlines()), type(error).__name__)
        what = f"MLflow at {place} refused: {first[:REASON_MAX]}"
    return LablineError(
        "LL-MLFLOW",
        what,
        f"the result is kept, and the same again logs it; look at {TRACKING_VARIABLE}, or leave"
        " MLflow out (--no-mlflow)",
    )


def _experiment(client: Any, name: str, store: Path | None) -> str:
    """Return the id of the experiment of that name: made, or brought back, where it must be."""
    known = client.get_experiment_by_name(name)
    if known is not None:
        if known.lifecycle_stage != "active":
            client.restore_experiment(known.experiment_id)
        return str(known.experiment_id)
    artifacts = None
    if store is not None:
        folder = store.parent / "mlflow-artifacts"
        artifacts = (folder / re.sub(r"[^A-Za-z0-9._-]", "-", name)).as_uri()
    return str(client.create_experiment(name, artifact_location=artifacts))


def _run(
    client: Any,
    experiment: str,
    result: ExperimentResult,
    one: Candidate,
    costs: Costs | None,
    page: Path | None,
) -> str:
    """Return the id of a candidate's run, made unless a finished one says the same."""
    about = result.model_copy(update={"candidates": (one,)})
    digest = _digest(about.to_json().encode())
    finished = client.search_runs(
        [experiment],
        f"tags.`{DIGEST_TAG}` = '{digest}' and attributes.status = 'FINISHED'",
        max_results=1,
    )
    if finished:
        run_id = str(finished[0].info.run_id)
        # others may have joined the experiment since: the page and the headline are of all
        if page is not None and finished[0].data.tags.get(REPORT_TAG) != _digest(page.read_bytes()):
            _log_page(client, run_id, page)
            client.set_tag(run_id, "mlflow.note.content", headline(result))
        return run_id
    tags = {DIGEST_TAG: digest, **tags_of(result, one)}
    run = client.create_run(experiment, run_name=one.name, tags=tags)
    run_id = str(run.info.run_id)
    for name, text in parameters_of(result, one).items():
        client.log_param(run_id, name, text)
    metrics = metrics_of(one, costs, run.info.start_time)
    for start in range(0, len(metrics), BATCH_MAX):
        client.log_batch(run_id, metrics=metrics[start : start + BATCH_MAX])
    if page is not None:
        _log_page(client, run_id, page)
    client.log_text(run_id, one.model_dump_json(indent=1), "candidate.json")
    client.set_terminated(run_id, "FINISHED")  # last: what was cut off is logged again
    return run_id


def _log_page(client: Any, run_id: str, page: Path) -> None:
    client.log_artifact(run_id, str(page))
    client.set_tag(run_id, REPORT_TAG, _digest(page.read_bytes()))


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
