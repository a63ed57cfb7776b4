"""The label join against a naive model, with limits so small that they are reached."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from labline.engine.core.labels import LabelJoin

EVENT, YES, NO, RESTART = "event", True, False, "restart"

steps = st.lists(
    st.tuples(
        st.integers(0, 6), st.sampled_from("abcdef"), st.sampled_from([EVENT, YES, NO, RESTART])
    ),
    max_size=60,
)


@st.composite
def declarations(draw: st.DrawFn) -> dict[str, Any]:
    """Draw what a line may say: other horizons and limits, and what an absent label means."""
    return {
        "horizon_ms": draw(st.integers(1, 14)),
        "pending_max": draw(st.integers(1, 4)),
        "remembered_max": draw(st.integers(1, 5)),
        "negative": draw(st.booleans()),
    }


class Naive:
    """Lists, searched from the front: (id, since, features) and (id, since, label, features)."""

    def __init__(self, told: dict[str, Any]) -> None:
        self.told = told
        self.pending: list[tuple[str, int, Any]] = []
        self.seen: list[tuple[str, int, bool | None, Any]] = []

    def declare(self, told: dict[str, Any]) -> None:
        self.told = told
        self.seen = self.seen[-told["remembered_max"] :]

    def over(self, since: int, now: int) -> bool:
        return since + self.told["horizon_ms"] <= now

    def remember(self, identity: str, label: bool | None, now: int, features: Any = None) -> None:
        self.seen = [s for s in self.seen if s[0] != identity and not self.over(s[1], now)]
        self.seen = [*self.seen, (identity, now, label, features)]
        self.seen = self.seen[-self.told["remembered_max"] :]

    def expire(self, now: int) -> list[Any]:
        due = [p for p in self.pending if self.over(p[1], now)]
        self.pending = [p for p in self.pending if not self.over(p[1], now)]
        for identity, _, features in due:
            if self.told["negative"]:
                self.remember(identity, False, now, features)
            else:
                self.remember(identity, None, now)
        return [features for _, _, features in due]

    def wait(self, identity: str, features: Any, now: int) -> int:
        if any(p[0] == identity for p in self.pending):
            return 0
        if any(s[0] == identity and not self.over(s[1], now) for s in self.seen):
            return 0
        self.seen = [s for s in self.seen if s[0] != identity]
        self.pending.append((identity, now, features))
        evicted = 0
        while len(self.pending) > self.told["pending_max"]:
            self.remember(self.pending.pop(0)[0], None, now)
            evicted += 1
        return evicted

    def match(self, identity: str, label: bool, now: int) -> tuple[str, Any]:
        for name, _, features in self.pending:
            if name == identity:
                self.pending = [p for p in self.pending if p[0] != identity]
                self.remember(identity, label, now)
                return "learned", features
        for place, (name, since, was, features) in enumerate(self.seen):
            if name == identity and not self.over(since, now):
                if was is None:
                    return "late", None
                if was == label:
                    return "duplicate", None
                if features is None:
                    return "contradicting", None
                self.seen[place] = (name, since, label, None)
                return "corrected", features
        return "orphan", None


@given(declarations(), st.lists(st.tuples(declarations(), steps), min_size=1, max_size=3))
def test_join(first: dict[str, Any], parts: list[tuple[dict[str, Any], Any]]) -> None:
    """Also where the declaration changes in between, and where state is carried to another join."""
    join, naive, now, number = LabelJoin(**first), Naive(first), 0, 0
    for told, taken in [(first, parts[0][1]), *parts[1:]]:
        join.declare(**told)
        naive.declare(told)
        for later, identity, what in taken:
            now += later
            number += 1
            expired = join.expire(now) if join.due_ms <= now else []
            assert expired == naive.expire(now)
            if what == EVENT:
                features = {"x": number}
                assert join.wait(identity, features, now) == naive.wait(identity, features, now)
            elif what == RESTART:
                state, join = join.state(), LabelJoin(**told)
                join.restore(state)
                assert join.state() == state
            else:
                assert join.match(identity, what, now) == naive.match(identity, what, now)
            assert len(join) == len(naive.pending)
            state = join.state()
            assert [(i, *w) for i, w in state["pending"]] == naive.pending
            assert len(state["remembered"]) <= told["remembered_max"]
            for part in (state["pending"], state["remembered"]):
                times = [entry[1][0] for entry in part]
                assert times == sorted(times)


def test_an_event_and_its_label_meet_once_whatever_the_mode() -> None:
    join = LabelJoin(horizon_ms=10, pending_max=9, remembered_max=9, negative=True)
    assert join.wait("a", {"x": 1}, 0) == 0
    assert join.expire(10) == [{"x": 1}]
    assert join.match("a", NO, 11) == ("duplicate", None)
    assert join.match("a", YES, 12) == ("corrected", {"x": 1})
    assert join.match("a", YES, 13) == ("duplicate", None)
    assert join.match("a", NO, 14) == ("contradicting", None)
    assert join.match("a", YES, 20) == ("orphan", None)  # no longer remembered
