"""The twin against river itself: scores and state, bit for bit, after every step of any stream."""

import math
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from river import compose, linear_model, optim
from river.preprocessing import MinMaxScaler, OneHotEncoder, StandardScaler

from labline.engine.models.estimators import Select
from labline.engine.models.fast.model import Twin, twin_of
from tests.estimator_state import same, score, walk
from tests.slices import part

pytestmark = pytest.mark.slice

Event = tuple[bool, dict[Any, Any], Any]  # learn it or only score it, features, label
NUMBERS, CATEGORIES = ("x", "a_v", "z"), ("a", "a_b")  # a's "b_u" is a_b's "u", its "v" a number


def outcome(call: Callable[..., Any], *arguments: Any) -> Any:
    """Return what a call gives or raises."""
    try:
        return walk(call(*arguments))
    except Exception as error:
        return type(error), str(error)


def _is_finite(model: Any) -> bool:
    last = model[-1] if isinstance(model, compose.Pipeline) else model
    return all(map(math.isfinite, [last.intercept, *last.weights.values()]))


def follow(model: Any, events: list[Event]) -> Twin:
    """Run a model and its twin over a stream; they never differ. Return the twin."""
    twin = twin_of(model)
    assert twin is not None
    same(twin.river(), model)
    for number, (learns, features, label) in enumerate(events):
        if learns:
            expected = outcome(model.learn_one, features, label)
            assert outcome(twin.learn, features, label) == expected
        else:
            assert outcome(twin.score, features) == outcome(score, model, features)
        if number % 3 == 0:
            same(twin.river(), model)
        if number % 5 == 0:
            again = twin_of(twin.river())
            assert again is not None or not twin.in_charge or not _is_finite(model)
            twin = again or twin
    same(twin.river(), model)
    return twin


def logistic(*steps: Any, **parameters: Any) -> Any:
    """Return a pipeline that ends in a logistic regression."""
    return compose.Pipeline(*steps, linear_model.LogisticRegression(**parameters))


def union(*parts: Any) -> Any:
    return compose.TransformerUnion(*parts)


def picked(names: tuple[str, ...], *steps: Any) -> Any:
    return compose.Pipeline(Select(*names), *steps) if steps else Select(*names)


SHAPES: dict[str, Callable[..., Any]] = {
    "categories and scaled": lambda **p: logistic(
        union(picked(CATEGORIES, OneHotEncoder()), picked(NUMBERS, StandardScaler())), **p
    ),
    "scaled and categories": lambda **p: logistic(
        union(picked(NUMBERS, StandardScaler()), picked(CATEGORIES, OneHotEncoder())), **p
    ),
    "two encoders, ranges, raw": lambda **p: logistic(
        Select("x", "a", "z", "a_b"),
        union(
            picked(("a_b",), OneHotEncoder()),
            picked(("z", "a_v"), MinMaxScaler()),
            picked(("a",), OneHotEncoder()),
            picked(("x",)),
        ),
        **p,
    ),
    "no zeros": lambda **p: logistic(
        union(picked(CATEGORIES, OneHotEncoder(drop_zeros=True)), picked(NUMBERS, MinMaxScaler())),
        **p,
    ),
    "regression": lambda **p: compose.Pipeline(
        union(picked(CATEGORIES, OneHotEncoder()), picked(NUMBERS, StandardScaler())),
        linear_model.LinearRegression(**p),
    ),
}
FREE: dict[str, Callable[..., Any]] = {
    "all scaled": lambda **p: logistic(StandardScaler(), **p),
    "all in range": lambda **p: logistic(MinMaxScaler(), **p),
    "all raw": lambda **p: linear_model.LogisticRegression(**p),
    "all one-hot": lambda **p: logistic(OneHotEncoder(), **p),
    "all one-hot, no zeros": lambda **p: logistic(OneHotEncoder(drop_zeros=True), **p),
}
parameters = (
    st.fixed_dictionaries(
        {
            "optimizer": st.sampled_from([0.01, 1, 0.5, -0.1, 0]).map(lambda rate: optim.SGD(rate)),
            "intercept_lr": st.sampled_from([0.01, 0, 1]),
            "intercept_init": st.sampled_from([0.0, 0, -3]),
            "clip_gradient": st.sampled_from([1e12, 0.3, 1]),
        },
        optional={},
    )
    .flatmap(
        lambda found: st.sampled_from(
            [{}, {}, {"l2": 0.1}, {"l2": 1}, {"l1": 0.01}, {"l1": 1}]
        ).map(lambda more: found | more)
    )
    .filter(lambda found: found["optimizer"].learning_rate >= 0 or "l2" not in found)
)
HUGE = [0.0, -0.0, 5e-324, -1e-310, 1e150, -1e300, 1.7e308, -1.7e308, 2**53 + 1, -(2**63), 10**25]
numbers = st.one_of(st.integers(-5, 5), st.floats(-100, 100), st.sampled_from(HUGE), st.booleans())
tame_numbers = st.one_of(st.integers(-5, 5), st.floats(-100, 100))
odd = st.one_of(
    st.sampled_from(
        [
            None,
            "text",
            [1],
            {"s"},
            math.nan,
            math.inf,
            10**400,
            1j,
            Decimal(2),
            Fraction(1, 3),
            np.float64(1.5),
            np.float32(0.1),
            np.int64(3),
            np.bool_(True),
        ]
    )
)
categories = {
    "text": st.sampled_from(["u", "w", "", "_", "é"]),
    "clash": st.sampled_from(["u", "v", "b_u"]),
    "int": st.integers(-2, 2),
    "bool": st.booleans(),
    "float": st.sampled_from([0.5, 1.5, -2.0]),
    "zeros": st.sampled_from([0.0, -0.0, 0.5, math.nan]),
    "odd": st.sampled_from(["1", 1, 1.0, True, 0.0, -0.0, math.nan, None, "b", ("t",), ["u"], {1}]),
}


def features(values: Any, kinds: Any) -> Any:
    return st.fixed_dictionaries(
        {}, optional={**dict.fromkeys(NUMBERS, values), **dict(zip(CATEGORIES, kinds, strict=True))}
    )


def stream(given_features: Any, labels: Any = None) -> Any:
    labels = st.booleans() if labels is None else labels
    return st.lists(st.tuples(st.booleans(), given_features, labels), max_size=30)


tame_kinds = st.tuples(*[st.sampled_from(["text", "int", "bool", "float"])] * 2)
tame = tame_kinds.flatmap(
    lambda kinds: stream(features(tame_numbers, [categories[kind] for kind in kinds]))
)
wild_kinds = st.tuples(*[st.sampled_from(sorted(categories))] * 2)
wild = wild_kinds.flatmap(
    lambda kinds: stream(features(numbers, [categories[kind] for kind in kinds]))
)
clashing = stream(features(tame_numbers, [categories["clash"]] * 2)) | stream(
    features(tame_numbers, [categories["zeros"]] * 2)
)
odd_numbers = st.one_of(tame_numbers, tame_numbers, odd)
mad = stream(features(odd_numbers, [categories["text"]] * 2)) | stream(
    features(odd_numbers, [categories["odd"]] * 2),
    st.one_of(st.booleans(), st.sampled_from([0, 1, 2, None, "late", 1.5])),
)
slow = settings(
    max_examples=part(25, of=100),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)


@pytest.mark.parametrize("shape", SHAPES)
@slow
@given(found=parameters, events=tame)
def test_a_common_stream_stays_with_the_twin(
    shape: str, found: dict[str, Any], events: list[Event]
) -> None:
    twin = follow(SHAPES[shape](**found), events)
    assert twin.in_charge or not _is_finite(twin.river())


@pytest.mark.parametrize("shape", SHAPES)
@slow
@given(found=parameters, events=wild)
def test_huge_and_tiny_numbers(shape: str, found: dict[str, Any], events: list[Event]) -> None:
    follow(SHAPES[shape](**found), events)


@pytest.mark.parametrize("shape", SHAPES)
@slow
@given(found=parameters, events=clashing)
def test_categories_that_share_a_name(
    shape: str, found: dict[str, Any], events: list[Event]
) -> None:
    follow(SHAPES[shape](**found), events)


@pytest.mark.parametrize("shape", SHAPES)
@slow
@given(found=parameters, events=mad)
def test_what_no_schema_lets_through(
    shape: str, found: dict[str, Any], events: list[Event]
) -> None:
    follow(SHAPES[shape](**found), events)


names = st.sampled_from(["x", "y", "x_1", "z", 1, "a", "a_u"])


@pytest.mark.parametrize("shape", FREE)
@slow
@given(
    found=parameters,
    events=st.one_of(
        stream(st.dictionaries(names, numbers, max_size=5)),
        stream(st.dictionaries(names, tame_numbers, max_size=5)),
        stream(st.dictionaries(names, categories["text"], max_size=5)),
        stream(st.dictionaries(names, st.one_of(odd, categories["odd"]), max_size=4)),
    ),
)
def test_features_that_come_in_any_order(
    shape: str, found: dict[str, Any], events: list[Event]
) -> None:
    follow(FREE[shape](**found), events)


@slow
@given(found=parameters, events=stream(features(tame_numbers, [categories["text"]] * 2), numbers))
def test_a_regression(found: dict[str, Any], events: list[Event]) -> None:
    follow(SHAPES["regression"](**found), events)
