"""Times are written, whatever a producer put there."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labline.engine.core.moment import moment_of
from labline.lab_replay.evaluation.result import Candidate, Counts, ExperimentResult, Window
from labline.lab_replay.evaluation.time_kind import day_of, minute_of
from labline.lab_replay.reports.report import render

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@given(st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31)))  # noqa: DTZ001
def test_within_the_calendar_times_are_those_of_datetime(at: datetime) -> None:
    at = at.replace(tzinfo=UTC)
    time_ms = (at - EPOCH) // timedelta(milliseconds=1)
    assert minute_of(time_ms) == f"{at:%Y-%m-%d %H:%M}".zfill(16)
    assert day_of(time_ms) == f"{at.day} {at:%b} {at.year}"
    assert moment_of(time_ms).second == f"{at:%S}"


@given(st.integers(-(1 << 63), (1 << 63) - 1))
def test_any_time_is_told(time_ms: int) -> None:
    assert day_of(time_ms).endswith(str(moment_of(time_ms).year))
    assert minute_of(time_ms)


@pytest.mark.parametrize("time_ms", [-70_000_000_000_000, 253_402_300_800_000, 1 << 62])
def test_a_result_at_such_a_time_has_a_page(time_ms: int) -> None:
    """It is written after the replay, whose work must not be lost."""
    figures = {"accuracy": 0.9}
    windows = tuple(
        Window(middle_ms=time_ms + n, end_ms=time_ms + n, events=9, metrics=figures, so_far=figures)
        for n in range(3)
    )
    tree = Candidate(
        name="tree", recipe="", kind="candidate", metrics=figures, events=27, windows=windows
    )
    result = ExperimentResult(
        name="x", line="l", question="", recording="", environment={}, metrics=("accuracy",),
        candidates=(tree,), counts=Counts(events=27, labelled=27),
    )  # fmt: skip
    assert minute_of(time_ms) in render(result)
