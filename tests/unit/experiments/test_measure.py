"""What is made of a replay beside figures: costs, marks of drift, counts of outcomes."""

import numpy as np
import pytest

from labline.engine.core.labels import EVICTED, EXPIRED, LABEL_OUTCOMES, NEGATIVE
from labline.lab_replay.evaluation.prediction_log import PredictionLog
from labline.lab_replay.evaluation.result import Candidate, Drift, ExperimentResult
from labline.lab_replay.experiments.measure import DAY_MS, costs_of, counts_of, inputs_drift
from labline.lab_replay.replay.assembly import Replayed
from labline.lab_replay.replay.units import Walk
from labline.lab_replay.reports.report import OUTCOMES, render

START_MS = 1_700_000_000_000
NAN = float("nan")


def replayed(
    scores: dict[str, list[float]],
    walks: dict[str, list[Walk]] | None = None,
    drift: dict[int, list[float]] | None = None,
    counts: dict[str, int] | None = None,
) -> Replayed:
    """Make what was replayed; drift of one feature at days after the start, by partition."""
    count = len(next(iter(scores.values())))
    times = START_MS + np.arange(count, dtype=np.int64)
    return Replayed(
        log=PredictionLog(times, np.ones(count), scores),
        otherwise=None,
        counts=counts or {},
        walks=walks or {},
        append_ms={0: times},
        drift={
            partition: tuple(Drift(what="wind", event_time_ms=at(day)) for day in days)
            for partition, days in (drift or {}).items()
        },
        pass_s=8.0,
    )


def at(day: float) -> int:
    return START_MS + round(day * DAY_MS)


def test_who_was_given_up_cost_as_much_an_event() -> None:
    """Its CPU was for the events that it saw; an invalid score costs, too."""
    whole = Walk(cpu_s=8.0, state_bytes=1, learn_failed=0, unanswered=1, stopped_at=None)
    early = Walk(cpu_s=2.0, state_bytes=1, learn_failed=0, unanswered=1, stopped_at=2)
    scores = {"whole": [NAN] + [0.5] * 7, "early": [NAN, 0.5] + [NAN] * 6}
    costs = costs_of(replayed(scores, {"whole": [whole], "early": [early]}))
    assert costs.pass_us_per_event == 1e6
    assert {name: cost.us_per_event for name, cost in costs.candidates.items()} == {
        "whole": 1e6, "early": 1e6,
    }  # fmt: skip
    assert costs.candidates["early"] == costs.candidates["whole"]  # so is the lag


@pytest.mark.parametrize(
    ("drift", "kept"),
    [
        ({0: [0.9 * n for n in range(300)]}, [0.9 * n for n in range(300)]),
        ({0: [0, 7], 1: [0.5, 7.9]}, [0, 7]),
        ({0: [0], 1: [1]}, [0, 1]),
        ({0: [0], 1: [0.9], 2: [1.8]}, [0, 1.8]),
        ({0: [0, 0.4], 1: [0.1, 0.5]}, [0, 0.4]),
    ],
)  # fmt: skip
def test_a_change_is_one_mark_whoever_sees_it(
    drift: dict[int, list[float]], kept: list[float]
) -> None:
    found = inputs_drift(replayed({"m": [0.5]}, drift=drift))
    assert [mark.event_time_ms for mark in found] == [at(day) for day in kept]


def test_every_outcome_is_counted_and_has_words() -> None:
    outcomes = (*LABEL_OUTCOMES, EXPIRED, NEGATIVE, EVICTED)
    counted = {name: n for n, name in enumerate(outcomes, 1)}
    past = replayed({"m": [0.5]}, counts={"answers": 1, **counted})
    counts = counts_of(past, past.log)
    assert counts.label_outcomes == counted
    result = ExperimentResult(
        name="x", line="l", question="", recording="", environment={}, metrics=("accuracy",),
        candidates=(Candidate(name="m", recipe="", kind="candidate", metrics={}),), counts=counts,
    )  # fmt: skip
    page = render(result)
    assert all(f"<dt>{OUTCOMES[name]}</dt><dd>{n}</dd>" in page for name, n in counted.items())
