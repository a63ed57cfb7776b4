import builtins
import os
from pathlib import Path
from typing import Any

import pytest

from engine.errors import LablineError
from lab_replay.mlflow_log import log_experiment, tracking_uri_of
from lab_replay.result import (
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
            Window(middle_ms=1_357_000_000_000 + n, events=3, metrics={"log_loss": loss + n})
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
    assert told.metrics["slice/to _ _from_/a-b/log_loss"] == 0.5
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
    where = Path(client.download_artifacts(runs[0], "report.html", str(tmp_path)))
    assert where.read_text() == "<p>hello"
    # another result is another run; what did not change has none
    again = log_experiment(result(0.3), COSTS, report, state_dir=tmp_path / ".labline")
    assert again[0] not in runs
    assert again[1] == runs[1]


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
