import builtins
import logging
import os
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from labline.engine.cli.main import app
from labline.engine.errors import LablineError
from labline.lab_replay.evaluation.result import (
    Candidate,
    Cost,
    Costs,
    Counts,
    ExperimentResult,
    Money,
    Part,
    Versus,
    Window,
)
from labline.lab_replay.experiments import mlflow_sink
from labline.lab_replay.experiments.mlflow_sink import log_experiment, tracking_uri_of

pytestmark = pytest.mark.filterwarnings("ignore")  # MLflow's own, of libraries that it uses


def candidate(name: str, kind: str, loss: float) -> Candidate:
    versus = Versus(
        other="rate", loss="brier", events=9, difference=-0.1, low=-0.2, high=-0.05, alpha=0.05,
        verdict="better", decided_at=5, decided_ms=1_358_000_000_000,
    )  # fmt: skip
    return Candidate(
        name=name,
        recipe="BaseRate()" * 700,
        kind=kind,
        metrics={"log_loss": loss, "roc_auc": None},
        events=9,
        windows=tuple(
            Window(
                middle_ms=1_357_000_000_000 + n,
                end_ms=1_357_000_000_500 + n,
                events=3,
                metrics={"log_loss": loss + n},
                so_far={"log_loss": loss + n / 2},
            )
            for n in range(3)
        ),
        slices={"to & <from>": (Part(value="a/b", events=2, metrics={"log_loss": 0.5}),)},
        versus=(versus,) if kind == "candidate" else (),
        money=Money(total=3, incumbent=4, unit="EUR"),
    )


def result(loss: float = 0.25) -> ExperimentResult:
    return ExperimentResult(
        name="year",
        line="delays",
        question="Late?",
        recording="ab" * 32,
        environment={"river": "0.26.1"},
        metrics=("log_loss", "roc_auc"),
        candidates=(candidate("linear", "candidate", loss), candidate("rate", "baseline", 0.5)),
        counts=Counts(events=10, labelled=9),
    )


COSTS = Costs(candidates={"linear": Cost(us_per_event=20.5)})


def test_each_candidate_is_a_run_and_the_same_again_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("mlflow", reason="the extra mlflow is not installed")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    report = tmp_path / "report.html"
    report.write_text("<p>hello")
    runs = log_experiment(result(), COSTS, report, state_dir=tmp_path / ".labline")
    assert os.environ["DO_NOT_TRACK"] == os.environ["MLFLOW_DISABLE_TELEMETRY"] == "true"
    assert log_experiment(result(), COSTS, report, state_dir=tmp_path / ".labline") == runs

    import mlflow

    client = mlflow.MlflowClient(tracking_uri_of(tmp_path / ".labline"))
    experiment = client.get_experiment_by_name("delays/year")
    assert len(client.search_runs([experiment.experiment_id])) == 2
    run = client.get_run(runs[0])
    assert run.info.run_name == "linear"
    assert run.info.status == "FINISHED"
    told = run.data
    assert told.metrics["log_loss"] == 0.25
    assert "roc_auc" not in told.metrics
    assert told.metrics["us_per_event"] == 20.5
    assert told.metrics["incumbent_cost"] == 4
    assert told.metrics["slice/to _ _from_-01977c/a-b-c14cdd/log_loss"] == 0.5
    assert told.params["recording"] == "ab" * 32
    assert told.params["recipe"].startswith("BaseRate()BaseRate()")
    assert len(told.params["recipe"]) == 6_000
    assert told.tags["labline.versus.rate"].startswith("better than rate, certain after 5 labels")
    steps = client.get_metric_history(runs[0], "window/log_loss")
    assert [(m.step, m.timestamp, m.value) for m in steps] == [
        (n, 1_357_000_000_000 + n, 0.25 + n) for n in range(3)
    ]
    names = [file.path for file in client.list_artifacts(runs[0])]
    assert names == ["candidate.json", "report.html"]
    (tmp_path / "newer").mkdir()
    where = Path(client.download_artifacts(runs[0], "report.html", str(tmp_path)))
    assert where.read_text() == "<p>hello"
    ends = client.get_metric_history(runs[0], "so_far/log_loss")
    assert [(m.step, m.timestamp, m.value) for m in ends] == [
        (n, 1_357_000_000_500 + n, 0.25 + n / 2) for n in range(3)
    ]
    # a newer page takes the place of the one that was there
    report.write_text("<p>newer")
    assert log_experiment(result(), COSTS, report, state_dir=tmp_path / ".labline") == runs
    where = Path(client.download_artifacts(runs[1], "report.html", str(tmp_path / "newer")))
    assert where.read_text() == "<p>newer"
    # another result is another run; what did not change has none
    again = log_experiment(result(0.3), COSTS, report, state_dir=tmp_path / ".labline")
    assert again[0] not in runs
    assert again[1] == runs[1]


def test_slices_have_names_of_their_own_and_times_may_be_before_1970(tmp_path: Path) -> None:
    pytest.importorskip("mlflow", reason="the extra mlflow is not installed")
    values = ["A-B", "A/B", "<", ">", "x" * 90 + "1", "x" * 90 + "2", "x" * 80, "é", "–", ""]
    parts = tuple(
        Part(value=value, events=1, metrics={"log_loss": float(n)})
        for n, value in enumerate(values)
    )
    figures = {"log_loss": 0.5}
    window = Window(middle_ms=-5_000, end_ms=-1, events=3, metrics=figures, so_far=figures)
    one = candidate("linear", "candidate", 0.25).model_copy(
        update={"slices": {"where": parts}, "windows": (window,)}
    )
    uri = f"sqlite:///{tmp_path / 'm.db'}"
    (run,) = log_experiment(result().model_copy(update={"candidates": (one,)}), tracking_uri=uri)
    import mlflow

    client = mlflow.MlflowClient(uri)
    told = client.get_run(run).data.metrics
    found = {name: value for name, value in told.items() if name.startswith("slice/")}
    assert sorted(found.values()) == [float(n) for n in range(len(values))]
    assert found["slice/where/A-B/log_loss"] == 0.0  # what can be a name is one
    assert [m.timestamp for m in client.get_metric_history(run, "window/log_loss")] == [0]


def test_a_run_that_was_cut_off_is_logged_again(tmp_path: Path) -> None:
    pytest.importorskip("mlflow", reason="the extra mlflow is not installed")
    uri = f"sqlite:///{tmp_path / 'm.db'}"
    import mlflow

    first = log_experiment(result(), tracking_uri=uri)
    client = mlflow.MlflowClient(uri)
    client.update_run(first[0], status="RUNNING")
    second = log_experiment(result(), tracking_uri=uri)
    assert second[0] != first[0]
    assert second[1] == first[1]


def test_without_the_extra_it_says_which(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name == "mlflow":
            raise ModuleNotFoundError(name="mlflow")
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(LablineError, match=r"LL-MLFLOW-EXTRA.*extra 'mlflow'"):
        log_experiment(result())


def test_insisting_without_the_extra_is_refused_before_any_work(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(mlflow_sink, "find_spec", lambda _: None)
    words = ["run", "nothing", "--workspace", str(tmp_path)]
    refused = CliRunner().invoke(app, ["lab", *words, "--mlflow"])
    assert isinstance(refused.exception, LablineError)
    assert refused.exception.code == "LL-MLFLOW-EXTRA"
    for others in ([], ["--no-mlflow"]):  # these look for the workspace, which is not there
        other = CliRunner().invoke(app, ["lab", *words, *others])
        assert isinstance(other.exception, LablineError)
        assert not other.exception.code.startswith("LL-MLFLOW")


def test_mlflow_is_kept_short_and_quiet_and_left_as_it_was(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("mlflow", reason="the extra mlflow is not installed")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "99")  # the user's word counts
    monkeypatch.delenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", raising=False)
    before = dict(os.environ)
    level = logging.getLogger("mlflow").level
    with mlflow_sink._quiet_mlflow():
        assert os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] == "99"
        assert int(os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"]) <= 1
        assert not logging.getLogger("mlflow.store.db").isEnabledFor(logging.WARNING)
    assert dict(os.environ) == before | {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}
    assert logging.getLogger("mlflow").level == level


def test_a_store_that_cannot_be_opened_is_one_line_without_secrets(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("mlflow", reason="the extra mlflow is not installed")
    (tmp_path / "m.db").mkdir()
    (tmp_path / "n.db").write_text("no database at all, but long enough to be looked at" * 20)
    for uri in (
        f"sqlite:///{tmp_path / 'm.db'}",
        f"sqlite:///{tmp_path / 'n.db'}",
        "nonsense://me:secret@here/x?password=secret",
    ):
        with pytest.raises(LablineError, match="LL-MLFLOW: MLflow at ") as refused:
            log_experiment(result(), tracking_uri=uri)
        assert "\n" not in refused.value.message
        assert "secret" not in str(refused.value)
    assert capfd.readouterr() == ("", "")
