import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from engine.cli.main import app
from engine.errors import LablineError
from lab_replay.evaluation.compare import aligned, compare, versus
from lab_replay.evaluation.prediction_log import PredictionLog


def made(rows: int = 6_000, kind: str = "binary") -> PredictionLog:
    rng = np.random.default_rng(6)
    truth = rng.beta(1, 3, rows)
    label = (rng.random(rows) < truth).astype(float)
    noisy = [np.clip(truth + s * rng.standard_normal(rows), 0, 1) for s in (0.05, 0.05, 0.3)]
    scores = dict(zip(("good", "same", "bad"), noisy, strict=True))
    order = rng.permutation(rows)  # labels come in quite another order
    return PredictionLog(
        np.arange(rows), label, scores, kind=kind, label_order=order, label_time_ms=order + 10**9
    )


@pytest.mark.parametrize("loss", ["brier", "log_loss"])
def test_the_better_is_found_both_ways(loss: str) -> None:
    log = made()
    one, two = versus(log, "good", "bad", loss=loss), versus(log, "bad", "good", loss=loss)
    assert (one.verdict, two.verdict) == ("better", "worse")
    assert one.low < one.difference < one.high < 0
    assert one.difference == -two.difference
    assert one.decided_at == two.decided_at
    assert one.decided_ms == 10**9 + (one.decided_at or 0) - 1
    assert versus(log, "good", "same", loss=loss).verdict == "undecided"


def test_only_what_both_answered_counts() -> None:
    log = made()
    log.scores["good"][:2_000] = np.nan
    log.scores["bad"][5_000:] = np.nan
    assert versus(log, "good", "bad").events == 3_000


def test_it_is_certain_since_it_was_so_without_a_break() -> None:
    log = made()
    found = compare(log, "good", "bad")
    since = int(np.searchsorted(found.steps.events, found.versus.decided_at or 0))
    assert (found.steps.high[since:] < 0).all()
    assert found.steps.high[since - 1] >= 0


def test_numbers_are_compared_within_a_bound_that_the_first_labels_say() -> None:
    rng = np.random.default_rng(8)
    label = rng.normal(20, 5, 8_000)
    near, far = (label + s * rng.standard_normal(8_000) for s in (1, 4))
    log = PredictionLog(np.arange(8_000), label, {"near": near, "far": far}, kind="regression")
    assert versus(log, "near", "far").events == 8_000 - 800
    assert versus(log, "near", "far").verdict == "better"
    assert versus(log, "near", "far", bound=10).events == 8_000


def test_nothing_to_compare() -> None:
    log = PredictionLog([1], [np.nan], {"a": [0.1], "b": [0.2]})
    found = versus(log, "a", "b")
    assert (found.events, found.verdict, found.low, found.high) == (0, "undecided", -1.0, 1.0)
    with pytest.raises(LablineError, match="LL-COMPARE-NAME"):
        versus(log, "a", "c")
    with pytest.raises(LablineError, match="LL-COMPARE-LOSS"):
        versus(log, "a", "b", loss="absolute")
    with pytest.raises(LablineError, match="LL-COMPARE-LOSS"):
        versus(PredictionLog([1], [1], {"a": [0.1]}, kind="anomaly"), "a", "a")


def test_other_events_are_not_aligned() -> None:
    log = made(100)
    both, one, two = aligned(log, "good", log.rows(slice(20, 80)), "good")
    assert (len(both), one, two) == (60, "good", "good (2)")
    assert np.array_equal(both.scores[one], both.scores[two])
    shifted = PredictionLog(log.event_time_ms + 1, log.label, log.scores)
    with pytest.raises(LablineError, match="LL-COMPARE-EVENTS"):
        aligned(log, "good", shifted, "bad")


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    (tmp_path / "labline.toml").write_text('name = "lab"\n')
    for name in ("first", "second"):
        made().save(tmp_path / ".labline" / "experiments" / name / "predictions")
    return tmp_path


def run(workspace: Path, *words: str) -> tuple[str, BaseException | None]:
    done = CliRunner().invoke(app, ["lab", "compare", *words, "--workspace", str(workspace)])
    return done.stdout, done.exception


def test_the_command(workspace: Path) -> None:
    told, error = run(workspace, "good", "bad", "--experiment", "first", "--plot")
    assert error is None
    assert told.startswith("good is better than bad: its Brier score is ")
    assert "certain at 95 % since label" in told
    assert "─" in told
    told, _ = run(workspace, "first:good", "second:bad", "--json", "--alpha", "0.01")
    found = json.loads(told)
    assert (found["verdict"], found["alpha"]) == ("better", 0.01)
    told, _ = run(workspace, "first:good", "first:same")
    assert told.startswith("Undecided: after 6,000 labels")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["good", "bad"], "LL-EXPERIMENT-WHICH"),
        (["frist:good", "first:bad"], "did you mean first"),
        (["first:good", "first:bda"], "did you mean bad"),
        (["first:good", "first:bad", "--loss", "brierr"], "LL-COMPARE-LOSS"),
    ],
)
def test_what_is_not_there_is_said(workspace: Path, words: list[str], code: str) -> None:
    _, error = run(workspace, *words)
    assert isinstance(error, LablineError)
    assert code in str(error)
