"""State as bytes and back, for every estimator a recipe may name; and nothing else gets in."""

import copy
import functools
import io
import os
import pickle
import random
import re
from collections.abc import Iterator
from typing import Any

import pytest
from river import compose, linear_model
from river.drift import ADWIN

from labline.engine.core.state_digest import state_digest
from labline.engine.errors import LablineError
from labline.engine.models.recipes.language import ALLOWED, parse
from labline.engine.models.state.unpickle import GLOBALS, dump, load
from tests import estimator_recipes
from tests.estimator_recipes import globals_of

TREES = ("mc", "nb", "nba")
#: Enough of each estimator that every class which its state may name is in one of them.
RECIPES = (
    "BaseRate()",
    "NoChange(0.75)",
    "(Select('c', 'd') | OneHotEncoder()) + (Select('x', 'y') | StandardScaler())"
    " | LogisticRegression(optimizer=SGD(0.05))",
    "Select('x', 'y') | MinMaxScaler() | LogisticRegression(optimizer=Adam(0.05), l2=0.1)",
    "Select('x', 'y') | StandardScaler() | LogisticRegression(optimizer=AdaGrad(0.05))",
    "Select('x', 'y') | LogisticRegression(l1=0.1)",
    "Select('x', 'y') | Perceptron()",
    "Select('x', 'y') | ALMAClassifier()",
    *(f"Select('x', 'y') | PAClassifier(mode={mode})" for mode in (0, 1, 2)),
    "GaussianNB()",
    *(
        f"HoeffdingTreeClassifier(leaf_prediction='{leaf}', grace_period=50, binary_split={split},"
        " delta=0.01, tau=0.1)"
        for leaf in TREES
        for split in (True, False)
    ),
    *(
        f"HoeffdingAdaptiveTreeClassifier(leaf_prediction='{leaf}', grace_period=50, seed=1,"
        f" binary_split={split}, delta=0.01, tau=0.1, drift_window_threshold=50)"
        for leaf in TREES
        for split in (True, False)
    ),
)
LABELS = 3_000


def stream(count: int, seed: int, *, drift: bool = True) -> Iterator[tuple[dict[str, Any], bool]]:
    """Yield events whose label hangs on a number and on two categories; then on others."""
    told = random.Random(seed)
    for turn in range(count):
        x = {"x": told.gauss(0, 1), "y": told.random(), "c": told.choice("abcd"),
             "d": told.choice("uv")}  # fmt: skip
        turned = drift and turn % 1_000 >= 500
        truth = (x["c"] in "ab") == (x["x"] > 0) if not turned else x["d"] == "u" or x["y"] > 0.9
        yield x, truth if told.random() < 0.95 else not truth


def numbers_only(recipe: str) -> bool:
    return recipe == "GaussianNB()"


def fed(recipe: str, features: dict[str, Any]) -> dict[str, Any]:
    return {n: features[n] for n in ("x", "y")} if numbers_only(recipe) else features


@functools.cache
def trained(recipe: str, labels: int = LABELS) -> bytes:
    """Return the bytes of a model that has learned a stream."""
    model = parse(recipe)
    for features, label in stream(labels, seed=1):
        model.predict_proba_one(fed(recipe, features))
        model.learn_one(fed(recipe, features), label)
    return dump(model)


@pytest.mark.parametrize("recipe", RECIPES)
def test_state_comes_back_and_goes_on_as_if_nothing_had_been(recipe: str) -> None:
    one = pickle.loads(trained(recipe))  # noqa: S301  # our own, unrestricted
    other = load(trained(recipe))
    assert state_digest(one) == state_digest(other)
    for features, label in stream(700, seed=2):
        x = fed(recipe, features)
        assert one.predict_proba_one(x) == other.predict_proba_one(x)
        one.learn_one(x, label)
        other.learn_one(x, label)
    assert state_digest(one) == state_digest(other)
    assert state_digest(load(dump(one))) == state_digest(one)


def test_every_estimator_that_a_recipe_may_name_is_tried() -> None:
    recipes = [*RECIPES, *(recipe for _, recipe in estimator_recipes.RECIPES)]
    named = set(re.findall(r"[A-Z]\w+(?=\()", " ".join(recipes)))
    assert named == set(ALLOWED)


@pytest.mark.slow
def test_the_list_is_exact() -> None:
    """What no state needs is only there for whoever forges one; what is missing stops a start."""
    needed = {
        found
        for recipe in RECIPES
        for labels in (0, LABELS)
        for found in globals_of(trained(recipe, labels))
    }
    for told in estimator_recipes.facts(0).values():
        needed |= {(module, name) for module, name in told["globals"]}
    assert needed - GLOBALS == set()
    assert GLOBALS - needed == set()


class Names:
    """Reduces to a call of whatever it is told."""

    def __init__(self, call: Any, *arguments: Any) -> None:
        self._told = (call, arguments)

    def __reduce__(self) -> Any:
        return self._told


def with_persistent_id() -> bytes:
    class Referring(pickle.Pickler):
        def persistent_id(self, value: Any) -> Any:
            return "elsewhere" if value == "it" else None

    sink = io.BytesIO()
    Referring(sink, protocol=5).dump(["it"])
    return sink.getvalue()


HOSTILE = {
    "os.system": dump(Names(os.system, "true")),
    "eval": dump(Names(eval, "1")),
    "exec in a partial": dump(functools.partial(exec, "1")),
    "open": dump(Names(open, "/dev/null")),
    "import": dump(Names(__import__, "os")),
    "getattr of a class": dump(Names(getattr, compose.Pipeline, "__init__")),
    "getattr to globals": dump(Names(getattr, linear_model.PAClassifier(), "__init__")),
    "getattr chain": dump(
        Names(getattr, Names(getattr, linear_model.PAClassifier(), "__class__"), "__mro__")
    ),
    "getattr of something like it": dump(
        Names(getattr, linear_model.LinearRegression(), "_calc_tau_1")
    ),
    "a copy of something": dump(Names(copy.deepcopy, Names(eval, "1"))),
    "a copy told by its own": dump(Names(copy.deepcopy, os.system)),
    "a river class that is not listed": dump(linear_model.AdPredictor()),
    "a dotted name": b"\x80\x04\x8c\x12engine.models.state\x8c\x07os.path\x93.",
    "an old protocol's name": b"cos\nsystem\n(S'true'\ntR.",
    "an extension code": b"\x80\x02\x82\x01.",
    "a persistent id": with_persistent_id(),
    "a memo that is not there": b"\x80\x04h\x05.",
    "nothing": b"",
    "no pickle": b"no pickle",
    "a stack underflow": b"\x80\x04R.",
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_what_is_no_state_is_refused(kind: str) -> None:
    with pytest.raises(LablineError, match="LL-STATE-REFUSED"):
        load(HOSTILE[kind])


def test_truncated_at_every_length_is_refused() -> None:
    whole = dump(load(trained(RECIPES[2], 0)))
    for length in range(len(whole)):
        with pytest.raises(LablineError, match="LL-STATE-REFUSED"):
            load(whole[:length])


def test_a_compiled_part_that_panics_is_a_refusal(capfd: pytest.CaptureFixture[str]) -> None:
    """Its panic is no Exception: it would end the process where an older snapshot would do."""
    kind = type(ADWIN()._helper)

    class Short:
        __class__ = kind  # what pickle asks

        def __reduce_ex__(self, protocol: Any) -> Any:
            *made, _, _, _ = kind().__reduce_ex__(protocol)
            return *made, b"short"

    with pytest.raises(LablineError, match=r"LL-STATE-REFUSED.*PanicException"):
        load(dump(Short()))
    assert "panicked" in capfd.readouterr().err


def test_nesting_without_end_is_refused() -> None:
    deep = b"\x80\x04" + b"(" * 100_000 + b"t" * 100_000 + b"."
    with pytest.raises(LablineError, match="LL-STATE-REFUSED"):
        state_digest(load(deep))
