"""The line's declaration: what is taken, what is refused, and its one canonical text."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labline.engine.core.declared import Limits
from labline.engine.core.duration import DURATION_MAX_MS, UNITS_MS, parse_duration_ms
from labline.engine.core.line import Line
from labline.engine.errors import LablineError

TEXT = """
name = "flights-delay"
question = "Will it arrive 15 minutes late or more?"
owner = "duty manager"
incumbent = "late when it departed 15 minutes late"
events = "flights.departed"
labels = "flights.arrived"
id = "id"
refers_to = "id"
label = "late"
start = 2013-12-28T00:00:00Z
label_horizon = "36h"

[features]
numeric = ["dep_delay", "distance"]
categorical = ["carrier"]
time = ["hour"]
optional = ["distance"]

[decision]
threshold = 0.4

[limits]
pending_max = 10

[baselines]
no-change = "NoChange(0.75)"
base-rate = "BaseRate()"
"""

SMALLEST: dict[str, Any] = {
    "name": "l",
    "events": "e",
    "id": "id",
    "features": {"numeric": ["x"]},
}


def test_a_full_declaration() -> None:
    line = Line.parse(TEXT)
    assert line.label_horizon_ms == 36 * 3_600_000
    assert line.start == "2013-12-28T00:00:00+00:00"
    assert line.features.numeric == ("dep_delay", "distance")
    assert line.decision.threshold == 0.4
    assert (line.limits.pending_max, line.limits.batch_max) == (10, 5_000)
    assert (line.limits.future_skew_ms, line.limits.input_wait_ms) == (3_600_000, 5_000)
    assert list(line.baselines) == ["base-rate", "no-change"]


def test_the_smallest_declaration_has_a_baseline() -> None:
    line = Line.parse(SMALLEST)
    assert line.baselines == {"base-rate": "BaseRate()"}
    assert (line.start, line.learner, line.on_expiry) == ("earliest", "per_partition", "unknown")


def test_canonical_is_stable_and_reads_back() -> None:
    line = Line.parse(TEXT)
    text = line.canonical()
    again = Line.parse(text)
    assert again == line
    assert again.canonical() == text
    assert list(again.baselines) == list(line.baselines)  # their order is the shadow slots' order
    document = json.loads(text)
    assert list(document) == sorted(document)
    assert Line.parse({**document, "owner": "another"}).canonical() != text


@pytest.mark.parametrize(
    "change",
    [
        {"name": "Flights"},
        {"name": "a\n"},
        {"name": "lab.x"},
        {"name": "labline"},
        {"name": "x" * 101},
        {"events": "a b"},
        {"id": "1d"},
        {"labels": "l"},
        {"labels": "e", "refers_to": "id", "label": "y"},
        {"start": "yesterday"},
        {"start": "2013-12-28T00:00:00"},
        {"start": "2013-13-28"},
        {"start": "earliest\n"},
        {"learner": "both"},
        {"label_horizon": "2 days"},
        {"label_horizon": 2},
        {"on_expiry": "negative"},
        {"features": {}},
        {"features": {"numeric": ["x", "x"]}},
        {"features": {"numeric": ["hour"], "time": ["hour"]}},
        {"features": {"numeric": ["x"], "optional": ["z"]}},
        {"features": {"numeric": ["x"], "time": ["month"]}},
        {"decision": {"threshold": 1.5}},
        {"decision": {"threshold": float("nan")}},
        {"decision": {"threshold": "0.5"}},
        {"decision": {"costs": {"false_positive": 1e308}}},
        {"limits": {"batch_max": 0}},
        {"limits": {"batch_max": True}},
        {"limits": {"buffer_max_bytes": 10}},
        {"baselines": {}},
        {"baselines": {"a": ""}},
        {"feature": {"numeric": ["x"]}},
    ],
)
def test_refused(change: dict[str, Any]) -> None:
    with pytest.raises(LablineError) as caught:
        Line.parse({**SMALLEST, **change}, "lines/l.toml")
    assert "lines/l.toml" in caught.value.message
    assert caught.value.remedy


def test_the_nearest_known_name_is_told() -> None:
    with pytest.raises(LablineError, match="label_horizon"):
        Line.parse({**SMALLEST, "label_horizn": "2d"})


@pytest.mark.parametrize("text", ["name = ", '{"name": ', "[" * 10_000, "{" * 100_000])
def test_a_text_that_does_not_parse(text: str) -> None:
    with pytest.raises(LablineError, match="LL-FILE-SYNTAX"):
        Line.parse(text)


@given(st.text(max_size=40))
def test_any_text_is_a_line_or_a_clear_error(text: str) -> None:
    with pytest.raises(LablineError):
        Line.parse(text)


@given(st.integers(1, 10_000), st.sampled_from(sorted(UNITS_MS)))
def test_durations(count: int, unit: str) -> None:
    if count * UNITS_MS[unit] <= DURATION_MAX_MS:
        assert parse_duration_ms(f"{count}{unit}") == count * UNITS_MS[unit]


@pytest.mark.parametrize(
    "text", ["", "0s", "-1s", "1", "s", "1.5h", "1s ", "1s\n", "²s", "9" * 14 + "ms"]
)
def test_no_durations(text: str) -> None:
    with pytest.raises(ValueError, match="a duration is"):
        parse_duration_ms(text)


def test_the_example_in_the_docs_says_everything_a_line_can_say() -> None:
    text = (Path(__file__).parents[3] / "docs" / "lines.md").read_text()
    example, anomaly = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    line = Line.parse(example)
    assert Line.parse(anomaly).kind == "anomaly"
    assert line.limits == Limits(), "these are the defaults"
    assert line.model_fields_set == set(Line.model_fields)
    assert line.limits.model_fields_set == set(Limits.model_fields)
    assert line.features.model_fields_set == set(type(line.features).model_fields)
    assert {told.kind for told in line.features.history} == {"previous", "count"}
