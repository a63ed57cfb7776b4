"""A recipe and its line's features: the names that are there, and which of them are text."""

import re
import sys
from pathlib import Path
from typing import Any

import pytest

from labline.engine.cli.shared.line_past import LinePast
from labline.engine.cli.upgrade import _warn_of_recipes
from labline.engine.core.line import Line
from labline.engine.errors import LablineError
from labline.engine.models.control.configuration import declaration
from labline.engine.models.control.control import Control, ModelRef, Revision
from labline.engine.models.control.registry import Registry
from labline.engine.models.control.signing import Signer, generate
from labline.engine.models.recipes.features import Inputs, inputs_of
from labline.engine.models.recipes.language import parse
from labline.engine.promotion.promote import promote
from labline.engine.workspace.example import make_workspace
from labline.engine.workspace.workspace import Workspace
from labline.lab_replay.experiments.experiment import Experiment
from labline.lab_replay.experiments.models import models_of
from labline.schemas.avro import Schema
from tests.estimator_recipes import RECIPES, fed

CLASSES = ("left", "middle", "right")
SHOP = Inputs("shop", {"colour": "text", "shape": "text", "a": "number", "b": "number"})
LINEAR = "StandardScaler() | LogisticRegression()"


def refusal(recipe: str, inputs: Inputs = SHOP, kind: str = "binary", **more: Any) -> LablineError:
    with pytest.raises(LablineError, match="LL-RECIPE") as caught:
        parse(recipe, kind, CLASSES, inputs=inputs, **more)
    assert "\n" not in caught.value.message + caught.value.remedy
    return caught.value


# Names


@pytest.mark.parametrize(
    ("recipe", "said", "remedy"),
    [
        ("Select('nope') | GaussianNB()", "Select: line shop has no feature nope", "known there: "),
        ("Select('a', 'colr') | GaussianNB()", "no feature colr", "did you mean colour?"),
        ("Discard('bb') | HoeffdingTreeClassifier()", "no feature bb", "did you mean b?"),
        ("Agg('a', 'color', Mean()) | GaussianNB()", "Agg: line shop has no feature color", ""),
        ("Agg('z', 'colour', Mean()) | GaussianNB()", "no feature z", ""),
        ("Agg('a', by=['colour', 'z'], how=Mean()) | GaussianNB()", "no feature z", ""),
        ("TargetAgg('colours', Mean()) | GaussianNB()", "no feature colours", "colour"),
        ("BagOfWords(on='text') | MultinomialNB()", "BagOfWords: line shop has no feature", ""),
        ("Renamer({'z': 'y'}) | HoeffdingTreeClassifier()", "Renamer: line shop has no", ""),
        ("HoeffdingTreeClassifier(nominal_attributes=['shap'])", "no feature shap", "shape"),
        ("Select('a') | Select('b') | GaussianNB()", "b does not arrive there", "known there: a"),
        ("Discard('a') | Select('a') | GaussianNB()", "a does not arrive there", "b"),
        ("Select('a') | Prefixer('p_') | Select('a') | GaussianNB()", "a does not arrive", "p_a"),
        ("Select('a') | Suffixer('_s') | Select('a_t') | GaussianNB()", "no step makes it", "a_s"),
        ("(Select('a') + Select('q')) | GaussianNB()", "no feature q", ""),
        ("VotingClassifier([Select('a') | GaussianNB(), Select('q') | GaussianNB()])", "q", ""),
        ("BaggingClassifier(Select('q') | GaussianNB(), n_models=2, seed=1)", "feature q", ""),
    ],
)
def test_a_name_that_is_not_there_is_refused(recipe: str, said: str, remedy: str) -> None:
    error = refusal(recipe)
    assert said in error.message
    assert remedy in error.remedy


@pytest.mark.parametrize(
    "recipe",
    [
        "Select('a', 'b') | Renamer({'a': 'z'}) | Select('z') | GaussianNB()",
        "Select('a') | Prefixer('p_') | Select('p_a') | GaussianNB()",
        "Select('a') | StandardScaler() | Suffixer('_s') | Select('a_s') | GaussianNB()",
        "Agg('a', 'colour', Mean()) | Select('a_mean_by_colour') | GaussianNB()",
        "(Agg('a', 'colour', Mean()) + Select('a')) | Select('any', 'a') | GaussianNB()",
        "Select('colour') | OneHotEncoder() | Select('colour_red') | GaussianNB()",
        "Select('a', 'b') | PolynomialExtender() | Select('a*b') | GaussianNB()",
        "BagOfWords('colour') | Select('red') | MultinomialNB()",
    ],
)
def test_a_name_that_a_step_before_may_make_is_none_to_refuse(recipe: str) -> None:
    parse(recipe, inputs=SHOP)


# Text


@pytest.mark.parametrize(
    ("kind", "recipe", "step"),
    [
        ("binary", LINEAR, "StandardScaler"),
        ("binary", "LogisticRegression()", "LogisticRegression"),
        ("binary", "GaussianNB()", "GaussianNB"),
        ("binary", "Select('a', 'colour') | MinMaxScaler() | GaussianNB()", "MinMaxScaler"),
        ("binary", "KNNClassifier(engine=LazySearch(9))", "LazySearch"),
        ("binary", f"BaggingClassifier({LINEAR}, n_models=2, seed=1)", "StandardScaler"),
        ("binary", "(StandardScaler() + OneHotEncoder()) | GaussianNB()", "StandardScaler"),
        ("binary", "Select('colour') | LogisticRegression()", "LogisticRegression"),
        ("multiclass", "SoftmaxRegression()", "SoftmaxRegression"),
        ("regression", "LinearRegression()", "LinearRegression"),
        ("regression", "HoeffdingTreeRegressor()", "HoeffdingTreeRegressor"),
        ("anomaly", "MinMaxScaler() | HalfSpaceTrees(seed=1)", "MinMaxScaler"),
    ],
)
def test_text_where_numbers_are_computed_is_refused_with_a_recipe_that_works(
    kind: str, recipe: str, step: str
) -> None:
    error = refusal(recipe, kind=kind)
    assert re.match(rf"(colour is|colour, shape are) text, and {step} computes", error.message)
    assert error.remedy.startswith("write ")
    parse(error.remedy.removeprefix("write "), kind, CLASSES, inputs=SHOP)


def test_the_recipe_that_works_keeps_the_steps_and_the_text() -> None:
    assert refusal(LINEAR, Inputs("l", {"colour": "text", "a": "number"})).remedy == (
        "write ((Discard('colour') | StandardScaler()) + (Select('colour') | OneHotEncoder()))"
        " | LogisticRegression()"
    )
    assert refusal(LINEAR, Inputs("l", {"colour": "text"})).remedy == (
        "write Select('colour') | OneHotEncoder() | LogisticRegression()"
    )


def test_so_many_texts_that_no_recipe_helps_give_the_idea() -> None:
    inputs = Inputs("l", {f"quite_a_long_name_of_text_{n}": "text" for n in range(90)})
    error = refusal(LINEAR, inputs)
    assert len(error.message + error.remedy) < 1_000
    assert "OneHotEncoder()" in error.remedy


def test_what_may_be_text_or_a_number_is_let_through() -> None:
    parse(LINEAR, inputs=Inputs("l", {"c": "unknown", "a": "number"}))


@pytest.mark.parametrize(("kind", "recipe"), RECIPES, ids=[recipe for _, recipe in RECIPES])
def test_no_recipe_that_works_is_refused(kind: str, recipe: str) -> None:
    kinds = {"x": "number", "y": "number", "c": "text", "d": "text", "text": "text"}
    parse(recipe, kind, CLASSES, inputs=Inputs("l", fed(recipe, kinds)))


def test_a_line_and_its_schema_tell_the_kinds() -> None:
    history = [
        {"name": "before", "kind": "previous", "field": "x", "per": "k"},
        {"name": "last", "kind": "previous", "field": "k", "per": "k"},
        {"name": "seen", "kind": "count", "per": "k"},
    ]
    line = Line.parse({
        "name": "l", "events": "e", "id": "id", "features": {
            "numeric": ["x"], "categorical": ["k", "n", "b", "m"], "time": ["hour"],
            "history": history,
        },
    })  # fmt: skip
    enum = {"type": "enum", "name": "K", "symbols": ["A"]}
    types = {"id": "string", "x": "double", "k": ["null", enum], "n": "int", "b": "boolean",
             "m": ["string", "int"]}  # fmt: skip
    fields = [{"name": name, "type": told} for name, told in types.items()]
    schema = Schema.parse({"type": "record", "name": "E", "fields": fields})
    assert inputs_of(line, schema).kinds == {
        "k": "text", "n": "number", "b": "number", "m": "unknown", "x": "number",
        "hour": "number", "before": "number", "last": "text", "seen": "number",
    }  # fmt: skip


# A model by name


def test_a_model_by_name_gets_the_features_of_the_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "reads_features.py").write_text("""
class Reads:
    def learn_one(self, x, y):
        x["a"] + 1, x["colour"].upper()
    def predict_proba_one(self, x):
        return {True: min(1.0, x["a"])}
class Strange(Reads):
    def predict_proba_one(self, x):
        return {True: x["strange"]}
def river():
    from river import compose, linear_model
    return compose.Select("a") | linear_model.LogisticRegression()
""")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "reads_features", raising=False)
    for name in ("Reads", "river"):
        parse(f"reads_features:{name}", named=True, inputs=SHOP)
    error = refusal("reads_features:Strange", named=True)
    assert "KeyError: 'strange'" in error.message
    assert "it gets" in error.remedy and "river" not in error.remedy  # noqa: PT018


# Where recipes are parsed for a line


@pytest.fixture(scope="module")
def space(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    root = tmp_path_factory.mktemp("space") / "flights"
    make_workspace(root, "flights")
    found = Workspace.find(root)
    generate(found.private_key, found.keys_dir / "operator.pub")
    return found


@pytest.mark.parametrize(
    ("recipe", "said"),
    [("Select('carier') | GaussianNB()", "no feature carier"), ("GaussianNB()", "text")],
)
def test_a_promotion_asks_before_it_asks_the_broker(
    space: Workspace, recipe: str, said: str
) -> None:
    signer = Signer.load(space.private_key)
    registry = Registry(space.models_dir, signer.public_keys())
    label = registry.register("wrong", recipe, {}, signer).label
    with pytest.raises(LablineError, match="LL-RECIPE") as caught:
        promote(space, "nowhere.invalid:1", label, "flights-delay")
    assert caught.value.message.startswith(f"{label}: ")
    assert said in caught.value.message


def test_an_upgrade_says_what_would_not_be_promoted_any_more(
    space: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    line = space.line("flights-delay")
    told = declaration(line, space.schema_of(line.events), None)
    models = {
        "champion": ModelRef("right", 1, "Select('dep_delay') | GaussianNB()", ""),
        "challenger": ModelRef("wrong", 2, "Select('dep_dely') | GaussianNB()", ""),
    }
    control = Control()
    control.lines[line.name] = Revision(3, line.name, told, models)
    _warn_of_recipes(LinePast("", control, None, None, 1), line.name)  # type: ignore[arg-type]
    assert capsys.readouterr().err == (
        "warning: challenger wrong@2: Select: line flights-delay has no feature dep_dely;"
        " did you mean dep_delay?\n"
    )


def test_the_example_s_own_experiments_fit_their_lines(space: Workspace) -> None:
    for path in sorted((space.root / "experiments").glob("*.yaml")):
        declared = Experiment.load(path)
        line = space.line(declared.line)
        assert models_of(declared, line, str(path), space.schema_of(line.events))


def test_an_experiment_s_recipes_and_the_line_s_baselines_are_both_asked(space: Workspace) -> None:
    line = space.line("flights-delay")
    schema = space.schema_of(line.events)
    declared = Experiment.of(line.name, {"a": "Select('nope') | GaussianNB()"})
    with pytest.raises(LablineError, match=r"replay: recipes\.a: Select: line flights-delay has"):
        models_of(declared, line, "", schema)
    wrong = line.model_copy(update={"baselines": {"b": "Select('nope') | GaussianNB()"}})
    declared = Experiment.of(line.name, {"a": "BaseRate()"})
    with pytest.raises(LablineError, match=r"line flights-delay: baselines\.b: Select: line"):
        models_of(declared, wrong, "", schema)
