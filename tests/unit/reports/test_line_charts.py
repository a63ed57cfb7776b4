"""A line's page can be drawn, whatever its scores, labels and times are."""

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from labline.lab_replay.evaluation.time_kind import day_of
from labline.lab_replay.reports.line_charts import marks
from labline.lab_replay.reports.line_figures import LineFacts
from labline.lab_replay.reports.line_report import line_headline, render_line
from tests.unit.reports.test_line_facts import DAY_MS, Log


@pytest.mark.parametrize(
    "scores",
    [[1e-20, 3e-20], [1e15], [-1.7e308, 1.7e308], [0.0, 1.7e308], [1e200], [0.1], [0.0, 1e-323],
     [7.0, 7.000000000000001], [1e11, 1e11 + 50]],
    ids=str,
)  # fmt: skip
def test_a_model_that_ran_away_has_a_page(scores: list[float]) -> None:
    """Figures beyond all numbers are left empty."""
    log = Log("regression", threshold=1.0)
    for number in range(60):
        log.event(number, scores[number % len(scores)], time_ms=number * 1_000)
        log.label(number, 1.0)
    facts = log.facts()
    assert "Day by day" in render_line(facts)
    assert LineFacts.model_validate_json(facts.model_dump_json()).answers == 60


@given(st.floats(-1e300, 1e300), st.one_of(st.floats(0, 1e300), st.floats(0, 1e-6)))
@example(0.1, 0.1 + 2**-53 - 0.1)
@example(0.0, 1e-323)
def test_marks_of_a_scale_are_apart_and_around_what_is_marked(low: float, span: float) -> None:
    high = low + span
    up = marks(low, high)
    assert all(a < b for a, b in pairwise(up))
    slack = 1e-9 * max(abs(low), abs(high))
    assert up[0] <= low + slack
    assert high <= up[-1] + slack


@pytest.mark.parametrize("time_ms", [-62_200_000_000_000, 253_402_300_800_000, 1 << 62])
def test_times_that_no_calendar_has_are_told(time_ms: int) -> None:
    """A producer writes what it likes."""
    log = Log("anomaly", threshold=0.5)
    for number in range(60):
        log.event(number, 0.6, time_ms=1_700_000_000_000 + number * DAY_MS // 20)
        log.event(100 + number, 0.9, time_ms=time_ms)
    facts = log.facts()
    assert f"most on {day_of(time_ms)}: 60 of 60" in line_headline(facts)
    assert day_of(time_ms) in render_line(facts)
