"""What is remembered per key: bounded, counted, and the same after a restart."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labline.engine.core.declared import HistoryFeature
from labline.engine.core.history import History
from tests.unit.core.test_task import event, feed, make_task


def previous(name: str, field: str, per: str = "k") -> HistoryFeature:
    return HistoryFeature(name=name, kind="previous", field=field, per=per)


def count(name: str, per: str = "k") -> HistoryFeature:
    return HistoryFeature(name=name, kind="count", per=per)


def seen(history: History, **datum: Any) -> dict[str, Any]:
    features: dict[str, Any] = {}
    history.extend({"k": "a", "m": "s", "x": None, "y": None, **datum}, features)
    return features


def test_the_first_event_of_a_key_has_no_previous_value() -> None:
    history = History([previous("before", "x"), count("events")], 9)
    assert seen(history, x=1.0) == {"events": 0}
    assert seen(history, k="b", x=5.0) == {"events": 0}
    assert seen(history, x=2.0) == {"before": 1.0, "events": 1}


def test_a_previous_value_that_was_null_is_left_out_not_replaced_by_an_older_one() -> None:
    history = History([previous("before", "x"), count("events")], 9)
    seen(history, x=1.0)
    assert seen(history, x=None) == {"before": 1.0, "events": 1}
    assert seen(history, x=3.0) == {"events": 2}
    assert seen(history) == {"before": 3.0, "events": 3}


def test_a_zero_is_a_value() -> None:
    history = History([previous("before", "x")], 9)
    seen(history, x=0.0)
    assert seen(history) == {"before": 0.0}


def test_features_come_in_the_declared_order() -> None:
    history = History([count("c"), previous("b", "y"), previous("a", "x", "m")], 9)
    seen(history, x=1.0, y=2.0)
    assert list(seen(history)) == ["c", "b", "a"]


def test_the_key_that_was_longest_not_seen_is_forgotten_and_counted() -> None:
    history = History([count("per_k"), count("per_m", "m")], 2)
    forgotten = [
        history.extend({"k": key, "m": "same"}, {}) for key in ("a", "b", "a", "c", "a", "b")
    ]
    assert forgotten == [0, 0, 0, 1, 0, 1]
    assert seen(history, k="a") == {"per_k": 3, "per_m": 0}
    assert seen(history, k="c", m="same") == {"per_k": 0, "per_m": 6}  # b pushed it out


def test_another_declaration_keeps_what_it_still_asks_for() -> None:
    history = History([previous("x1", "x"), previous("y1", "y"), count("m1", "m")], 9)
    seen(history, x=1.0, y=2.0)
    history.declare([count("again"), previous("y2", "y"), previous("new", "z")], 9)
    assert seen(history, y=3.0, z=4.0) == {"again": 1, "y2": 2.0}
    assert seen(history, z=5.0) == {"again": 2, "y2": 3.0, "new": 4.0}
    history.declare([count("m2", "m")], 9)
    assert seen(history) == {"m2": 0}


def test_a_lower_limit_forgets_at_the_next_event() -> None:
    history = History([count("events")], 9)
    for key in "abcde":
        seen(history, k=key)
    history.declare([count("events")], 2)
    assert history.extend({"k": "e"}, {}) == 3
    assert [key for key, _ in history.state()["k"]["keys"]] == ["d", "e"]


def test_a_restart_under_another_declaration_is_as_if_there_had_been_none() -> None:
    """A revision under which no record was taken may be the one that a snapshot names."""
    first, last = [previous("x1", "x"), count("c")], [previous("y1", "y"), previous("x1", "x")]
    live, stopped = History(first, 9), History(first, 9)
    for history in (live, stopped):
        seen(history, x=1.0, y=2.0)
    back = History([], 1)
    back.restore(stopped.state())
    for history in (live, back):
        history.declare(last, 9)
    assert live.state() == back.state()
    assert seen(live) == seen(back) == {"x1": 1.0}


declared = st.lists(
    st.one_of(
        st.builds(previous, st.just("f"), st.sampled_from("xy"), st.sampled_from("km")),
        st.builds(lambda per: count("f", per), st.sampled_from("km")),
    ),
    max_size=5,
)
events = st.lists(
    st.fixed_dictionaries(
        {
            "k": st.sampled_from("abcd"),
            "m": st.sampled_from("st"),
            "x": st.none() | st.integers(0, 9),
            "y": st.none() | st.integers(0, 9),
        }
    ),
    max_size=40,
)


def naive(past: list[dict[str, Any]], told: list[HistoryFeature], keys_max: int) -> dict[str, Any]:
    """Return the last event's features by searching all that was before it."""
    *before, event = past
    features: dict[str, Any] = {}
    for feature in told:
        per = feature.per
        recent: list[Any] = []  # keys, the last seen first, as far as they are remembered
        counts: dict[Any, int] = {}
        for old in before:
            key = old[per]
            if key in recent:
                recent.remove(key)
            else:
                counts[key] = 0
            recent = [key, *recent][:keys_max]
            counts[key] += 1
        known = event[per] in recent
        if feature.kind == "count":
            features[feature.name] = counts[event[per]] if known else 0
        elif known:
            last = next(old for old in reversed(before) if old[per] == event[per])
            if last[feature.field] is not None:
                features[feature.name] = last[feature.field]
    return features


@given(declared, events, st.integers(1, 4), st.integers(0, 40))
def test_history(
    told: list[HistoryFeature], past: list[dict[str, Any]], keys_max: int, restart: int
) -> None:
    told = [feature.model_copy(update={"name": f"f{n}"}) for n, feature in enumerate(told)]
    history = History(told, keys_max)
    forgotten = 0
    for turn, datum in enumerate(past):
        if turn == restart:
            state, history = history.state(), History([], 1)
            history.restore(state)
            history.declare(told, keys_max)
            assert history.state() == state
        features: dict[str, Any] = {}
        forgotten += history.extend(datum, features)
        assert features == naive(past[: turn + 1], told, keys_max)
        assert all(len(part["keys"]) <= keys_max for part in history.state().values())
    if keys_max >= 4:
        assert forgotten == 0


@pytest.mark.parametrize("limit", [1, 100])
def test_a_task_counts_what_it_forgot_and_refuses_nothing_for_it(limit: int) -> None:
    features = {
        "numeric": ["x"],
        "history": [
            {"name": "x_before", "kind": "previous", "field": "x", "per": "id"},
            {"name": "times", "kind": "count", "per": "id"},
        ],
    }
    task = make_task(features=features, limits={"history_keys_max": limit})
    run = feed(
        task, [event(0, 1, 1.0, "a"), event(1, 2, 2.0, "b"), event(2, 3, None, "a"),
               event(3, 4, 4.0, "a")]
    )  # fmt: skip
    expected = {"answers": 3, "dead_letters": 1}
    assert run.counts == ({**expected, "forgotten": 2} if limit == 1 else expected)
    waiting = [features for _, (_, features) in task.state()["join"]["pending"]]
    assert waiting == [{"x": 1.0, "times": 0}, {"x": 2.0, "times": 0}]  # one id, one event waits
