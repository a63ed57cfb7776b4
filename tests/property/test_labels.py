"""The label join against a naive model, with limits so small that they are reached."""

from hypothesis import given
from hypothesis import strategies as st

from engine.core.labels import LabelJoin

HORIZON_MS, PENDING_MAX, REMEMBERED_MAX = 10, 3, 4

steps = st.lists(
    st.tuples(
        st.integers(0, 6), st.sampled_from("abcdef"), st.sampled_from(["event", True, False])
    ),
    max_size=60,
)


class Naive:
    """Lists, searched from the front."""

    def __init__(self) -> None:
        self.pending: list[tuple[str, int]] = []
        self.seen: list[tuple[str, int, bool | None]] = []

    def remember(self, identity: str, label: bool | None, now: int) -> None:
        self.seen = [s for s in self.seen if s[0] != identity and s[1] > now]
        self.seen = [*self.seen, (identity, now + HORIZON_MS, label)][-REMEMBERED_MAX:]

    def expire(self, now: int) -> int:
        due = [identity for identity, until in self.pending if until <= now]
        self.pending = [p for p in self.pending if p[1] > now]
        for identity in due:
            self.remember(identity, None, now)
        return len(due)

    def wait(self, identity: str, now: int) -> int:
        if any(p[0] == identity for p in self.pending):
            return 0
        if any(s[0] == identity and s[1] > now for s in self.seen):
            return 0
        self.seen = [s for s in self.seen if s[0] != identity]
        self.pending.append((identity, now + HORIZON_MS))
        if len(self.pending) <= PENDING_MAX:
            return 0
        self.remember(self.pending.pop(0)[0], None, now)
        return 1

    def match(self, identity: str, label: bool, now: int) -> str:
        if any(p[0] == identity for p in self.pending):
            self.pending = [p for p in self.pending if p[0] != identity]
            self.remember(identity, label, now)
            return "learned"
        for name, until, was in self.seen:
            if name == identity and until > now:
                return "late" if was is None else "duplicate" if was == label else "contradicting"
        return "orphan"


@given(steps)
def test_join(taken: list[tuple[int, str, object]]) -> None:
    join, naive, now = (
        LabelJoin(horizon_ms=HORIZON_MS, pending_max=PENDING_MAX, remembered_max=REMEMBERED_MAX),
        Naive(),
        0,
    )
    for later, identity, what in taken:
        now += later
        expired = join.expire(now) if join.due_ms <= now else 0
        assert expired == naive.expire(now)
        if what == "event":
            assert join.wait(identity, {"x": now}, now) == naive.wait(identity, now)
        else:
            assert isinstance(what, bool)
            assert join.match(identity, what, now)[0] == naive.match(identity, what, now)
        assert len(join) == len(naive.pending) <= PENDING_MAX
