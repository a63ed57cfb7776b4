"""Lag from facts, without a broker."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from labline.engine.ops.lag import (
    VERDICTS,
    Look,
    PartitionFacts,
    PartitionLag,
    group_as_json,
    group_lag,
    lag,
    partition_lag,
)

OFFSETS = st.integers(0, 2**62)
LOGS = st.tuples(OFFSETS, OFFSETS, OFFSETS).map(sorted)
MAYBE = st.none() | OFFSETS
LOOKS = st.none() | st.builds(Look, st.none() | st.integers(0, 1000), st.none() | OFFSETS)


@st.composite
def facts(draw: st.DrawFn) -> PartitionFacts:
    start, stable, end = draw(LOGS)
    return PartitionFacts("t", 0, draw(MAYBE), start, stable, end, draw(LOOKS))


@given(MAYBE, LOGS)
def test_lag_is_never_negative(committed: int | None, log: list[int]) -> None:
    start, _, end = log
    found = lag(committed=committed, start=start, end=end)
    assert 0 <= found <= end - start
    if committed is not None and committed >= end:
        assert found == 0
    if committed is None:
        assert found == end - start


@given(facts(), OFFSETS)
def test_a_row_agrees_with_itself(given_facts: PartitionFacts, now_ms: int) -> None:
    row = partition_lag(given_facts, now_ms=now_ms)
    assert row.records is not None
    assert row.visible is not None
    assert 0 <= row.visible <= row.records
    assert row.markers is None or 0 <= row.markers <= row.visible
    assert row.behind_s is None or row.behind_s >= 0
    assert (row.verdict == "lost") == (row.lost > 0)
    if row.records == 0:
        assert row.verdict in ("caught up", "lost")
    if row.visible == 0:
        assert row.behind_s == 0


def row_of(**known: object) -> PartitionLag:
    base: dict[str, object] = {"committed": 5, "start": 0, "stable": 9, "end": 9}
    return partition_lag(PartitionFacts("t", 0, **{**base, **known}), now_ms=10_000)  # type: ignore[arg-type]


def test_only_markers_left_is_caught_up() -> None:
    row = row_of(committed=8, look=Look(0, None))
    assert (row.records, row.markers, row.behind_s, row.verdict) == (1, 1, 0.0, "caught up")


def test_what_an_open_transaction_holds_is_not_visible() -> None:
    row = row_of(committed=7, stable=7)
    assert (row.records, row.visible, row.verdict) == (2, 0, "caught up")


def test_unknown_is_not_zero() -> None:
    row = row_of(look=None)
    assert (row.markers, row.behind_s, row.verdict) == (None, None, "behind")
    row = row_of(look=Look(None, None))
    assert (row.markers, row.behind_s, row.verdict) == (None, None, "behind")
    row = row_of(start=None, stable=None, end=None, error="no leader")
    assert (row.records, row.visible, row.behind_s, row.verdict) == (None, None, None, "unknown")


def test_lost_and_no_commit() -> None:
    row = row_of(start=7)
    assert (row.records, row.lost, row.verdict) == (2, 2, "lost")
    assert row_of(committed=None).verdict == "no commit"
    assert row_of(committed=None, start=9).verdict == "caught up"  # an empty log


def test_a_group_is_as_bad_as_its_worst_partition() -> None:
    good, bad = row_of(committed=9), row_of(look=Look(3, 4_000))
    group = group_lag("g", "stable", 1, [bad, good])
    assert (group.verdict, group.records, group.visible, group.markers) == ("behind", 4, 4, 1)
    assert group.behind_s == 6.0
    unknown = group_lag("g", "stable", 1, [good, row_of(end=None)])
    assert (unknown.verdict, unknown.records) == ("unknown", None)
    assert group_lag("g", "dead", None, [], "not authorised").verdict == "unknown"
    assert set(VERDICTS) == {"caught up", "behind", "no commit", "unknown", "lost"}


def test_json_has_stable_keys() -> None:
    told: dict[str, Any] = group_as_json(group_lag("g", "empty", 0, [row_of()]))
    assert sorted(told) == [
        "behind_s", "error", "group", "markers", "members", "partitions", "records", "state",
        "verdict", "visible",
    ]  # fmt: skip
    (row,) = told["partitions"]
    assert sorted(row) == [
        "behind_s", "committed", "end", "error", "lost", "markers", "member", "partition",
        "records", "stable", "start", "topic", "verdict", "visible",
    ]  # fmt: skip
