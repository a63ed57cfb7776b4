from typing import Any

import numpy as np
import pytest

from labline.lab_replay.evaluation.drift import DRIFTS_MAX, InputDrift, error_drift
from labline.lab_replay.evaluation.prediction_log import PredictionLog


def watch(columns: dict[str, list[Any]], window_events: int = 500) -> list[tuple[str, int]]:
    watched = InputDrift(list(columns), window_events)
    for time, row in enumerate(zip(*columns.values(), strict=True)):
        values = {n: v for n, v in zip(columns, row, strict=True) if v is not None}
        watched.add(values, time)
    return [(drift.what, drift.event_time_ms) for drift in watched.found]


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
    found = error_drift(log, "x")
    assert [drift.what for drift in found] == ["error rises", "error falls"]
    assert [drift.event_time_ms // 10_000 for drift in found] == [1, 2]
    assert error_drift(log, "x") == found
    still = PredictionLog(np.arange(30_000), np.zeros(30_000), {"x": 0 * score + 0.3}, kind=kind)
    assert error_drift(still, "x") == ()
    assert error_drift(PredictionLog([1], [np.nan], {"x": [1.0]}, kind="anomaly"), "x") == ()
