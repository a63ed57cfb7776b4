import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from river import metrics as river

from lab_replay.metrics import (
    accuracy,
    brier,
    curves,
    evaluate,
    log_loss,
    roc_auc,
    stretches,
    windows,
)
from lab_replay.prediction_log import PredictionLog

# few distinct values, so that ties are common; any doubles in [0, 1] besides
PROBABILITY = st.sampled_from([0.0, 0.1, 0.25, 0.5, 1.0]) | st.floats(0, 1)
PAIRS = st.lists(st.tuples(PROBABILITY, st.booleans()), max_size=60)


def arrays(pairs: list[tuple[float, bool]]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([p for p, _ in pairs], float), np.array([y for _, y in pairs], np.int8)


@given(PAIRS)
def test_auc_is_the_share_of_pairs_in_order(pairs: list[tuple[float, bool]]) -> None:
    positives = [p for p, y in pairs if y]
    negatives = [p for p, y in pairs if not y]
    found = roc_auc(*arrays(pairs))
    if not positives or not negatives:
        assert found is None
        return
    halves = sum(2 * (a > b) + (a == b) for a in positives for b in negatives)
    assert found == halves / (2 * len(positives) * len(negatives))


@given(PAIRS)
def test_the_others_equal_a_loop(pairs: list[tuple[float, bool]]) -> None:
    p, y = arrays(pairs)
    if not pairs:
        assert (log_loss(p, y), brier(p, y), accuracy(p, y)) == (None, None, None)
        return
    clipped = [min(max(q if t else 1 - q, 1e-15), 1 - 1e-15) for q, t in pairs]
    assert log_loss(p, y) == pytest.approx(-math.fsum(map(math.log, clipped)) / len(pairs))
    assert brier(p, y) == pytest.approx(math.fsum((q - t) ** 2 for q, t in pairs) / len(pairs))
    assert accuracy(p, y, 0.25) == sum((q >= 0.25) == t for q, t in pairs) / len(pairs)


def test_river_says_the_same() -> None:
    rng = np.random.default_rng(7)
    # on a grid that lies between river's thresholds, so that its bins lose nothing
    p = rng.integers(0, 50, 800) / 50 + 0.01
    y = (rng.random(800) < p).astype(np.int8)
    auc, loss = river.ROCAUC(n_thresholds=51), river.LogLoss()
    for probability, label in zip(p.tolist(), y.tolist(), strict=True):
        auc.update(bool(label), probability)
        loss.update(bool(label), probability)
    assert roc_auc(p, y) == pytest.approx(auc.get(), abs=1e-12)
    assert log_loss(p, y) == pytest.approx(loss.get(), rel=1e-12)
    # its rolling one ranks, but not ties: compared where there are none
    p = rng.random(800)
    exact = river.RollingROCAUC(window_size=800)
    for probability, label in zip(p.tolist(), y.tolist(), strict=True):
        exact.update(bool(label), probability)
    assert roc_auc(p, y) == pytest.approx(exact.get(), abs=1e-12)


def test_large_counts_stay_exact() -> None:
    half = 200_000
    p = np.concatenate([np.zeros(half), np.ones(half)])
    y = np.concatenate([np.zeros(half, np.int8), np.ones(half, np.int8)])
    assert roc_auc(p, y) == 1.0
    assert roc_auc(1 - p, y) == 0.0
    assert roc_auc(np.full(2 * half, 0.3), y) == 0.5


@given(
    st.lists(st.integers(0, 1_000), max_size=80),
    st.integers(1, 20),
    st.integers(1, 30),
)
def test_stretches_cover_all_with_enough_each(times: list[int], count: int, least: int) -> None:
    parts = stretches(np.array(sorted(times), np.int64), count, least)
    covered = [n for part in parts for n in range(part.start, part.stop)]
    assert covered == list(range(len(times)))
    assert len(parts) <= count
    if len(times) >= least:
        assert all(part.stop - part.start >= least for part in parts)


def test_windows_and_missing_answers() -> None:
    times = np.arange(0, 1_000, dtype=np.int64)
    label = (times % 2).astype(np.int8)
    p = np.where(label, 0.8, 0.3)
    p[:100] = np.nan
    found = windows(p, label, times, count=10, events_min=50)
    assert [w.events for w in found] == [0] + [100] * 9
    assert found[0].roc_auc is None
    assert found[0].log_loss is None
    assert found[1].roc_auc == 1.0
    assert [w.middle_ms for w in found[:2]] == [49, 149]


def test_a_log_is_evaluated_over_its_labelled_answers() -> None:
    log = PredictionLog(
        ["a", "b", "c", "d"],
        np.array([4, 3, 2, 1]),
        np.array([1, 0, -1, 1]),
        {"x": np.array([0.9, 0.1, 0.5, np.nan]), "y": np.array([0.4, 0.6, 0.5, 0.5])},
    )
    scored = evaluate(log, ["roc_auc", "accuracy"], threshold=0.45)
    assert scored["x"].events == 2
    assert scored["x"].metrics == {"roc_auc": 1.0, "accuracy": 1.0}
    assert scored["y"].events == 3
    assert scored["y"].metrics == {"roc_auc": 0.0, "accuracy": 1 / 3}
    found = curves(log, count=1, events_min=1)
    assert [w.middle_ms for w in found["x"]] == [w.middle_ms for w in found["y"]] == [2]
