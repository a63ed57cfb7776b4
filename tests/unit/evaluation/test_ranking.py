"""Figures over other events are no better figures."""

from hypothesis import given
from hypothesis import strategies as st

from labline.lab_replay.evaluation.ranking import WHOLE, is_whole, ranking
from labline.lab_replay.evaluation.result import Candidate

CANDIDATES = st.lists(
    st.tuples(st.none() | st.floats(0, 1), st.integers(0, 3_000)), max_size=12
).map(
    lambda told: [
        Candidate(name=f"c{n}", recipe="", kind="candidate", metrics={"log_loss": v}, events=e)
        for n, (v, e) in enumerate(told)
    ]
)


@given(CANDIDATES, st.none() | st.integers(3_000, 4_000))
def test_the_order_is_by_events_where_these_differ_and_by_figure_where_not(
    candidates: list[Candidate], most: int | None
) -> None:
    found = ranking(candidates, "log_loss", most)
    assert sorted(c.name for c in found) == sorted(c.name for c in candidates)
    figures = [c.metrics["log_loss"] for c in found]
    having = [value for value in figures if value is not None]
    assert figures == having + [None] * (len(figures) - len(having))
    known = found[: len(having)]
    for place, before in enumerate(known):
        for after in known[place + 1 :]:
            assert after.events * WHOLE <= before.events
            if after.events == before.events:
                assert (before.metrics["log_loss"] or 0) <= (after.metrics["log_loss"] or 0)


def test_whoever_was_given_up_later_is_before_whoever_was_earlier() -> None:
    def one(name: str, loss: float, events: int) -> Candidate:
        metrics = {"log_loss": loss}
        return Candidate(name=name, recipe="", kind="candidate", metrics=metrics, events=events)

    told = [one("early", 0.1, 768), one("late", 0.5, 9_000), one("ran", 0.6, 12_000),
            one("also", 0.4, 8_999)]  # fmt: skip
    assert [c.name for c in ranking(told, "log_loss")] == ["ran", "also", "late", "early"]
    assert [c.name for c in ranking(told[:2], "log_loss", 12_000)] == ["late", "early"]
    assert not is_whole(told[1], 12_000)
