from typing import Any

import numpy as np
import pytest

from labline.engine.drift.declaration import declared_detector
from labline.engine.drift.detectors.population_stability import PopulationStability
from labline.lab_replay.evaluation.drift import DRIFTS_MAX, InputDrift, error_drift
from labline.lab_replay.evaluation.prediction_log import PredictionLog


def watch(columns: dict[str, list[Any]], window_events: int = 500) -> list[tuple[str, int]]:
    detector = PopulationStability(window_events=window_events)
    watched = InputDrift(dict.fromkeys(columns, detector))
    for time, row in enumerate(zip(*columns.values(), strict=True)):
        values = {n: v for n, v in zip(columns, row, strict=True) if v is not None}
        watched.add(values, time)
    return [(drift.what, drift.event_time_ms) for drift in watched.marks]


def test_each_kind_of_change_is_found_once_and_where_it_was() -> None:
    rng = np.random.default_rng(9)
    first, second = rng.normal(0, 1, (2, 2_000))
    columns = {
        "still": rng.normal(0, 1, 4_000).tolist(),
        "moved": [*first, *(second + 2)],
        "wider": [*first, *(5 * second)],
        "gone": [*first.tolist(), *[None] * 2_000],
        "text": [*(["a", "b"] * 1_000), *(["a", "c"] * 1_000)],
        "flag": [*([True] + [False] * 9) * 200, *([True, False] * 1_000)],
        "constant": [*[1.0] * 2_000, *[0.0] * 2_000],
        "turned": [*first.tolist(), *["x"] * 2_000],
    }
    assert watch(columns) == [(name, 2_000) for name in columns if name != "still"]


def test_what_goes_round_within_a_window_is_no_change() -> None:
    assert watch({"hour": [n % 24 for n in range(10_000)]}) == []


def test_memory_is_bounded() -> None:
    back_and_forth = [n // 100 % 2 * 10.0 for n in range(100_000)]
    assert len(watch({"x": back_and_forth}, window_events=100)) == DRIFTS_MAX


@pytest.mark.parametrize("kind", ["binary", "regression"])
def test_errors_that_rise_and_fall(kind: str) -> None:
    rng = np.random.default_rng(10)
    level = np.where(np.arange(30_000) // 10_000 == 1, 0.7, 0.2)
    score = level + rng.uniform(-0.1, 0.1, 30_000)
    log = PredictionLog(np.arange(30_000), np.zeros(30_000), {"x": score}, kind=kind)
    adwin = declared_detector("adwin")
    found = error_drift(log, "x", adwin)
    assert [drift.what for drift in found] == ["error rises", "error falls"]
    assert [drift.event_time_ms // 10_000 for drift in found] == [1, 2]
    assert error_drift(log, "x", adwin) == found
    still = PredictionLog(np.arange(30_000), np.zeros(30_000), {"x": 0 * score + 0.3}, kind=kind)
    assert error_drift(still, "x", adwin) == ()
    odd = PredictionLog([1], [np.nan], {"x": [1.0]}, kind="anomaly")
    assert error_drift(odd, "x", adwin) == ()


@pytest.mark.parametrize("detector", ["page_hinkley", "kswin", "hddm_a"])
def test_every_detector_of_errors_sees_a_rise_and_a_fall(detector: str) -> None:
    rng = np.random.default_rng(11)
    level = np.where(np.arange(60_000) // 20_000 == 1, 0.9, 0.1)
    score = level + rng.uniform(-0.05, 0.05, 60_000)
    log = PredictionLog(np.arange(60_000), np.zeros(60_000), {"x": score})
    marks = error_drift(log, "x", declared_detector(detector))
    assert {mark.detector.partition("(")[0] for mark in marks} == {detector}
    assert error_drift(log, "x", declared_detector(detector)) == marks
    risen = [mark for mark in marks if mark.event_time_ms // 20_000 == 1]
    fallen = [mark for mark in marks if mark.event_time_ms // 20_000 == 2]
    assert risen[0].what == "error rises"
    assert fallen[0].what == "error falls"


def test_numbers_have_gaps_that_a_detector_of_numbers_is_not_shown() -> None:
    drift = InputDrift({"x": declared_detector("kswin")})
    for n in range(4_000):
        drift.add({} if n % 2 else {"x": float(n >= 2_000) * 10 + n % 7}, n)
    assert [mark.what for mark in drift.marks][:1] == ["x"]
    assert 2_000 <= drift.marks[0].event_time_ms < 2_400
