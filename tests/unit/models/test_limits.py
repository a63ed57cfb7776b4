"""How large a recipe may be: said before anything of it is made."""

import inspect

import pytest

from labline.engine.errors import LablineError
from labline.engine.models.recipes.allow_list import ALLOWED
from labline.engine.models.recipes.features import Inputs
from labline.engine.models.recipes.language import parse
from labline.engine.models.recipes.size_limits import MANY, MOST

CLASSES = ("a", "b", "c")
WIDE = Inputs("l", {f"x{n}": "number" for n in range(60)})


def nested(levels: int) -> str:
    return "OneVsRestClassifier(" * levels + "LogisticRegression()" + ")" * levels


@pytest.mark.parametrize("inputs", [None, WIDE], ids=["unknown", "known"])
@pytest.mark.parametrize(
    ("kind", "recipe", "said", "remedy"),
    [
        ("binary", "ARFClassifier(n_models=1000000000, seed=1)",
         "ARFClassifier: n_models is 1,000,000,000", "at most 1,000"),
        ("binary", "BaggingClassifier(GaussianNB(), 1000000000, 1)", "n_models", "at most"),
        ("regression", "AMFRegressor(n_estimators=100000, seed=1)", "n_estimators", "1,000"),
        ("multiclass", "OutputCodeClassifier(Perceptron(), 1000000000, seed=1)", "code_size", ""),
        ("binary", "HalfSpaceTrees(height=60, seed=1)", "height is 60", "at most 15"),
        ("anomaly", "HalfSpaceTrees(height=60, seed=1)", "height is 60", "at most 15"),
        ("anomaly", "HalfSpaceTrees(500, height=15, seed=1)", "16,384,000 nodes", "200,000"),
        ("anomaly", "HalfSpaceTrees(n_trees=1000, seed=1)", "256,000 nodes", "200,000"),
        ("binary", "PolynomialExtender(degree=50) | GaussianNB()", "degree is 50", "at most 6"),
        ("binary", "PolynomialExtender(50) | GaussianNB()", "degree is 50", "at most 6"),
        ("multiclass", nested(120), "more than 10 deep", "flatter"),
        ("multiclass", nested(10), "more than 10 deep", "flatter"),
        ("binary", "BaggingClassifier(ARFClassifier(n_models=200, seed=1), seed=1)",
         "2,000 models in one recipe", "at most 1,000"),
        ("binary", f"VotingClassifier([{', '.join(['ARFClassifier(n_models=600, seed=1)'] * 2)}])",
         "1,200 models", ""),
        ("binary", "KNNClassifier(engine=LazySearch(1000000000))", "window_size", "100,000"),
        ("binary", "BagOfWords('x0', ngram_range=(1, 99)) | MultinomialNB()", "ngram_range", "10"),
        ("binary", "LeveragingBaggingClassifier(GaussianNB(), w=1e9, seed=1)", "w is", "100"),
        ("binary", "HoeffdingTreeClassifier(max_size=1e300)", "max_size is 1e+300", "1,000"),
        ("binary", "ARFClassifier(drift_detector=ADWIN(max_buckets=1000000), seed=1)",
         "ADWIN: max_buckets", "100"),
    ],
)  # fmt: skip
def test_what_would_take_too_much_is_refused_before_it_is_made(
    kind: str, recipe: str, said: str, remedy: str, inputs: Inputs | None
) -> None:
    with pytest.raises(LablineError, match="LL-RECIPE") as caught:
        parse(recipe, kind, CLASSES, inputs=inputs)
    assert said in caught.value.message
    assert remedy in caught.value.remedy


def test_products_of_many_features_are_counted() -> None:
    recipe = "{}PolynomialExtender(degree=4) | GaussianNB()"
    with pytest.raises(LablineError, match=r"60 features and their products .* are 635,376"):
        parse(recipe.format(""), inputs=WIDE)
    parse(recipe.format("Select('x1', 'x2', 'x3') | "), inputs=WIDE)


def test_a_detector_on_a_binary_line_is_refused_for_its_kind() -> None:
    with pytest.raises(LablineError, match="HalfSpaceTrees is an anomaly detector"):
        parse("HalfSpaceTrees(height=14, seed=1)", inputs=WIDE)


@pytest.mark.parametrize(
    ("kind", "recipe"),
    [
        ("binary", "BaggingClassifier(HoeffdingTreeClassifier(), n_models=1000, seed=1)"),
        ("binary", "ARFClassifier(n_models=100, seed=1)"),
        ("multiclass", nested(3)),
        ("anomaly", "HalfSpaceTrees(n_trees=25, height=10, seed=1)"),
        ("binary", "Select('x1') | PolynomialExtender(6) | LogisticRegression()"),
    ],
)
def test_what_people_use_is_within_the_bounds(kind: str, recipe: str) -> None:
    parse(recipe, kind, CLASSES, inputs=WIDE)


def test_every_bound_is_a_parameter_of_some_estimator() -> None:
    known = {name for told in ALLOWED.values() for name in inspect.signature(told).parameters}
    assert {*MOST, *MANY} <= known
