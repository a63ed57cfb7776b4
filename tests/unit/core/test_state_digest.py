"""The state digest: another one for any other state, the same one for the same state."""

import os
import pickle
import random
import subprocess
import sys
from collections import Counter, OrderedDict, defaultdict, deque
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labline.engine.core.state_digest import state_digest
from labline.engine.errors import LablineError


class Plain:
    def __init__(self, **attributes: Any) -> None:
        vars(self).update(attributes)

    def method(self) -> None:
        """Do nothing."""

    def other(self) -> None:
        """Do nothing."""


class Slotted:
    __slots__ = ("a", "b")

    def __init__(self, a: Any, b: Any) -> None:
        self.a, self.b = a, b


class Listed(list):  # type: ignore[type-arg]
    """A list with attributes."""


def keeping(values: list[Any], **attributes: Any) -> Listed:
    made = Listed(values)
    vars(made).update(attributes)
    return made


def shared() -> list[Any]:
    one = Plain(a=1)
    return [one, one]


def knot(value: int) -> Plain:
    first, second = Plain(value=value), Plain()
    first.next, second.next = second, first  # type: ignore[attr-defined]
    return first


#: Each is another state than every other one.
DIFFERENT: list[Any] = [
    None, False, True, 0, 1, -1, 2, 10**400, 0.0, -0.0, 1.0, np.nextafter(1.0, 2.0).item(),
    float("inf"), float("nan"), np.float64(1.0), np.float32(1.0), np.int64(1),
    "", "1", "a", "é", "e\u0301", "\ud800", b"", b"1", b"a", "None", "int:1;",
    [], [1], [1, 2], [2, 1], [[1], 2], [[1, 2]], [1, [2]], [[], []], [[[]]], (), (1,), ((1,),),
    {}, {"a": 1}, {"a": 1.0}, {"b": 1}, {"a": 1, "b": 2}, {"b": 2, "a": 1}, {1: "a"},
    OrderedDict(), OrderedDict(a=1), Counter(), Counter("a"),
    defaultdict(int), defaultdict(float), defaultdict(int, a=1), defaultdict(None, a=1),
    set(), {1}, {1, 2}, {"1"}, frozenset(), frozenset({1}), {frozenset({1})}, {(1, 2)}, {1.5, 2},
    deque(), deque([1]), deque([1], maxlen=3), deque([1], maxlen=4),
    Plain(), Plain(a=1), Plain(a=1.0), Plain(b=1), Plain(a=1, b=2), Plain(a=Plain(a=1)),
    Slotted(1, 2), Slotted(2, 1), keeping([1]), keeping([1], a=1), keeping([2], a=1),
    [Plain(a=1), Plain(a=1)], shared(), knot(1), knot(2),
    Plain, Slotted, int, len, state_digest, Plain().method, Plain().other, Plain(a=1).method,
    [1].append, [2].append, random.Random(1).random, random.Random(2).random,
    partial(int), partial(int, "1"), partial(int, base=2), partial(float, "1"),
    random.Random(1), random.Random(2),
]  # fmt: skip


def test_any_other_state_has_another_digest() -> None:
    digests = [state_digest(value) for value in DIFFERENT]
    same = [
        (DIFFERENT[one], DIFFERENT[other])
        for one, other in combinations(range(len(DIFFERENT)), 2)
        if digests[one] == digests[other]
    ]
    assert same == []


@pytest.mark.parametrize("value", DIFFERENT, ids=lambda value: type(value).__name__)
def test_the_same_state_has_the_same_digest_after_a_pickle(value: Any) -> None:
    assert state_digest(value) == state_digest(value)
    again = pickle.loads(pickle.dumps(value, 5))  # noqa: S301  # our own
    assert state_digest(again) == state_digest(value)


def test_attributes_come_in_any_order_and_sets_too() -> None:
    one, other = Plain(a=1, b=2), Plain(b=2, a=1)
    assert state_digest(one) == state_digest(other)
    names = [f"n{n}" for n in range(100)]
    assert state_digest({*names}) == state_digest({*names[::-1]})


def test_a_temporary_object_is_not_taken_for_another() -> None:
    """An id is free again once its object is gone: what is met must be held."""

    class Fresh:
        def __init__(self, value: int) -> None:
            self.value = value

        def __reduce_ex__(self, protocol: Any) -> Any:
            del protocol
            return list, (), [Plain(a=self.value), Plain(a=self.value)]

    assert state_digest([Fresh(1), Fresh(2)]) != state_digest([Fresh(1), Fresh(1)])
    assert state_digest([Fresh(1), Fresh(1)]) == state_digest([Fresh(1), Fresh(1)])


def test_a_list_that_holds_itself_is_refused() -> None:
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(LablineError, match="LL-STATE-REFUSED"):
        state_digest(endless)


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: (
        st.lists(inner)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text() | st.integers(), inner)
        | st.frozensets(st.text() | st.integers() | st.floats())
    ),
    max_leaves=20,
)


def told(value: Any) -> Any:
    """Return plain data so that only the same data are equal: types, bits, order."""
    if isinstance(value, dict):
        return "dict", [(told(k), told(v)) for k, v in value.items()]
    if isinstance(value, frozenset):
        return "set", sorted(repr(told(item)) for item in value)
    if isinstance(value, list | tuple):
        return type(value).__name__, [told(item) for item in value]
    return type(value).__name__, value.hex() if isinstance(value, float) else repr(value)


@given(plain, plain)
def test_digests_are_equal_where_states_are(one: Any, other: Any) -> None:
    assert (state_digest(one) == state_digest(other)) == (told(one) == told(other))
    assert state_digest(pickle.loads(pickle.dumps(one))) == state_digest(one)  # noqa: S301


TRAINED = """
from tests.unit.models.test_state import RECIPES, load, state_digest, trained
print([state_digest(load(trained(recipe, 600))) for recipe in RECIPES])
print(state_digest({"names": {f"n{n}" for n in range(50)}}))
"""


@pytest.mark.slow
def test_no_digest_hangs_on_the_hash_seed_or_the_process() -> None:
    """Nor does any estimator's state on what a set gives first, or on the system's randomness."""
    root = Path(__file__).parents[3]
    said = {
        subprocess.run(
            [sys.executable, "-c", TRAINED], cwd=root, check=True, capture_output=True, text=True,
            env={**os.environ, "PYTHONHASHSEED": seed}, timeout=120,
        ).stdout
        for seed in ("1", "2", "77")
    }  # fmt: skip
    assert len(said) == 1
