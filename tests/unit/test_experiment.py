from pathlib import Path

import pytest

from engine.errors import LablineError
from lab_replay.experiment import Experiment

GOOD = """
line: flights-delay
recipes:
  linear: Select('dep_delay') | StandardScaler() | LogisticRegression()
  rate: "BaseRate()"
"""


def load(folder: Path, text: str) -> Experiment:
    path = folder / "year.yaml"
    path.write_text(text)
    return Experiment.load(path)


def test_a_file_in_its_least_form(tmp_path: Path) -> None:
    experiment = load(tmp_path, GOOD)
    assert experiment.name == "year"
    assert list(experiment.recipes) == ["linear", "rate"]
    assert experiment.baselines is None
    assert experiment.metrics[0] == "log_loss"
    more = "name: other\nmetrics: [roc_auc]\nwindows: 12\nbaselines: {none: 'NoChange(0.75)'}\n"
    experiment = load(tmp_path, GOOD + more)
    assert (experiment.name, experiment.windows, experiment.metrics) == ("other", 12, ["roc_auc"])


@pytest.mark.parametrize(
    ("text", "said", "remedy"),
    [
        (GOOD + "windwos: 3\n", "windwos: no such field, did you mean windows?", "fields: name"),
        ("recipes: {a: BaseRate()}\n", "line: missing", "fields: name, line"),
        (GOOD + "metrics: [roc_auk]\n", "metrics: unknown metric, did you mean roc_auc?", ""),
        (GOOD + "metrics: [roc_auc, roc_auc]\n", "metrics: a metric is named twice", ""),
        (GOOD + "windows: 0\n", "windows: input should be greater than or equal to 1", ""),
        (GOOD + "windows: '3'\n", "windows: input should be a valid integer", ""),
        ("line: x\nrecipes: {}\n", "recipes: dictionary should have at least 1 item", ""),
        ("line: x\nrecipes: {'a b': BaseRate()}\n", "recipes.a b: as a name, string should", ""),
        (GOOD + "baselines: {rate: BaseRate()}\n", "rate is a recipe and a baseline", ""),
        (GOOD + "  rate: BaseRate()\n", "line 6: rate is there twice", "YAML"),
        ("line: x\nrecipes: {a: LogisticRegresion()}\n", "recipes.a: unknown estimator", "Logi"),
        ("line: [x\n", "line 2:", "YAML"),
        ("- a\n", "the file: input should be", "fields: name"),
        ("", "the file: input should be", "fields: name"),
        ("line: \x00", "", ""),
        ("[a]: 3\n", "line 1: found unhashable key", "YAML"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, text: str, said: str, remedy: str) -> None:
    with pytest.raises(LablineError) as caught:
        load(tmp_path, text)
    assert caught.value.code == "LL-FILE-INVALID"
    assert caught.value.message.startswith(f"{tmp_path / 'year.yaml'}: ")
    assert said in caught.value.message
    assert "\n" not in caught.value.message
    assert remedy in caught.value.remedy


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(LablineError, match="LL-FILE-MISSING"):
        Experiment.load(tmp_path / "none.yaml")
