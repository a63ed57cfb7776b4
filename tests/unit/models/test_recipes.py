"""Recipes and kinds of lines: what fits, models by the name of a function, grids."""

import re
import sys
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from labline.engine.core.spec import LearnFailed
from labline.engine.errors import LablineError
from labline.engine.models.control.registry import Registry
from labline.engine.models.control.signing import Signer
from labline.engine.models.learning.learner import cold
from labline.engine.models.recipes.allow_list import ALLOWED
from labline.engine.models.recipes.grids import COMBINATIONS_MAX, grid
from labline.engine.models.recipes.language import parse

CLASSES = ("a", "b", "c")


def refusal(recipe: str, kind: str = "binary", **more: Any) -> LablineError:
    with pytest.raises(LablineError) as caught:
        parse(recipe, kind, CLASSES, **more)
    assert caught.value.code == "LL-RECIPE"
    assert "\n" not in caught.value.message + caught.value.remedy
    return caught.value


@pytest.mark.parametrize(
    ("kind", "recipe", "said", "instead"),
    [
        ("binary", "LinearRegression()", "LinearRegression is a regressor, the line is binary",
         'kind = "regression"'),
        ("binary", "HalfSpaceTrees(seed=1)", "is an anomaly detector", 'kind = "anomaly"'),
        ("regression", "StandardScaler() | LogisticRegression()", "is a classifier",
         "LinearRegression()"),
        ("anomaly", "GaussianNB()", "is a classifier, the line is anomaly", "HalfSpaceTrees(seed"),
        ("multiclass", "PARegressor()", "is a regressor", "SoftmaxRegression()"),
        ("multiclass", "StandardScaler() | LogisticRegression()", "tells two classes apart",
         "OneVsRestClassifier(LogisticRegression(...))"),
        ("multiclass", "Perceptron()", "tells two classes apart", "OneVsRestClassifier"),
        ("regression", "StandardScaler()", "does not score", "LinearRegression()"),
        ("anomaly", "HalfSpaceTrees()", "needs a seed", "seed=1"),
        ("binary", "BaggingClassifier(GaussianNB(), 3)", "needs a seed", "seed=1"),
        ("binary", "BaggingClassifier(GaussianNB(), 3, None)", "needs a seed", "seed=1"),
        ("binary", "BaggingClassifier(ARFClassifier(), 3, 1)", "ARFClassifier needs a seed",
         "seed=1"),
        ("multiclass", "KNNClassifier()", "engine=LazySearch(window_size=50)", "parameters"),
        ("regression", "KNNRegressor(engine=1)", "engine=LazySearch(window_size=50)", "parameters"),
        ("binary", "NoChange()", "NoChange: missing a required argument: 'probability'",
         "its parameters: probability"),
        ("binary", "Perceptron(l3=1)", "Perceptron: got an unexpected keyword argument 'l3'",
         "see Perceptron's parameters in river's documentation"),
        ("anomaly", "GaussianScorer()", "unknown estimator", "did you mean"),
        ("binary", "LogisticRegression(l1=0.1, l2=0.1)", "joint use of L1 and L2", "parameters"),
        ("anomaly", "HalfSpaceTrees(limits={'x': 1}, seed=1)", "does not score", "parameters"),
        ("binary", "LogisticRegression({'l2': GaussianNB()})", "does not score and learn", "see"),
    ],
)  # fmt: skip
def test_a_recipe_that_does_not_fit_says_what_to_write_instead(
    kind: str, recipe: str, said: str, instead: str
) -> None:
    error = refusal(recipe, kind)
    assert said in error.message
    assert instead in error.remedy or instead in error.message


def test_a_positional_seed_is_a_seed() -> None:
    parse("BaggingClassifier(GaussianNB(), 3, 1)")


def test_words_and_windows_are_scored_and_learned() -> None:
    learner = cold("BagOfWords('text') | MultinomialNB()", "multiclass", CLASSES)
    assert learner.score({"text": "ham and eggs"}) == (1 / 3, 1 / 3, 1 / 3)
    learner.learn({"text": "ham and eggs"}, "b")
    assert learner.score({"text": "eggs"}) == (0.0, 1.0, 0.0)


# Models by name

MODULE = '''
class Outside:
    """No river: it decides for what it learned last."""
    def __init__(self):
        self.last = None
    def predict_one(self, x):
        return self.last
    def learn_one(self, x, y):
        self.last = y
        if x.get("x") == 13.0:
            raise ValueError("13")

class Odd:
    def __init__(self):
        self.seen = 0
    def score_one(self, x):
        return self.seen
    def learn_one(self, x):
        self.seen += 1

def river():
    from river import linear_model, preprocessing
    return preprocessing.StandardScaler() | linear_model.LogisticRegression()

def broken():
    raise RuntimeError("nothing\\nhere")

def nothing():
    return 1

class Sealed(Outside):
    def __deepcopy__(self, memo):
        raise TypeError("no copies")

def needs(what):
    return what
'''


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    name = "models_of_a_user"
    (tmp_path / f"{name}.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, name, raising=False)
    return name


def test_a_model_by_name_scores_learns_and_is_undone(module: str) -> None:
    learner = cold(f"{module}:Outside", "multiclass", CLASSES, named=True)
    assert learner.score({}) == (1 / 3, 1 / 3, 1 / 3)
    learner.learn({"x": 1.0}, "c")
    assert learner.score({}) == (0.0, 0.0, 1.0)
    with pytest.raises(LearnFailed):
        learner.learn({"x": 13.0}, "a")
    assert learner.score({}) == (0.0, 0.0, 1.0)


@pytest.mark.parametrize(
    ("kind", "name", "label", "scores"),
    [("binary", "Outside", True, (0.5, 1.0)), ("regression", "Outside", 2.5, (0.0, 2.5)),
     ("anomaly", "Odd", None, (0.0, 1.0)), ("binary", "river", True, (0.5, 0.50125))],
)  # fmt: skip
def test_a_model_by_name_for_each_kind(
    module: str, kind: str, name: str, label: Any, scores: tuple[float, float]
) -> None:
    learner = cold(f"{module}:{name}", kind, named=True)
    before = learner.score({"x": 1.0})
    learner.learn({"x": 1.0}, label)
    assert (before, learner.score({"x": 1.0})) == pytest.approx(scores, abs=1e-5)


@pytest.mark.parametrize(
    ("recipe", "said"),
    [
        ("no_such_package.models:best", "No module named"),
        ("{}:absent", "has no attribute"),
        ("{}:broken", "RuntimeError: nothing here"),
        ("{}:nothing", "gave a int, which has no learn_one"),
        ("{}:needs", "missing 1 required"),
        ("{}:Odd", "predict_one"),
    ],
)
def test_a_name_that_gives_no_model_is_one_clear_line(module: str, recipe: str, said: str) -> None:
    assert said in refusal(recipe.format(module), named=True).message


def test_a_model_that_cannot_be_copied_is_refused(module: str) -> None:
    with pytest.raises(LablineError, match="cannot be copied"):
        cold(f"{module}:Sealed", named=True)


def test_a_name_is_no_recipe_of_the_factory_and_nothing_is_imported(
    module: str, tmp_path: Path
) -> None:
    """Neither registered, nor built from what a control record says."""
    assert "lab only" in refusal(f"{module}:Outside").message
    with pytest.raises(LablineError, match="lab only"):
        cold(f"{module}:Outside")
    signer = Signer(Ed25519PrivateKey.from_private_bytes(bytes(32)))
    registry = Registry(tmp_path / "models", signer.public_keys())
    with pytest.raises(LablineError, match="lab only"):
        registry.register("mine", f"{module}:Outside", {}, signer)
    assert registry.names() == []
    assert module not in sys.modules


@pytest.mark.parametrize("recipe", ["os:system()", "a b:c", ":x", "x:", "os:path.join", "../x:y"])
def test_what_is_no_name_is_no_recipe_either(recipe: str) -> None:
    refusal(recipe, named=True)


# Grids


def test_a_grid_gives_each_combination_once_and_all_of_them_parse() -> None:
    recipe = "HoeffdingTreeClassifier(leaf_prediction={leaf}, grace_period={n}, binary_split={b})"
    found = grid(recipe, {"leaf": ["mc", "nb"], "n": [50, 100], "b": [True]})
    assert list(found) == [f"leaf-{leaf}_n-{n}_b-true" for leaf in ("mc", "nb") for n in (50, 100)]
    assert len(set(found.values())) == 4
    for text in found.values():
        parse(text)


def test_a_dict_in_a_recipe_is_no_placeholder() -> None:
    found = grid("HalfSpaceTrees(limits={'x': (0, 1)}, seed={seed})", {"seed": [1, 2]})
    for recipe in found.values():
        parse(recipe, "anomaly")


def test_names_that_would_be_equal_are_numbered() -> None:
    assert len(grid("Select({a}) | BaseRate()", {"a": ["x y", "x-y", "X-Y"]})) == 3


def test_names_that_would_be_too_long_are_cut_and_numbered() -> None:
    found = grid("Select({a}) | BaseRate()", {"a": ["x" * 90, "x" * 91, "y", "x-3"]}, 20)
    assert list(found) == [f"a-{'x' * 16}-1", f"a-{'x' * 16}-2", "a-y", "a-x-3"]
    assert len(grid("Select({a}) | BaseRate()", {"a": ["x", "x-3", "X"]})) == 3


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({}, "no values for it"),
        ({"a": [1], "b": [2]}, "no {b} in the recipe"),
        ({"a": []}, "no list of values"),
        ({"a": "text"}, "no list of values"),
        ({"a": [float("nan")]}, "may not be"),
        ({"a": [[1]]}, "may not be"),
        ({"a": [1, 1]}, "twice"),
        ({"a": list(range(COMBINATIONS_MAX + 1))}, "257 recipes"),
    ],
)
def test_a_grid_that_is_wrong_says_where(parameters: dict[str, Any], said: str) -> None:
    with pytest.raises(LablineError, match="LL-GRID") as caught:
        grid("LogisticRegression(l2={a})", parameters)
    assert said in caught.value.message


def test_the_page_on_recipes_names_every_estimator_and_its_examples_are_recipes() -> None:
    text = (Path(__file__).parents[3] / "docs" / "recipes.md").read_text()
    rows = [line for line in text.splitlines() if line.startswith("| ")][1:]
    assert {name for row in rows for name in re.findall(r"`([A-Z]\w+)`", row)} == set(ALLOWED)
    (examples,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    kind = ""
    for line in examples.splitlines():
        if line.startswith("# "):
            kind = line[2:]
        else:
            parse(line, kind, CLASSES)
