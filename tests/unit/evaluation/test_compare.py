import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from labline.engine.cli.compare import sentence
from labline.engine.cli.main import app
from labline.engine.errors import LablineError
from labline.lab_replay.evaluation.compare import aligned, compare, versus
from labline.lab_replay.evaluation.headline import verdict
from labline.lab_replay.evaluation.prediction_log import PredictionLog
from labline.lab_replay.evaluation.result import Counts, ExperimentResult


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


def numbers(label: np.ndarray, *errors: float) -> PredictionLog:
    scores = {name: label + error for name, error in zip("ab", errors, strict=True)}
    return PredictionLog(np.arange(len(label)), label, scores, kind="regression")


def test_the_bound_is_told_with_the_verdict() -> None:
    label = np.random.default_rng(13).random(5_000)
    log = numbers(label, 0.1, 0.5)
    log.scores["a"][600::50] += 1e4  # seldom, but then by far: on average a is much worse
    found = versus(log, "a", "b")
    assert found.bound == np.ptp(label[:500])
    assert sentence("a", found).startswith(
        f"a is better than b: its absolute error (counted up to {found.bound:.4g}) is 0.3"
    )
    assert versus(log, "a", "b", bound=2e4).verdict == "undecided"
    bounds = {
        loss: versus(made(), "good", "bad", loss=loss).bound for loss in ("brier", "log_loss")
    }
    assert bounds == {"brier": 1.0, "log_loss": pytest.approx(4.605, abs=1e-3)}


def test_labels_that_are_all_the_same_at_first_say_no_bound_until_they_are_not() -> None:
    label = np.concatenate([np.zeros(500), np.random.default_rng(13).random(3_500) * 1e6])
    found = versus(numbers(label, 1e4, 3e5), "a", "b")
    assert (found.events, found.verdict) == (3_200, "better")
    assert found.bound == np.ptp(label[:800])


@pytest.mark.parametrize("label", [np.full(900, 3.1), np.tile([-1.7e308, 1.7e308], 450)])
def test_where_nothing_says_a_bound_nothing_is_compared(label: np.ndarray) -> None:
    found = versus(numbers(label, 0.0, 1.0), "a", "b")
    assert (found.bound, found.events, found.verdict) == (None, 0, "undecided")
    assert verdict(found) == (
        "not compared with b: the labels do not say how large an error can count"
    )
    assert versus(numbers(label, 0.0, 1.0), "a", "b", bound=1).events == 900


@pytest.mark.parametrize("bound", [0.0, -1.0, float("inf"), float("nan"), 1e-320, 1e200])
def test_a_bound_that_is_none_is_refused(bound: float) -> None:
    with pytest.raises(LablineError, match="LL-COMPARE-BOUND"):
        versus(numbers(np.arange(100.0), 0.0, 1.0), "a", "b", bound=bound)


def test_the_widest_bounds_still_give_numbers() -> None:
    label = np.tile([0.0, 1e100], 5_000)
    found = versus(numbers(label, 0.0, 1e100), "a", "b")
    assert (found.verdict, found.bound) == ("better", 1e100)
    tiny = versus(numbers(np.tile([0.0, 1e-100], 5_000), 0.0, 1e-100), "a", "b")
    assert (tiny.verdict, tiny.bound) == ("better", 1e-100)


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
        finished(tmp_path, name, made())
    return tmp_path


def finished(workspace: Path, name: str, log: PredictionLog, warm_up: int = 0) -> None:
    folder = workspace / ".labline" / "experiments" / name
    log.save(folder / "predictions")
    result = ExperimentResult(
        name=name, line="x", question="", recording="", environment={}, candidates=(),
        counts=Counts(events=len(log), labelled=len(log)), warm_up=warm_up,
    )  # fmt: skip
    (folder / "result.json").write_text(result.to_json())


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


def test_the_warm_up_is_not_counted(workspace: Path) -> None:
    log = made()
    finished(workspace, "warm", log, warm_up=1_500)
    told, _ = run(workspace, "warm:good", "warm:bad", "--json")
    assert json.loads(told) == {
        "name": "good", **versus(log.rows(slice(1_500, None)), "good", "bad").model_dump()
    }  # fmt: skip
    for pair in (("warm:good", "first:bad"), ("first:good", "warm:bad")):
        told, _ = run(workspace, *pair, "--json")
        assert json.loads(told)["events"] == 4_500


def test_what_has_no_result_yet_is_not_compared(workspace: Path) -> None:
    (workspace / ".labline" / "experiments" / "first" / "result.json").unlink()
    _, error = run(workspace, "first:good", "first:bad")
    assert "LL-EXPERIMENT-UNKNOWN" in str(error)


def test_the_command_asks_for_a_bound_that_nothing_says(workspace: Path) -> None:
    finished(workspace, "same", numbers(np.full(900, 3.1), 0.0, 1.0))
    _, error = run(workspace, "same:a", "same:b")
    assert "LL-COMPARE-BOUND" in str(error)
    told, error = run(workspace, "same:a", "same:b", "--bound", "2", "--json")
    assert error is None
    assert json.loads(told)["bound"] == 2


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
