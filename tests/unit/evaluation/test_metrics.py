import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from river import metrics as river

from labline.lab_replay.evaluation.answers import LabelledAnswers
from labline.lab_replay.evaluation.calibration import bins
from labline.lab_replay.evaluation.figures import evaluate
from labline.lab_replay.evaluation.metrics import METRICS
from labline.lab_replay.evaluation.prediction_log import PredictionLog

# few distinct values, so that ties are common; any doubles in [0, 1] besides
PROBABILITY = st.sampled_from([0.0, 0.1, 0.25, 0.5, 1.0]) | st.floats(0, 1)
PAIRS = st.lists(st.tuples(PROBABILITY, st.booleans()), max_size=60)
NUMBERS = st.lists(st.tuples(st.floats(-1e3, 1e3), st.integers(-5, 5)), min_size=2, max_size=60)
CLASSES = st.lists(st.tuples(st.lists(PROBABILITY, min_size=3, max_size=3), st.integers(0, 2)))


def value(metric: str, score: np.ndarray, label: np.ndarray, threshold: float = 0.5) -> Any:
    return METRICS[metric].value(LabelledAnswers(score, label, threshold))


def arrays(pairs: list[tuple[float, bool]]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([p for p, _ in pairs], float), np.array([y for _, y in pairs], float)


@given(PAIRS)
def test_auc_is_the_share_of_pairs_in_order(pairs: list[tuple[float, bool]]) -> None:
    positives = [p for p, y in pairs if y]
    negatives = [p for p, y in pairs if not y]
    found = value("roc_auc", *arrays(pairs))
    if not positives or not negatives:
        assert found is None
        return
    halves = sum(2 * (a > b) + (a == b) for a in positives for b in negatives)
    assert found == halves / (2 * len(positives) * len(negatives))


@given(PAIRS, st.sampled_from([0.25, 0.5]))
def test_yes_or_no_as_river_says(pairs: list[tuple[float, bool]], threshold: float) -> None:
    p, y = arrays(pairs)
    metrics = ("log_loss", "brier", "accuracy", "f1", "kappa", "calibration_error")
    if not pairs:
        assert [value(metric, p, y) for metric in metrics] == [None] * len(metrics)
        return
    hard = {"accuracy": river.Accuracy(), "f1": river.F1(), "kappa": river.CohenKappa()}
    loss = river.LogLoss()
    for probability, label in pairs:
        loss.update(label, probability)
        for each in hard.values():
            each.update(label, probability >= threshold)
    assert value("log_loss", p, y) == pytest.approx(loss.get(), rel=1e-12)
    assert value("brier", p, y) == pytest.approx(
        math.fsum((q - t) ** 2 for q, t in pairs) / len(pairs)
    )
    for metric, judge in hard.items():
        found = value(metric, p, y, threshold)
        if found is None:  # 0/0, for which river has numbers
            assert metric in ("f1", "kappa")
            assert judge.get() in (0.0, -1.0)
        else:
            assert found == pytest.approx(judge.get(), rel=1e-12, abs=1e-15)


@given(CLASSES)
def test_several_classes_as_river_says(rows: list[tuple[list[float], int]]) -> None:
    weights = np.array([row for row, _ in rows], float).reshape(-1, 3) + 0.01
    p, y = weights / weights.sum(axis=1, keepdims=True), np.array([y for _, y in rows], float)
    if not rows:
        assert value("macro_f1", p, y) is None
        return
    hard = {"accuracy": river.Accuracy(), "macro_f1": river.MacroF1(), "kappa": river.CohenKappa()}
    loss = river.CrossEntropy()
    for row, label in zip(p.tolist(), y.astype(int).tolist(), strict=True):
        loss.update(label, dict(enumerate(row)))
        for each in hard.values():
            each.update(label, row.index(max(row)))
    assert value("log_loss", p, y) == pytest.approx(loss.get(), rel=1e-9)
    onehot = np.eye(3)[y.astype(int)]
    assert value("brier", p, y) == pytest.approx(np.square(p - onehot).sum(axis=1).mean())
    for metric, judge in hard.items():
        found = value(metric, p, y)
        if found is not None:
            assert found == pytest.approx(judge.get(), rel=1e-12, abs=1e-15)


@given(NUMBERS)
def test_numbers_as_river_says(pairs: list[tuple[float, int]]) -> None:
    score, label = np.array([p for p, _ in pairs]), np.array([float(y) for _, y in pairs])
    judges = {"mae": river.MAE(), "rmse": river.RMSE(), "r2": river.R2()}
    for answer, truth in pairs:
        for judge in judges.values():
            judge.update(float(truth), answer)
    for metric, judge in judges.items():
        found = value(metric, score, label)
        if found is None:
            assert metric == "r2"
            assert len(set(label)) == 1
        else:
            assert found == pytest.approx(judge.get(), rel=1e-9, abs=1e-9)


def test_river_ranks_the_same_where_its_bins_lose_nothing() -> None:
    rng = np.random.default_rng(7)
    p = rng.integers(0, 50, 800) / 50 + 0.01
    y = (rng.random(800) < p).astype(float)
    auc = river.ROCAUC(n_thresholds=51)
    for probability, label in zip(p.tolist(), y.tolist(), strict=True):
        auc.update(bool(label), probability)
    assert value("roc_auc", p, y) == pytest.approx(auc.get(), abs=1e-12)
    p = rng.random(800)  # its rolling one ranks, but not ties: compared where there are none
    exact = river.RollingROCAUC(window_size=800)
    for probability, label in zip(p.tolist(), y.tolist(), strict=True):
        exact.update(bool(label), probability)
    assert value("roc_auc", p, y) == pytest.approx(exact.get(), abs=1e-12)


@pytest.mark.parametrize("same", [0.1, 3.1, 12.1, 1e17 / 3])
def test_labels_that_are_all_the_same_have_no_variance_to_explain(same: float) -> None:
    label = np.full(1_000, same)
    assert value("r2", label + 0.25, label) is None
    assert value("r2", label, np.append(label[1:], same * 2)) is not None


def test_large_counts_stay_exact() -> None:
    half = 200_000
    p = np.concatenate([np.zeros(half), np.ones(half)])
    assert value("roc_auc", p, p) == 1.0
    assert value("roc_auc", 1 - p, p) == 0.0
    assert value("roc_auc", np.full(2 * half, 0.3), p) == 0.5


@given(PAIRS, st.integers(1, 12))
def test_bins_hold_all_and_part_no_equals(pairs: list[tuple[float, bool]], count: int) -> None:
    p, y = arrays(pairs)
    found = bins(p, y, count)
    assert len(found) <= count
    assert sum(part.events for part in found) == len(p)
    assert sum(part.events * part.observed for part in found) == pytest.approx(y.sum())
    predicted = [part.predicted for part in found]
    assert predicted == sorted(predicted)
    assert value("calibration_error", p, y) is None or 0 <= value("calibration_error", p, y) <= 1


@pytest.mark.parametrize(
    ("kind", "score"),
    [
        ("binary", [0.9, 0.1, 0.5, np.nan]),
        ("anomaly", [9.0, -1.0, 2.0, np.nan]),
        ("regression", [0.9, 0.1, 0.5, np.nan]),
        ("multiclass", [[0.1, 0.9], [0.9, 0.1], [0.5, 0.5], [np.nan, np.nan]]),
    ],
)
def test_every_metric_of_a_kind_over_labelled_answers(kind: str, score: list[float]) -> None:
    label = [1, 0, float("nan"), 1]
    log = PredictionLog([1, 2, 3, 4], label, {"x": score}, kind=kind, classes=("no", "yes"))
    scored = evaluate(log)["x"]
    assert scored.events == 2
    assert list(scored.metrics) == [name for name in METRICS if kind in METRICS[name].kinds]
    assert None not in scored.metrics.values()
    assert list(evaluate(log, ["mae", "roc_auc", "kappa"])["x"].metrics) == [
        name for name in ("mae", "roc_auc", "kappa") if kind in METRICS[name].kinds
    ]


def test_the_threshold_decides() -> None:
    log = PredictionLog([4, 5], [1, 0], {"x": [0.4, 0.1]})
    assert evaluate(log, ["accuracy"], threshold=0.4)["x"].metrics == {"accuracy": 1.0}
    assert evaluate(log, ["accuracy"])["x"].metrics == {"accuracy": 0.5}
