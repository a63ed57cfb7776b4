from pathlib import Path

import pytest

from labline.engine.core.line import Costs, Line
from labline.engine.errors import LablineError
from labline.lab_replay.experiments.experiment import Experiment
from labline.lab_replay.experiments.models import (
    baselines_of,
    candidates_of,
    check_incumbent,
    metrics_of,
    models_of,
    named,
    reference_of,
    slices_of,
)

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
    assert experiment.metrics is None
    more = "name: other\nmetrics: [roc_auc]\nwindows: 12\nbaselines: {none: 'NoChange(0.75)'}\n"
    experiment = load(tmp_path, GOOD + more)
    assert (experiment.name, experiment.windows, experiment.metrics) == ("other", 12, ["roc_auc"])


@pytest.mark.parametrize(
    ("text", "said", "remedy"),
    [
        (GOOD + "windwos: 3\n", "windwos: no such field, did you mean windows?", "fields: name"),
        ("recipes: {a: BaseRate()}\n", "line: missing", "fields: name, line"),
        (
            GOOD + "metrics: [roc_auk]\n",
            "metrics: unknown metric roc_auk, did you mean roc_auc?",
            "",
        ),
        (GOOD + "metrics: [roc_auc, roc_auc]\n", "metrics: a metric is named twice", ""),
        (GOOD + "windows: 0\n", "windows: input should be greater than or equal to 1", ""),
        (GOOD + "windows: '3'\n", "windows: input should be a valid integer", ""),
        ("line: x\nrecipes: {}\n", "recipes: dictionary should have at least 1 item", ""),
        ("line: x\nrecipes: {'a b': BaseRate()}\n", "recipes.a b: as a name, string should", ""),
        (GOOD + "baselines: {rate: BaseRate()}\n", "rate is a recipe and a baseline", ""),
        (GOOD + "  rate: BaseRate()\n", "line 6: rate is there twice", "YAML"),
        (GOOD + "delay: soon\n", "delay: write recorded, none, a duration", ""),
        (GOOD + "delay: 500\n", "delay: write recorded, none, a duration", ""),
        (GOOD + "delay: 0 rows\n", "delay: write recorded, none, a duration", ""),
        (GOOD + "warm_up: -1\n", "warm_up: input should be greater than or equal to 0", ""),
        (GOOD + "learner: both\n", "learner: input should be 'per_partition' or 'single'", ""),
        (GOOD + "label_horizon: 3 sheep\n", "label_horizon: ", ""),
        (GOOD + "recording: a\nhistory: {from: 2013-01-01}\n", "recording and history: give", ""),
        (GOOD + "history: {form: 2013-01-01}\n", "history.form: no such field, did you", ""),
        (
            "line: x\nrecipes: {a: {recipe: 'B()', grid: {k: []}}}\n",
            "recipes.a.grid.k: list should",
            "",
        ),
        ("line: x\nrecipes: {a: 3}\n", "recipes.a: write a recipe", ""),
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


LINE = Line.parse(
    {
        "name": "flights-delay",
        "events": "e",
        "labels": "l",
        "id": "id",
        "refers_to": "id",
        "label": "late",
        "features": {"numeric": ["dep_delay"], "time": ["hour"]},
    }
)


@pytest.mark.parametrize(
    ("more", "said", "remedy"),
    [
        ("recipes: {a: LogisticRegresion()}", "recipes.a: unknown estimator", "LogisticRegression"),
        ("recipes: {a: HoeffdingTreeClassifier() | }", "recipes.a: not an expression", "|"),
        ("recipes: {a: ALMAClassifier(seed)}", "recipes.a: ", ""),
        ("baselines: {a: NoChang(0.5)}", "baselines.a: unknown estimator", "NoChange"),
        ("metrics: [mae]", "mae is no metric for a binary line", "log_loss"),
        ("slices: [houre]", "slices: line flights-delay has no feature houre", "hour"),
        ("early_stop: true\nbaselines: {}", "early_stop: there is no baseline", "baselines"),
        ("recipes: {a: Select('delay') | GaussianNB()}", "recipes.a: Select: line", "dep_delay"),
        ("recipes: {base-rate: GaussianNB()}", "base-rate is a recipe and a baseline of line", ""),
        (
            "recipes: {a-l2=0.0: BaseRate()}",
            "recipes.a-l2=0.0: flights-delay-a-l2=0.0 is no name",
            "digits",
        ),
        (f"recipes: {{{'a' * 99}: BaseRate()}}", "is no name for its model versions", "shorter"),
        ("recipes: {a: BaseRate(), A: GaussianNB()}", "A and a differ in nothing but capitals", ""),
        (
            "recipes: {a-n-5: BaseRate(), a: {recipe: 'ARFClassifier(n_models={n}, seed=1)',"
            " grid: {n: [5, 6]}}}",
            "recipes.a: two recipes have the name a-n-5",
            "grid",
        ),
        (
            "recipes: {a: {recipe: 'ARFClassifier(n_models={n}, seed=1)', grid: {n: [5, 6]}},"
            " a-n-6: BaseRate()}",
            "recipes.a-n-6: two recipes have the name a-n-6",
            "grid",
        ),
        (
            "recipes: {a: {recipe: 'NoChange({p})', grid: {p: [0.5]}}}\n"
            "baselines: {a-p-0.5: BaseRate()}",
            "a-p-0.5 is a recipe and a baseline",
            "another name",
        ),
    ],
)
def test_what_does_not_fit_the_line_is_said(
    tmp_path: Path, more: str, said: str, remedy: str
) -> None:
    text = GOOD if "recipes" not in more else "line: flights-delay\n"
    experiment = load(tmp_path, f"{text}{more}\n")
    with pytest.raises(LablineError) as caught:
        understood(experiment, LINE, "year.yaml")
    assert caught.value.code == "LL-FILE-INVALID"
    assert caught.value.message.startswith("year.yaml: ")
    assert said in caught.value.message
    assert "\n" not in caught.value.message
    assert remedy in caught.value.remedy


def understood(experiment: Experiment, line: Line, source: str) -> None:
    models_of(experiment, line, source)
    candidates_of(experiment, line, source)
    baselines_of(experiment, line, source)
    metrics_of(experiment, line, source)
    slices_of(experiment, line, source)
    reference_of(experiment, line, source)


def test_a_grid_is_written_out() -> None:
    grid = {"recipe": "LogisticRegression(optimizer=SGD({lr}))", "grid": {"lr": [0.1, 0.01]}}
    experiment = Experiment.of("flights-delay", {"a": grid})  # type: ignore[dict-item]
    found = candidates_of(experiment, LINE)
    assert sorted(found.values()) == [
        "LogisticRegression(optimizer=SGD(0.01))",
        "LogisticRegression(optimizer=SGD(0.1))",
    ]
    assert all(name.startswith("a-") for name in found)


def test_a_grid_of_long_names_is_made_of_names_that_the_registry_takes() -> None:
    recipe = "HoeffdingTreeClassifier(leaf_prediction={l}, grace_period={a_rather_long_name})"
    values = {"l": ["mc", "nb"], "a_rather_long_name": [1_000 * n for n in range(1, 5)]}
    told = {"recipe": recipe, "grid": values}
    experiment = Experiment.of("flights-delay", {"a" * 70: told})  # type: ignore[dict-item]
    found = candidates_of(experiment, LINE, "year.yaml")
    assert len(found) == 8
    assert all(len(f"flights-delay-{name}") <= 100 for name in found)


@pytest.mark.parametrize(
    ("recipe", "name"),
    [
        ("BaggingClassifier(StandardScaler() | LogisticRegression(), 3, 1)", "BaggingClassifier-1"),
        ("(Select('x') | StandardScaler()) | GaussianNB()", "GaussianNB-1"),
        ("foo bar", "recipe-1"),
        ("__import__('os').system('ls')", "recipe-1"),
        ("", "recipe-1"),
        ("(" * 500, "recipe-1"),
        ("É()", "recipe-1"),
        ("__()", "recipe-1"),
        (f"{'A' * 300}()", f"{'A' * 40}-1"),
        ("shop.models:nearest", "nearest-1"),
        ("shop.models:_nearest", "nearest-1"),
    ],
)
def test_any_text_gets_a_name_so_that_what_is_wrong_with_it_is_said(recipe: str, name: str) -> None:
    assert list(named([recipe])) == [name]
    if recipe:
        Experiment.of("flights-delay", named([recipe]))


def test_a_grid_s_name_replaces_no_other_outside_of_files_either() -> None:
    grid = {"recipe": "ARFClassifier(n_models={n}, seed=1)", "grid": {"n": [5, 6]}}
    recipes = {"a-n-5": "BaseRate()", "a": grid}
    experiment = Experiment.of("flights-delay", recipes)  # type: ignore[arg-type]
    with pytest.raises(LablineError, match="two recipes have the name a-n-5"):
        candidates_of(experiment, LINE)


def test_todays_rule_is_among_what_is_replayed_before_it_is() -> None:
    priced = {"costs": Costs(), "incumbent": "base-rate"}
    line = LINE.model_copy(update={"decision": LINE.decision.model_copy(update=priced)})
    own = Experiment.of(line.name, {"a": "GaussianNB()"}, baselines={"rate": "BaseRate()"})
    check_incumbent(line, models_of(Experiment.of(line.name, {"a": "GaussianNB()"}), line))
    with pytest.raises(LablineError) as caught:
        check_incumbent(line, models_of(own, line), "year.yaml")
    assert caught.value.code == "LL-INCUMBENT-UNKNOWN"
    assert caught.value.message.startswith("year.yaml: ")
    assert "experiment's baselines" in caught.value.remedy
    check_incumbent(LINE, models_of(own, LINE))  # without prices nobody asks
