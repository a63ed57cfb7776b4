"""Where an experiment's runs go, what went there before, and how MLflow is kept short and quiet.

Nothing here imports MLflow before it is needed: that alone takes two seconds.
"""

import hashlib
import json
import logging
import os
import re
import shlex
import sqlite3
import warnings
from collections.abc import Iterator
from contextlib import closing, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from labline.engine.disk.whole_files import write_whole
from labline.engine.errors import LablineError

TRACKING_VARIABLE = "MLFLOW_TRACKING_URI"
MARK, FORMAT = "mlflow.json", 1
SQLITE = "sqlite:///"
#: What MLflow and its stores wait for, unless the user says otherwise: by default four minutes.
PATIENCE = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "15",
    "PGCONNECT_TIMEOUT": "10",
}
_STORE_TRIES_MAX = 5  # of a database that cannot be opened; MLflow's ten take 100 seconds
_LOUD = ("mlflow", "alembic", "sqlalchemy", "urllib3")


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


def without_secrets(text: str) -> str:
    """Return a text without what stands before the @ of an address, and without its parameters.

    Examples
    --------
    >>> without_secrets("postgresql://me:p@ss@db/runs?password=x is down")
    'postgresql://db/runs is down'
    """
    return re.sub(r"://[^/\s]*@", "://", re.sub(r"(://[^\s?]*)\?[^\s]*", r"\1", text))


def how_to_look(uri: str) -> str:
    """Return what shows the runs.

    Examples
    --------
    >>> how_to_look("sqlite:////srv/m.db"), how_to_look("http://me:secret@runs.lan:5000")
    ('mlflow ui --backend-store-uri sqlite:////srv/m.db', 'open http://runs.lan:5000')
    >>> how_to_look("postgresql://me:secret@db/runs")
    'mlflow ui --backend-store-uri "$MLFLOW_TRACKING_URI"'
    """
    path = sqlite_path(uri)
    if path is not None:
        return f"mlflow ui --backend-store-uri {shlex.quote(f'{SQLITE}{path}')}"
    if uri.startswith(("http://", "https://")):
        return f"open {without_secrets(uri)}"
    return f'mlflow ui --backend-store-uri "${TRACKING_VARIABLE}"'


def is_logged(folder: Path, files: tuple[str, ...], uri: str) -> bool:
    """Tell whether these files' contents were logged to this place before, and are there still.

    Of a sqlite file its runs are looked up. A server is not asked: that would take as long as to
    log again, which does no harm.
    """
    try:
        known = json.loads((folder / MARK).read_text(encoding="utf-8"))
        same = known == {**_mark(folder, files, uri), "runs": known["runs"]}
        path = sqlite_path(uri)
        return bool(same) and (path is None or _are_in(path, known["runs"]))
    except (OSError, ValueError, KeyError, TypeError, sqlite3.Error):
        return False


def mark_logged(folder: Path, files: tuple[str, ...], uri: str, runs: list[str]) -> None:
    """Remember that these files' contents were logged to this place, as these runs."""
    document = {**_mark(folder, files, uri), "runs": runs}
    write_whole(folder / MARK, json.dumps(document, indent=1) + "\n")


def _mark(folder: Path, files: tuple[str, ...], uri: str) -> dict[str, Any]:
    digest = hashlib.sha256()
    for name in files:
        digest.update(hashlib.sha256((folder / name).read_bytes()).digest())
    path = sqlite_path(uri)
    place = without_secrets(uri) if path is None else f"{SQLITE}{path}"
    return {"format": FORMAT, "digest": digest.hexdigest(), "tracking": place}


def _are_in(path: Path, runs: list[str]) -> bool:
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as store:
        found = store.execute(
            "SELECT count(*) FROM runs WHERE run_uuid IN (SELECT value FROM json_each(?))"
            " AND status = 'FINISHED' AND lifecycle_stage = 'active'",
            (json.dumps(runs),),
        ).fetchone()
    return bool(found[0] == len(set(runs)))


def import_mlflow() -> Any:
    """Return MLflow, its telemetry off.

    Raises
    ------
    LablineError
        ``LL-MLFLOW-EXTRA`` when it is not installed.
    """
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"  # before the import: it looks only then
    os.environ["DO_NOT_TRACK"] = "true"
    try:
        import mlflow
    except ModuleNotFoundError as error:
        raise not_installed() from error
    return mlflow


@contextmanager
def gently(uri: str) -> Iterator[Any]:
    """Give MLflow, kept from waiting for minutes and from talking into a command's output."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its own, about what it imports
        mlflow = import_mlflow()
        with _patient(), _quiet(), _tries(uri):
            yield mlflow


@contextmanager
def _patient() -> Iterator[None]:
    own = {name: text for name, text in PATIENCE.items() if name not in os.environ}
    own |= {"MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true"}  # stdout is the command's data
    before = {name: os.environ.get(name) for name in own}
    os.environ.update(own)
    try:
        yield
    finally:
        for name, text in before.items():
            if text is None:
                del os.environ[name]
            else:
                os.environ[name] = text


@contextmanager
def _quiet() -> Iterator[None]:
    levels = {name: logging.getLogger(name).level for name in _LOUD}
    for name in _LOUD:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)


@contextmanager
def _tries(uri: str) -> Iterator[None]:
    """Have MLflow try a database that cannot be opened for seconds: no setting says so."""
    if uri.startswith(("http://", "https://")):
        yield
        return
    try:
        from mlflow.store.db import utils as store

        before = store.MAX_RETRY_COUNT
    except (ImportError, AttributeError):  # without databases, or another way of trying
        yield
        return
    store.MAX_RETRY_COUNT = _STORE_TRIES_MAX
    try:
        yield
    finally:
        store.MAX_RETRY_COUNT = before
