"""Every estimator that a recipe may name: deterministic, and the same after a journey as bytes."""

import importlib.util
from typing import Any

import pytest
from river import feature_extraction, linear_model, neighbors, tree

from labline.engine.models import ordered
from tests.estimator_recipes import RECIPES, facts, stream

NAMES = [f"{kind}: {recipe}" for kind, recipe in RECIPES]


@pytest.mark.slow
def test_they_are_all_trained() -> None:
    assert list(facts(0)) == NAMES, facts(0)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_what_it_says_and_what_it_is_do_not_hang_on_the_hash_seed(name: str) -> None:
    one, other = facts(0)[name], facts(4711)[name]
    assert (one["said"], one["state"]) == (other["said"], other["state"])
    assert one["different"] > 1 or "Constant" in name


@pytest.mark.parametrize("name", NAMES)
def test_it_goes_on_from_its_bytes_as_if_nothing_had_been(name: str) -> None:
    told = facts(0)[name]
    assert told["travelled"] == told["state"]
    assert told["goes_on"]


def follow(kind: str, ours: Any, theirs: Any, names: tuple[str, ...], method: str) -> None:
    """Check that two models say the same all along."""
    for features, label in stream(kind, 1_000):
        x = {name: features[name] for name in names}
        assert getattr(ours, method)(x) == getattr(theirs, method)(x)
        ours.learn_one(x, label)
        theirs.learn_one(x, label)


@pytest.mark.parametrize("mode", [0, 1, 2])
def test_the_passive_aggressive_regressor_is_rivers(mode: int) -> None:
    ours, theirs = ordered.PARegressor(mode=mode), linear_model.PARegressor(mode=mode)
    follow("regression", ours, theirs, ("x", "y"), "predict_one")
    assert {type(weight) for weight in ours.weights.values()} == {float}


def test_nearest_neighbours_are_rivers() -> None:
    def search() -> neighbors.LazySearch:
        return neighbors.LazySearch(50)

    pairs = (
        ("binary", ordered.KNNClassifier(3, search()), neighbors.KNNClassifier(3, search()),
         "predict_proba_one"),
        ("regression", ordered.KNNRegressor(3, search()), neighbors.KNNRegressor(3, search()),
         "predict_one"),
    )  # fmt: skip
    for kind, ours, theirs, method in pairs:
        follow(kind, ours, theirs, ("x", "y"), method)


def test_word_weights_are_rivers() -> None:
    ours, theirs = ordered.TFIDF(on="text"), feature_extraction.TFIDF(on="text")
    for features, _ in stream("binary", 500):
        ours.learn_one(features)
        theirs.learn_one(features)
        assert ours.transform_one(features) == theirs.transform_one(features)


def test_an_adaptive_trees_probabilities_are_rivers() -> None:
    """Of two classes river's sum is the same in either order; it is a third that needs one."""
    spec = importlib.util.find_spec("river.tree.hoeffding_adaptive_tree_classifier")
    assert spec is not None
    assert spec.loader is not None
    as_it_was = importlib.util.module_from_spec(spec)  # river's module anew, which nobody changed
    as_it_was.__package__ = "river.tree"
    spec.loader.exec_module(as_it_was)
    told: dict[str, Any] = {"grace_period": 50, "delta": 0.01, "tau": 0.1, "seed": 1}
    theirs = as_it_was.HoeffdingAdaptiveTreeClassifier(**told)
    ours = tree.HoeffdingAdaptiveTreeClassifier(**told)
    assert type(ours).predict_proba_one is not type(theirs).predict_proba_one
    follow("binary", ours, theirs, ("x", "y", "c", "d"), "predict_proba_one")
