"""A metric is one file: nothing else names it, and the documents say what the files say."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from labline.engine.errors import LablineError
from labline.lab_replay.evaluation import metrics
from labline.lab_replay.evaluation.curves import curves, parts
from labline.lab_replay.evaluation.metrics import DEFAULT_METRICS, METRICS
from labline.lab_replay.evaluation.prediction_log import PredictionLog
from labline.lab_replay.evaluation.result import Candidate, Counts, ExperimentResult
from labline.lab_replay.evaluation.table import result_table
from labline.lab_replay.experiments.experiment import Experiment

ROOT = Path(__file__).parents[3]
BIAS = '''\
"""How far answers are off on average, with their sign."""

from labline.lab_replay.evaluation.metric import Metric, mean


class Bias(Metric):
    def value(self, answers):
        return mean(answers.score - answers.label)


METRIC = Bias(title="bias", kinds=("regression",), lower_is_better=True)
'''


@pytest.fixture
def bias(tmp_path: Path) -> Iterator[str]:
    """Give a metric that is one more file in the package's folder."""
    (tmp_path / "bias.py").write_text(BIAS)
    metrics.__path__.append(str(tmp_path))
    yield "bias"
    metrics.__path__.remove(str(tmp_path))
    sys.modules.pop("labline.lab_replay.evaluation.metrics.bias", None)


def test_a_file_is_all_that_a_metric_needs(bias: str) -> None:
    log = PredictionLog(
        np.arange(400), np.zeros(400), {"x": np.linspace(0, 1, 400)}, kind="regression"
    )
    windows = curves(log, [bias], count=2, events_min=10)["x"]
    assert [window.metrics[bias] for window in windows] == pytest.approx([0.25, 0.75], abs=0.01)
    assert [window.so_far[bias] for window in windows] == pytest.approx([0.25, 0.5], abs=0.01)
    assert parts(log, [bias]) == {"x": {}}
    assert Experiment.of("line", {"x": "BaseRate()"}, metrics=[bias]).metrics == [bias]
    result = ExperimentResult(
        name="x", line="x", question="", recording="", environment={}, kind="regression",
        metrics=(bias,), counts=Counts(events=1, labelled=1),
        candidates=(Candidate(name="x", recipe="", kind="candidate", metrics={bias: 0.5}),),
    )  # fmt: skip
    assert [column.header for column in result_table(result).columns] == ["model", bias]


def test_what_is_no_metric_is_met_with_the_nearest_name() -> None:
    assert "log_los" not in METRICS
    with pytest.raises(Exception, match=r"unknown metric log_los, did you mean log_loss\?"):
        Experiment.of("line", {"x": "BaseRate()"}, metrics=["log_los"])


def test_names_are_listed_without_any_library() -> None:
    code = (
        "import sys\n"
        "from labline.lab_replay.evaluation.metrics import METRICS\n"
        "import labline.engine.cli.main\n"
        "assert 'log_loss' in METRICS and len(METRICS) > 5\n"
        "loaded = [name for name in sys.modules if '.metrics.' in name or name == 'river']\n"
        "assert not loaded, loaded\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_defaults_are_metrics_of_their_kinds() -> None:
    for kind, names in DEFAULT_METRICS.items():
        assert all(kind in METRICS[name].kinds for name in names)
    kinds = {kind for metric in METRICS.values() for kind in metric.kinds}
    assert kinds == DEFAULT_METRICS.keys()


def test_the_documents_have_every_metric() -> None:
    rows = [
        f"| `{name}` | {metric.title} | {', '.join(metric.kinds)}"
        f" | {'lower' if metric.lower_is_better else 'higher'} |"
        for name, metric in METRICS.items()
    ]
    text = (ROOT / "docs" / "statistics.md").read_text()
    table = text.split("| metric | title | kinds of lines | better |\n|---|---|---|---|\n")[1]
    assert table.split("\n\n")[0].splitlines() == rows


def test_the_documents_have_what_a_what_if_shows() -> None:
    text = (ROOT / "docs" / "lab.md").read_text()
    for kind, names in DEFAULT_METRICS.items():
        titles = ", ".join(METRICS[name].title for name in names)
        cost = ", cost" if kind == "binary" else ""
        (row,) = (row for row in text.splitlines() if row.startswith(f"| `{kind}` |"))
        assert row.endswith(f"| {titles}{cost} |")


def test_a_result_of_metrics_that_this_version_lacks_is_refused() -> None:
    text = ExperimentResult(
        name="x", line="x", question="", recording="", environment={}, metrics=("brier",),
        candidates=(), counts=Counts(events=1, labelled=1),
    ).to_json()  # fmt: skip
    with pytest.raises(LablineError, match="LL-RESULT-INVALID"):
        ExperimentResult.from_json(text.replace("brier", "brier2"))
