"""What `lab run` logs is what a real `mlflow ui` shows; it is logged once, and never in the way."""

import json
import os
import re
import shlex
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from labline.engine.demo.offline_recording import record_flights
from labline.engine.workspace.example import make_workspace
from labline.engine.workspace.workspace import Workspace
from labline.lab_replay.evaluation.result import ExperimentResult

pytest.importorskip("mlflow", reason="the extra mlflow is not installed")

START_S, RUN_S, ASK_S = 120, 300, 30
EXPERIMENT = """\
line: flights-delay
recording: recordings/days
recipes:
  linear: Select('dep_delay') | StandardScaler() | LogisticRegression()
  tree: Select('dep_delay', 'hour') | HoeffdingTreeClassifier()
metrics: [log_loss, roc_auc]
windows: 4
"""
ASK = urllib.request.build_opener(urllib.request.ProxyHandler({})).open


class Ran:
    """A command that ended: its exit code, what it put on stdout and what it said on stderr."""

    def __init__(self, root: Path, *words: str, **environment: str) -> None:
        own = {n: text for n, text in os.environ.items() if not n.startswith("MLFLOW_")}
        done = subprocess.run(
            [sys.executable, "-m", "labline.engine.cli.main", *words],
            cwd=root,
            env={**own, **environment, "PYTHONPATH": str(Path(__file__).parents[2])},
            capture_output=True,
            text=True,
            timeout=RUN_S,
            check=False,
        )
        self.code, self.out, self.said = done.returncode, done.stdout, done.stderr


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a workspace with a recording and an experiment that ran without MLflow."""
    folder = tmp_path_factory.mktemp("mlflow") / "flights"
    make_workspace(folder, "flights")
    record_flights(
        Workspace(folder), folder / "recordings" / "days", date(2013, 1, 1), date(2013, 1, 2)
    )
    for name in ("days", "again"):
        (folder / "experiments" / f"{name}.yaml").write_text(EXPERIMENT)
    without_key = Ran(folder, "lab", "run", "days", "--no-mlflow")
    assert without_key.code == 0, without_key.said  # who cannot sign has the figures all the same
    assert "nothing registered: no signing key" in without_key.said
    assert Ran(folder, "models", "keygen").code == 0
    ran = Ran(folder, "lab", "run", "days", "--no-mlflow")
    assert ran.code == 0, ran.said
    assert ran.out == without_key.out
    assert "linear: registered as flights-delay-linear@1" in ran.said
    assert "MLflow" not in ran.said
    assert not list(folder.glob("**/mlflow*"))
    return folder


@pytest.fixture(scope="module")
def logged(root: Path) -> Ran:
    """Give the experiment's command that logged because MLflow is installed."""
    ran = Ran(root, "lab", "run", "days")
    assert ran.code == 0, ran.said
    return ran


@pytest.fixture(scope="module")
def ui(root: Path, logged: Ran) -> Iterator[str]:
    """Give the address of a real `mlflow ui`, started as the command said."""
    command = re.search(r"mlflow (ui .*)", logged.said)
    assert command, logged.said
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [*shlex.split(command[1]), "--host", "127.0.0.1", "--port", str(port)]
    with (root / "ui.log").open("w") as told:
        process = subprocess.Popen(
            [sys.executable, "-m", "mlflow", *words, "--workers", "1"],
            cwd=root,
            env={**os.environ, "DO_NOT_TRACK": "true", "MLFLOW_DISABLE_TELEMETRY": "true"},
            stdout=told,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        address = f"http://127.0.0.1:{port}"
        wait_until_healthy(address, process, root / "ui.log")
        yield address
    finally:
        os.killpg(process.pid, signal.SIGTERM)  # the group of its own that it leads
        try:
            process.wait(ASK_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def wait_until_healthy(address: str, process: subprocess.Popen[bytes], told: Path) -> None:
    deadline_s = time.monotonic() + START_S
    while time.monotonic() < deadline_s:
        try:
            with ASK(f"{address}/health", timeout=ASK_S) as answer:
                assert answer.read() == b"OK"
                return
        except (urllib.error.URLError, ConnectionError):
            pass
        try:
            process.wait(0.2)
        except subprocess.TimeoutExpired:
            continue
        break
    raise AssertionError(f"mlflow ui does not answer:\n{told.read_text()}")


def asked(address: str, what: str, document: dict[str, Any] | None = None, **query: str) -> Any:
    url = f"{address}/api/2.0/mlflow/{what}"
    if query:
        url += "?" + "&".join(f"{key}={value}" for key, value in query.items())
    body = None if document is None else json.dumps(document).encode()
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})  # noqa: S310
    with ASK(request, timeout=ASK_S) as answer:
        return json.load(answer)


def runs_of(address: str, experiment: str) -> dict[str, Any]:
    found = asked(address, "experiments/search", {"max_results": 100})["experiments"]
    (one,) = (each for each in found if each["name"] == experiment)
    told = {"experiment_ids": [one["experiment_id"]], "max_results": 100}
    runs = asked(address, "runs/search", told)["runs"]
    assert len({run["info"]["run_name"] for run in runs}) == len(runs)
    return {run["info"]["run_name"]: run for run in runs}


def pairs(told: list[dict[str, Any]]) -> dict[str, Any]:
    return {each["key"]: each["value"] for each in told}


def page_of(address: str, run_id: str) -> bytes:
    url = f"{address}/get-artifact?path=report.html&run_uuid={run_id}"
    with ASK(url, timeout=ASK_S) as answer:
        page: bytes = answer.read()
        return page


def runs_in(store: Path) -> int:
    with closing(sqlite3.connect(store)) as opened:
        return int(opened.execute("SELECT count(*) FROM runs").fetchone()[0])


def test_a_real_ui_shows_each_candidate_and_baseline(root: Path, ui: str) -> None:
    out = root / ".labline" / "experiments" / "days"
    result = ExperimentResult.from_json((out / "result.json").read_text())
    runs = runs_of(ui, "flights-delay/days")
    assert set(runs) == {"linear", "tree", "base-rate", "dep-delay", "no-change"}
    for one in result.candidates:
        run = runs[one.name]
        run_id = run["info"]["run_id"]
        assert run["info"]["status"] == "FINISHED"
        parameters = pairs(run["data"]["params"])
        assert parameters["recipe"] == one.recipe
        assert parameters["recording"] == result.recording
        assert pairs(run["data"]["tags"])["labline.kind"] == one.kind
        last = pairs(run["data"]["metrics"])
        final = {metric: value for metric, value in one.metrics.items() if value is not None}
        assert final
        assert {metric: last[metric] for metric in final} == final
        assert last["events"] == one.events
        assert len(one.windows) > 1
        for under, times, told in (
            ("window", [w.middle_ms for w in one.windows], [w.metrics for w in one.windows]),
            ("so_far", [w.end_ms for w in one.windows], [w.so_far for w in one.windows]),
        ):
            steps = asked(ui, "metrics/get-history", run_id=run_id, metric_key=f"{under}/log_loss")[
                "metrics"
            ]
            assert [(m.get("step", 0), m["timestamp"], m["value"]) for m in steps] == [
                (n, time_ms, metrics["log_loss"])
                for n, (time_ms, metrics) in enumerate(zip(times, told, strict=True))
            ]
        files = asked(ui, "artifacts/list", run_id=run_id)["files"]
        assert {file["path"] for file in files} == {"candidate.json", "report.html"}
        assert page_of(ui, run_id) == (out / "report.html").read_bytes()


def test_it_says_what_it_logged_and_no_more(root: Path, logged: Ran) -> None:
    lines = logged.said.splitlines()
    assert [line for line in lines if "MLflow" in line] == [lines[-2], lines[-1]]
    assert re.fullmatch(r"logging to MLflow: 5 in [\d.]+ s", lines[-2])
    store = root / ".labline" / "mlflow.db"
    assert lines[-1] == (
        "MLflow: 5 runs of flights-delay/days: "
        f"mlflow ui --backend-store-uri {shlex.quote(f'sqlite:///{store}')}"
    )
    for chatter in ("alembic", "INFO", "Warning", "View run"):
        assert chatter not in logged.said + logged.out


def test_the_same_again_makes_no_run(root: Path, ui: str) -> None:
    store = root / ".labline" / "mlflow.db"
    before = runs_in(store)
    for words in ([], ["--mlflow"]):
        again = Ran(root, "lab", "run", "days", *words)
        assert again.code == 0
        assert "MLflow: 5 runs" in again.said
        assert runs_in(store) == before
    # a run that somebody deleted is missed
    gone = runs_of(ui, "flights-delay/days")["tree"]["info"]["run_id"]
    asked(ui, "runs/delete", {"run_id": gone})
    assert "logging to MLflow" in Ran(root, "lab", "run", "days").said
    assert runs_in(store) == before + 1
    assert runs_of(ui, "flights-delay/days")["tree"]["info"]["run_id"] != gone


def test_a_server_gets_them_and_stdout_stays_data(root: Path, ui: str) -> None:
    ran = Ran(root, "lab", "run", "again", "--json", MLFLOW_TRACKING_URI=ui)
    assert ran.code == 0, ran.said
    result = root / ".labline" / "experiments" / "again" / "result.json"
    assert json.loads(ran.out) == json.loads(result.read_text())
    assert f"MLflow: 5 runs of flights-delay/again: open {ui}" in ran.said
    run = runs_of(ui, "flights-delay/again")["linear"]
    assert page_of(ui, run["info"]["run_id"]) == result.with_name("report.html").read_bytes()


def test_a_server_that_is_down_costs_an_exit_code_and_no_result(root: Path, logged: Ran) -> None:
    assert logged.code == 0
    with socket.socket() as nobody:  # bound and not listening: it refuses
        nobody.bind(("127.0.0.1", 0))
        place = f"127.0.0.1:{nobody.getsockname()[1]}"
        address = f"http://me:secret@{place}"
        ran = Ran(root, "lab", "run", "days", "--json", MLFLOW_TRACKING_URI=address)
    assert ran.code == 1
    result = root / ".labline" / "experiments" / "days" / "result.json"
    assert json.loads(ran.out) == json.loads(result.read_text())
    assert f"LL-MLFLOW: MLflow at http://{place} does not answer" in ran.said
    for unwanted in ("secret", "Traceback", "WARNING"):
        assert unwanted not in ran.said
    assert len(ran.said.split("LL-MLFLOW")[1].strip().splitlines()) == 2


def test_a_silent_server_is_not_waited_for_long(root: Path, logged: Ran) -> None:
    assert logged.code == 0
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections, says nothing
        ran = Ran(
            root,
            "lab",
            "run",
            "days",
            MLFLOW_TRACKING_URI=f"http://127.0.0.1:{silent.getsockname()[1]}",
            MLFLOW_HTTP_REQUEST_TIMEOUT="1",  # as the user says; the retries are ours
        )
    assert ran.code == 1
    assert "does not answer" in ran.said


def test_a_store_that_is_gone_is_made_again(root: Path, ui: str) -> None:
    assert ui  # what its server shows comes before: this pulls the store from under it
    store = root / ".labline" / "mlflow.db"
    store.unlink()
    ran = Ran(root, "lab", "run", "days")
    assert ran.code == 0, ran.said
    assert "logging to MLflow" in ran.said
    assert runs_in(store) == 5
