"""The twin on real data: river's bundled data sets and a month of flights, every bit compared."""

import pickle
import tomllib
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from river import compose, datasets, linear_model, optim, preprocessing

from labline.engine.core.features import extractor
from labline.engine.core.line import Line
from labline.engine.demo.flights_source import DEPARTED, timeline
from labline.engine.models.estimators import Select
from labline.engine.models.fast.model import twin_of
from labline.engine.models.recipes.language import parse
from tests.estimator_state import same, score, walk

FLIGHTS = Path(__file__).parents[3] / "examples/flights"
EXPERIMENT: Any = yaml.safe_load((FLIGHTS / "experiments/flights.yaml").read_text())
LINE = Line.parse(tomllib.loads((FLIGHTS / "lines/flights-delay.toml").read_text()))
FLARE = ("zurich-class", "activity", "evolution")
ROWS_BETWEEN_SNAPSHOTS = 997

#: Whether it is learned now, or scored; features; label.
Step = tuple[bool, dict[str, Any], Any]


def flights(last: date) -> Iterator[Step]:
    """Yield what the line of the example would score and learn, in its order."""
    extract = extractor(LINE)
    waiting: dict[str, Any] = {}
    for time_ms, topic, record in timeline(date(2013, 1, 1), last):
        if topic == DEPARTED and record["dep_delay"] is not None:
            features = waiting[record["id"]] = extract(record, time_ms)
            yield False, features, None
        elif topic != DEPARTED and record["id"] in waiting:
            yield True, waiting.pop(record["id"]), record["late"]


def rows(data: Any, label: Any = lambda y: y) -> Iterator[Step]:
    """Yield each row of a data set twice: scored, then learned."""
    for features, told in data:
        yield False, features, None
        yield True, features, label(told)


def follow(model: Any, steps: Iterator[Step]) -> int:
    """Run a model and its twin, with a snapshot now and then; return how many steps there were."""
    twin = twin_of(model)
    count = 0
    for count, (learns, features, label) in enumerate(steps, 1):
        assert twin is not None
        if learns:
            model.learn_one(features, label)
            twin.learn(features, label)
        else:
            assert walk(twin.score(features)) == walk(score(model, features))
        if count % ROWS_BETWEEN_SNAPSHOTS == 0:
            assert twin.in_charge
            twin = twin_of(pickle.loads(pickle.dumps(twin.river())))  # noqa: S301  # our own
    assert twin is not None
    assert twin.in_charge
    same(twin.river(), model)
    return count


@pytest.mark.parametrize("recipe", [EXPERIMENT["recipes"]["logistic"], LINE.baselines["dep-delay"]])
def test_a_month_of_flights(recipe: str) -> None:
    assert follow(parse(recipe), flights(date(2013, 1, 31))) == 52_783


@pytest.mark.parametrize(
    "recipe",
    [
        "StandardScaler() | LogisticRegression(optimizer=SGD(0.1))",
        "MinMaxScaler() | LogisticRegression(l2=0.01)",
        "LogisticRegression(l1=0.001, clip_gradient=0.5, intercept_lr=0.1)",
    ],
)
@pytest.mark.parametrize("data", [datasets.Phishing, datasets.Bananas])
def test_classified_rows(recipe: str, data: Any) -> None:
    follow(parse(recipe), rows(data()))


@pytest.mark.parametrize("parameters", ["", "drop_zeros=True"])
@pytest.mark.parametrize("penalty", ["", "l2=0.01", "l1=0.001"])
def test_flares_by_categories_of_text_and_numbers(parameters: str, penalty: str) -> None:
    recipe = (
        f"(Select{FLARE} | OneHotEncoder({parameters}))"
        f" + (Select('area', 'hist-complex') | MinMaxScaler()) | LogisticRegression({penalty})"
    )
    follow(parse(recipe), rows(datasets.SolarFlare(), lambda y: y["c-class-flares"] > 0))


def test_segments_told_from_skies() -> None:
    recipe = "StandardScaler() | LogisticRegression(l2=0.001)"
    follow(parse(recipe), rows(datasets.ImageSegments(), lambda y: y == "sky"))


@pytest.mark.parametrize("data", [datasets.TrumpApproval, datasets.ChickWeights])
@pytest.mark.parametrize("scaler", [preprocessing.StandardScaler, preprocessing.MinMaxScaler])
def test_regression(data: Any, scaler: Any) -> None:
    model = compose.Pipeline(scaler(), linear_model.LinearRegression(intercept_lr=0.1))
    follow(model, rows(data()))


@pytest.mark.parametrize(
    "recipe",
    [
        "BaseRate()",
        "Select('x') | HoeffdingTreeClassifier()",
        "StandardScaler(with_std=False) | LogisticRegression()",
        "StandardScaler(window_size=10) | LogisticRegression()",
        "MinMaxScaler(window_size=10) | LogisticRegression()",
        "StandardScaler() | MinMaxScaler() | LogisticRegression()",
        "StandardScaler() + OneHotEncoder() | LogisticRegression()",
        "Select('x') + (Select('x') | StandardScaler()) | LogisticRegression()",
        "(Select('a') | OneHotEncoder()) + Select('x') | StandardScaler() | LogisticRegression()",
        "(Select('a') | OneHotEncoder(drop_zeros=True)) + (Select('b') | OneHotEncoder())"
        " | LogisticRegression()",
        "StandardScaler() | LogisticRegression(optimizer=Adam())",
        "StandardScaler() | Perceptron()",
    ],
)
def test_river_stays_where_the_twin_is_not_exact(recipe: str) -> None:
    assert twin_of(parse(recipe)) is None


@pytest.mark.parametrize(
    "parameters",
    [
        {"loss": optim.losses.Hinge()},
        {"loss": optim.losses.Log(weight_pos=2.0)},
        {"initializer": optim.initializers.Normal(seed=1)},
        {"initializer": optim.initializers.Constant(0.5)},
        {"intercept_lr": optim.schedulers.InverseScaling(0.1)},
        {"optimizer": optim.SGD(optim.schedulers.InverseScaling(0.1))},
        {"optimizer": optim.SGD(float("inf"))},
        {"clip_gradient": float("inf")},
        {"l2": 101.0},
        {"l2": -0.1},
        {"intercept_init": float("nan")},
    ],
)
def test_parameters_that_the_twin_does_not_know(parameters: dict[str, Any]) -> None:
    assert twin_of(linear_model.LogisticRegression(**parameters)) is None
    assert twin_of(linear_model.LogisticRegression()) is not None


class Scaler(preprocessing.StandardScaler):
    """Another class, which may do another thing."""


def test_a_subclass_or_an_encoder_that_drops_is_another_model() -> None:
    encoder = preprocessing.OneHotEncoder(drop_first=True)
    assert twin_of(compose.Pipeline(encoder, linear_model.LogisticRegression())) is None
    assert twin_of(compose.Pipeline(Scaler(), linear_model.LogisticRegression())) is None


def test_a_state_that_no_stream_leaves_behind() -> None:
    scaler = preprocessing.StandardScaler._from_state(
        counts={"x": 100}, means={"x": 10.0}, vars={"x": 4.0}
    )
    model = compose.Pipeline(Select("x"), scaler, linear_model.LogisticRegression())
    assert twin_of(model) is None  # learned by the scaler, and not by the regression


def test_the_twin_and_its_models_share_nothing() -> None:
    model = parse("Select('x') | StandardScaler() | LogisticRegression()")
    before = walk(model)
    twin = twin_of(model)
    assert twin is not None
    twin.learn({"x": 1.0}, True)
    assert walk(model) == before
    given = twin.river()
    state = walk(given)
    twin.learn({"x": 2.0}, False)
    assert walk(given) == state
    given.learn_one({"x": 2.0}, False)
    same(twin.river(), given)


def test_river_takes_over_for_good_and_the_stream_goes_on() -> None:
    model = parse("Select('x') | StandardScaler() | LogisticRegression()")
    twin = twin_of(model)
    assert twin is not None
    twin.learn({"x": 1.0}, True)
    model.learn_one({"x": 1.0}, True)
    for learn in (twin.learn, model.learn_one):
        with pytest.raises(TypeError, match="unsupported operand"):
            learn({"x": "text"}, True)
    assert not twin.in_charge
    same(twin.river(), model)
    twin.learn({"x": 3.0}, False)
    model.learn_one({"x": 3.0}, False)
    assert twin.score({"x": 2.0}) == model.predict_proba_one({"x": 2.0})[True]
    same(twin.river(), model)


@pytest.mark.parametrize("scaler", ["StandardScaler() | ", "MinMaxScaler() | ", ""])
@pytest.mark.parametrize("first", [[], [1.0], [1.0, 2.0]])
def test_numbers_that_overflow(scaler: str, first: list[float]) -> None:
    model = parse(f"Select('x') | {scaler}LogisticRegression()")
    twin = twin_of(model)
    assert twin is not None
    for number in (*first, 1.7e308, -1.7e308, 5e-324, 1.0):
        model.learn_one({"x": number}, True)
        twin.learn({"x": number}, True)
        same(twin.river(), model)
        assert walk(twin.score({"x": 2.0})) == walk(score(model, {"x": 2.0}))


@pytest.mark.parametrize("number", [np.float32(0.1), np.float64(0.1), np.int64(3)])
def test_another_librarys_numbers_are_rivers(number: Any) -> None:
    model = parse("Select('x') | LogisticRegression()")
    twin = twin_of(model)
    assert twin is not None
    for value in (1.0, number, 2.0):
        model.learn_one({"x": value}, True)
        twin.learn({"x": value}, True)
        same(twin.river(), model)
    assert not twin.in_charge
