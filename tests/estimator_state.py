"""The state of a river estimator, comparable: equal walks are equal states, to the last bit."""

import pickle
import struct
from collections import defaultdict
from typing import Any

from river import compose, linear_model
from river.utils import VectorDict


def walk(value: Any) -> Any:
    """Return a state by class, sorted attributes, dicts in their order, doubles by their bits."""
    if isinstance(value, float):
        return type(value), struct.pack("<d", value)
    if isinstance(value, dict):
        factory = value.default_factory if isinstance(value, defaultdict) else None
        return type(value), walk(factory), [(walk(k), walk(v)) for k, v in value.items()]
    if isinstance(value, set | frozenset):
        return type(value), sorted(map(repr, map(walk, value)))
    if isinstance(value, list | tuple):
        return type(value), [walk(item) for item in value]
    if isinstance(value, VectorDict):
        return type(value), [walk(part) for part in value.__reduce__()[1]]
    if isinstance(value, type):
        return value
    if not hasattr(value, "__dict__"):
        return type(value), repr(value)
    return type(value), [(name, walk(vars(value)[name])) for name in sorted(vars(value))]


def same(one: Any, other: Any) -> None:
    """Check that two estimators are in the same state, and still are after a pickle."""
    assert walk(one) == walk(other)
    copies = [pickle.loads(pickle.dumps(model)) for model in (one, other)]  # noqa: S301  # our own
    assert walk(copies[0]) == walk(copies[1])


def score(model: Any, features: dict[Any, Any]) -> Any:
    """Return what a river model answers: the probability of True, or a regression's number."""
    last = model[-1] if isinstance(model, compose.Pipeline) else model
    if isinstance(last, linear_model.LinearRegression):
        return model.predict_one(features)
    return model.predict_proba_one(features)[True]
