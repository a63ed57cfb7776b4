"""The lab against river's own evaluation, run beside it: the same predictions to the last bit."""

import csv
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from river import datasets, evaluate, metrics

from labline.engine.models.recipes.language import parse
from labline.engine.tables.roles import Roles
from labline.lab_replay.evaluation.figures import figures
from labline.lab_replay.evaluation.prediction_log import PredictionLog
from labline.lab_replay.histories.file_history import FileHistory, file_history
from labline.lab_replay.replay.replay import replay
from labline.lab_replay.replay.trial import Trial

LINEAR = "StandardScaler() | LogisticRegression()"
TREE = "HoeffdingTreeClassifier()"
ROWS = 1_500
#: river decides no where a probability is a half, a line decides yes
RIVERS_HALF = math.nextafter(0.5, 1)


def rows_of(data: Any) -> Iterator[tuple[dict[str, Any], Any]]:
    for number, row in enumerate(data):
        if number == ROWS:
            return
        yield row


def history(folder: Path, data: Any, kind: str) -> FileHistory:
    path = folder / f"{type(data).__name__.lower()}.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        for number, (x, y) in enumerate(rows_of(data)):
            if not number:
                writer.writerow([*x, "truth"])
            writer.writerow([*(repr(value) for value in x.values()), str(y).lower()])
    return file_history(path, Roles(label="truth", kind=kind), cache_dir=folder)


def replayed(found: FileHistory, recipe: str, folder: Path, delay: int | None) -> PredictionLog:
    trial = Trial(
        found.recording,
        found.line,
        found.event_schema,
        found.label_schema,
        {"it": recipe},
        delay_ms=delay,
    )
    return replay(trial, folder / "out").log


def accuracy(log: Any, threshold: float = 0.5) -> float | None:
    return figures(log.scores["it"], log.label, ["accuracy"], threshold).metrics["accuracy"]


def rivers(data: Any, recipe: str, kind: str, delay: int | None, metric: Any) -> list[Any]:
    model = parse(recipe, kind, classes_of(data) if kind == "multiclass" else ())
    steps = evaluate.iter_progressive_val_score(
        rows_of(data), model, metric, step=1, delay=delay, yield_predictions=True
    )
    return [step["Prediction"] for step in steps]


def classes_of(data: Any) -> tuple[str, ...]:
    return tuple(sorted({str(y).lower() for _, y in rows_of(data)}))


@pytest.mark.parametrize("delay", [None, 1, 100, 1_000])
@pytest.mark.parametrize("recipe", [LINEAR, TREE, "StandardScaler() | GaussianNB()"])
@pytest.mark.parametrize("data", [datasets.Phishing, datasets.Bananas], ids=lambda d: d.__name__)
def test_probabilities_are_rivers(
    tmp_path: Path, data: Any, recipe: str, delay: int | None
) -> None:
    log = replayed(history(tmp_path, data(), "binary"), recipe, tmp_path, delay)
    theirs = rivers(data(), recipe, "binary", delay, metrics.LogLoss())
    expected = [found.get(True, 0.0) if found else 0.5 for found in theirs]
    assert log.scores["it"].tolist() == expected


def test_the_published_figures(tmp_path: Path) -> None:
    """river: docs/benchmarks, Phishing; ROC AUC is river's, which counts ten thresholds."""
    found = history(tmp_path, datasets.Phishing(), "binary")
    log = replayed(found, LINEAR, tmp_path, None)
    assert accuracy(log, RIVERS_HALF) == 0.8928
    area = metrics.ROCAUC()
    for truth, score in zip(log.label, log.scores["it"], strict=True):
        area.update(bool(truth), {True: score, False: 1 - score})
    assert f"{area.get():.4f}" == "0.9507"
    # river leaves out what a model has no opinion of: the first event
    log = replayed(found, TREE, tmp_path, None).rows(slice(1, None))
    assert f"{accuracy(log, RIVERS_HALF):.6f}" == "0.879904"
    log = replayed(found, "NoChange(0.9)", tmp_path, None).rows(slice(1, None))
    assert f"{accuracy(log):.6f}" == "0.515612"


@pytest.mark.parametrize("delay", [None, 50])
@pytest.mark.parametrize(
    "recipe",
    ["StandardScaler() | LinearRegression(intercept_lr=0.1)", "HoeffdingTreeRegressor()"],
)
def test_a_regression_is_rivers(tmp_path: Path, recipe: str, delay: int | None) -> None:
    log = replayed(
        history(tmp_path, datasets.TrumpApproval(), "regression"), recipe, tmp_path, delay
    )
    theirs = rivers(datasets.TrumpApproval(), recipe, "regression", delay, metrics.MAE())
    assert log.scores["it"].tolist() == theirs


@pytest.mark.parametrize("delay", [None, 50])
@pytest.mark.parametrize("recipe", [TREE, "StandardScaler() | SoftmaxRegression()"])
def test_several_classes_are_rivers(tmp_path: Path, recipe: str, delay: int | None) -> None:
    data = datasets.ImageSegments()
    found = history(tmp_path, data, "multiclass")
    log = replayed(found, recipe, tmp_path, delay)
    theirs = rivers(data, recipe, "multiclass", delay, metrics.Accuracy())
    names = found.line.classes
    best = [names[place] for place in np.argmax(log.scores["it"], axis=1)]
    known = 1 + (delay or 0)  # before the first label river has no opinion
    assert best[known:] == [str(name).lower() for name in theirs[known:]]


def test_odd_events_are_rivers(tmp_path: Path) -> None:
    recipe = "MinMaxScaler() | HalfSpaceTrees(seed=1)"
    data = datasets.Shuttle()
    found = history(tmp_path, data, "anomaly")
    log = replayed(found, recipe, tmp_path, None)
    model, expected = parse(recipe, "anomaly"), []
    for x, _ in rows_of(data):
        expected.append(model.score_one(x))
        model.learn_one(x)
    assert log.scores["it"].tolist() == expected
    assert log.label.tolist() == [float(y) for _, y in rows_of(data)]
