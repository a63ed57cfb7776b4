import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labline.engine.core.line import Costs
from labline.engine.errors import LablineError
from labline.lab_replay.evaluation.answers import LabelledAnswers
from labline.lab_replay.evaluation.calibration import calibration
from labline.lab_replay.evaluation.curves import curves, money, parts, span, stretches
from labline.lab_replay.evaluation.figures import cumulative_figures, evaluate, figures, metrics_for
from labline.lab_replay.evaluation.prediction_log import PredictionLog, Slices


@given(st.lists(st.integers(0, 1_000), max_size=80), st.integers(1, 20), st.integers(1, 30))
def test_stretches_cover_all_with_enough_each(times: list[int], count: int, least: int) -> None:
    found = stretches(np.array(sorted(times), np.int64), count, least)
    covered = [n for part in found for n in range(part.start, part.stop)]
    assert covered == list(range(len(times)))
    assert len(found) <= count
    if len(times) >= least:
        assert all(part.stop - part.start >= least for part in found)


@pytest.mark.parametrize("stray", [[1_700_000_000], [-(2**62)], [2**62], [0, 1, 2**60]])
def test_stray_times_leave_the_windows_as_they_are(stray: list[int]) -> None:
    """An event in seconds instead of milliseconds, one of a clock that was never set."""
    rng = np.random.default_rng(14)
    times = np.sort(1_700_000_000_000 + rng.integers(0, 30 * 86_400_000, 20_000))
    both = np.sort(np.append(times, stray))
    hour_ms = 3_600_000  # one event in a thousand takes less
    assert span(times) == (times[0], times[-1])
    assert span(both) == pytest.approx(span(times), rel=0, abs=hour_ms)
    assert len(stretches(both)) == len(stretches(times)) == 60
    label = rng.integers(0, 2, len(both))
    log = PredictionLog(both, label, {"x": np.full(len(both), 0.5)})
    windows = curves(log, ["brier"])["x"]
    assert sum(window.events for window in windows) == len(both)
    middles = [window.middle_ms for window in windows]
    assert np.diff(middles) == pytest.approx(12 * hour_ms, rel=0.1)
    assert windows[-1].end_ms == span(both)[1]


def test_few_times_and_a_slow_beginning_are_no_strays() -> None:
    for times in ([5], [5, 900], [1, 2, 3], [10, 20, 30, 40], [0, 1, 2, 3, 40, 41, 80]):
        assert span(np.array(times)) == (times[0], times[-1])
    slow = np.append(np.arange(0, 1_000, 100), np.arange(1_000, 4_000))
    assert span(slow) == (0, 3_999)


def made(rows: int = 1_000) -> PredictionLog:
    rng = np.random.default_rng(5)
    label = (rng.random(rows) < 0.3).astype(float)
    label[::10] = np.nan
    late = rng.random(rows)
    late[:100] = np.nan
    codes = rng.integers(-1, 5, rows).astype(np.int32)
    return PredictionLog(
        np.arange(rows),
        label,
        {"all": rng.random(rows), "late": late},
        slices={"carrier": Slices(codes, ("a", "b", "c", "d", "e"))},
    )


def test_windows_share_their_times_and_leave_out_what_has_no_answer() -> None:
    log = made()
    found = curves(log, count=10, events_min=50)
    assert [w.middle_ms for w in found["all"]] == [w.middle_ms for w in found["late"]]
    assert [w.events for w in found["late"]] == [0] + [90] * 9
    assert set(found["late"][0].metrics.values()) == {None}
    part = log.between(100, 200)
    assert found["all"][1].metrics == evaluate(part)["all"].metrics


def test_so_far_is_the_metric_over_all_events_up_to_the_windows_end() -> None:
    log = made()
    for name, found in curves(log, count=10, events_min=50).items():
        for window in found:
            upto = evaluate(log.between(0, window.end_ms + 1))[name]
            if window.events:
                assert window.so_far == pytest.approx(upto.metrics, rel=1e-12)
            else:
                assert set(window.so_far.values()) == {None}
        assert found[-1].so_far == pytest.approx(evaluate(log)[name].metrics, rel=1e-12)
        assert found[-1].so_far["roc_auc"] == evaluate(log)[name].metrics["roc_auc"]  # exact


def test_so_far_ends_where_a_candidate_was_given_up() -> None:
    log = made()
    log.scores["all"][700:] = np.nan
    found = curves(log, ["brier"], count=10, events_min=50)["all"]
    assert [window.so_far["brier"] is None for window in found] == [False] * 7 + [True] * 3


@given(
    st.sampled_from(["binary", "multiclass", "regression", "anomaly"]),
    st.integers(0, 2**32 - 1),
    st.lists(st.integers(0, 60), min_size=1, max_size=6),
)
def test_so_far_equals_each_metric_of_the_events_before(
    kind: str, seed: int, lengths: list[int]
) -> None:
    rng = np.random.default_rng(seed)
    rows = sum(lengths)
    label = rng.integers(0, 3 if kind == "multiclass" else 2, rows).astype(float)
    score = rng.integers(0, 8, rows) / 7  # many ties
    if kind == "multiclass":
        score = rng.dirichlet((1, 1, 1), rows)
    if kind == "regression":
        label = 1e6 + rng.normal(size=rows).round(3)
        score = label + rng.normal(size=rows)
    wanted = metrics_for(kind)
    ends = np.cumsum(lengths).tolist()
    answers = LabelledAnswers(score, label)
    for end, found in zip(ends, cumulative_figures(answers, ends, wanted), strict=True):
        expected = figures(score[:end], label[:end], wanted, 0.5).metrics
        assert {m for m in found if found[m] is None} == {m for m in wanted if expected[m] is None}
        known = {metric: value for metric, value in expected.items() if value is not None}
        assert {metric: found[metric] for metric in known} == pytest.approx(known, rel=1e-9)


def test_no_labels_give_no_windows() -> None:
    log = PredictionLog([1, 2], [np.nan, np.nan], {"x": [0.1, 0.2]})
    assert curves(log) == {"x": ()}
    assert calibration(log, "x") == ()


def test_parts_are_the_commonest_values_and_the_others_joined() -> None:
    log = made()
    found = parts(log, ["accuracy"], values_max=2)["all"]["carrier"]
    sizes = [part.events for part in found]
    assert len(found) == 3
    assert found[-1].value == "other"
    assert sizes[0] >= sizes[1]
    there = (log.slices["carrier"].codes >= 0) & ~np.isnan(log.label)
    assert sum(sizes) == there.sum()
    chosen = log.slices["carrier"].codes == "abcde".index(found[0].value)
    alone = evaluate(log.rows(np.flatnonzero(chosen)), ["accuracy"])["all"]
    assert (found[0].events, found[0].metrics) == (alone.events, alone.metrics)


def test_money_of_the_rule_in_use_today() -> None:
    log = PredictionLog(
        [1, 2, 3, 4], [1, 0, 1, 0], {"x": [0.9, 0.9, 0.1, np.nan], "old": [0.9, 0.1, np.nan, 0.9]}
    )
    costs = Costs(false_positive=1, false_negative=5, unit="EUR")
    for incumbent, total in (("never", 10), ("always", 1), ("old", 5)):
        found = money(log, "x", costs, incumbent=incumbent)
        assert found is not None
        assert (found.total, found.incumbent, found.unit) == (6, total, "EUR")
    with pytest.raises(LablineError, match="LL-INCUMBENT-UNKNOWN"):
        money(log, "x", costs, incumbent="oldd")
