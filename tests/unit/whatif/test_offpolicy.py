"""What the doubly robust estimate promises, held against simulations whose truth is known.

A lender grants by chance, the more readily the less it fears a default. Only who is granted a
loan shows whether they pay. So what is seen is not what is: the plain average is too rosy.
"""

import math
from typing import NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from labline.engine.core.line import Costs
from labline.engine.errors import LablineError
from labline.lab_replay.whatif.figures import Columns, on_labelled, robust, seen
from labline.lab_replay.whatif.offpolicy import doubly_robust

RUNS, EVENTS = 1_000, 2_000
COSTS = Costs(false_positive=1.0, false_negative=5.0)
THRESHOLD = 0.7
GRANT, REFUSE = False, True  # the question is: will it default?


class World(NamedTuple):
    """Applicants: their true chance of a default, what came, and how they were decided."""

    columns: Columns
    truth: dict[str, float]  # what the new rule costs on average, whoever shows it


def world(rng: np.random.Generator, model_bias: float = 0.0, lost: float = 0.0) -> World:
    """Draw applicants, decide them by chance, and hide what was not granted."""
    x = rng.normal(size=EVENTS)
    risk = 1 / (1 + np.exp(1.0 - 1.2 * x))
    label = rng.random(EVENTS) < risk
    grant = np.clip(0.9 - 0.7 / (1 + np.exp(-2 * x)), 0.1, 0.9)
    granted = rng.random(EVENTS) < grant
    now = np.clip(risk + model_bias, 0.01, 0.99)
    was = np.full(EVENTS, 0.5)
    came = granted & (rng.random(EVENTS) >= lost)
    columns = Columns(
        was=was,
        now=now,
        was_yes=~granted,
        now_yes=now >= THRESHOLD,
        propensity=np.where(granted, grant, 1 - grant),
        label=np.where(came, label, np.nan),
        time_ms=np.arange(EVENTS, dtype=np.int64),
    )
    cost = np.where(columns.now_yes, COSTS.false_positive * ~label, COSTS.false_negative * label)
    expected = np.where(
        columns.now_yes, COSTS.false_positive * (1 - risk), COSTS.false_negative * risk
    )
    assert abs(cost.mean() - expected.mean()) < 0.5
    brier = risk * (1 - now) ** 2 + (1 - risk) * now**2
    return World(columns, {"cost": float(expected.mean()), "brier": float(brier.mean())})


class Runs(NamedTuple):
    error: NDArray[np.float64]
    covered: float


def simulate(name: str, seed: int, **more: float) -> tuple[Runs, NDArray[np.float64]]:
    """Return the errors of the estimate and how often its interval held; and naive errors."""
    rng = np.random.default_rng(seed)
    errors, naive, held = [], [], 0
    for _ in range(RUNS):
        columns, truth = world(rng, **more)
        when = seen(columns, 0, "loans")
        (found,) = (m for m in robust(columns, "binary", COSTS, when) if m.name == name)
        (plain,) = (m for m in on_labelled(columns, "binary", COSTS) if m.name == name)
        errors.append(found.now - truth[name])
        naive.append(plain.now - truth[name])
        shown = columns.was_yes == when.after
        chance = np.where(shown, columns.propensity, 1 - columns.propensity) * when.arrival
        again = _estimate(columns, chance, name)
        held += again[0] <= truth[name] <= again[1]
    return Runs(np.array(errors), held / RUNS), np.array(naive)


def _estimate(columns: Columns, chance: NDArray[np.float64], name: str) -> tuple[float, float]:
    """Return the interval, put together here once more from the one function."""
    from labline.lab_replay.whatif.figures import losses

    loss, yes = losses("binary", COSTS)[name], np.ones(len(columns))
    figure = loss(columns.now, columns.now_yes, np.nan_to_num(columns.label))
    model = columns.now * loss(columns.now, columns.now_yes, yes) + (1 - columns.now) * loss(
        columns.now, columns.now_yes, 0 * yes
    )
    found = doubly_robust(figure, columns.labelled, chance, model)
    return found.low, found.high


@pytest.mark.slow
@pytest.mark.parametrize("name", ["cost", "brier"])
@pytest.mark.parametrize("model_bias", [0.0, 0.15])
def test_the_estimate_is_unbiased_and_its_interval_covers(name: str, model_bias: float) -> None:
    """Whatever the model says, as long as the chances are true; the plain average is not."""
    runs, naive = simulate(name, 19, model_bias=model_bias)
    assert abs(runs.error.mean()) < 3 * runs.error.std(ddof=1) / math.sqrt(RUNS)
    allowed = 3 * math.sqrt(0.95 * 0.05 / RUNS)
    assert abs(runs.covered - 0.95) < allowed
    assert abs(naive.mean()) > 20 * naive.std(ddof=1) / math.sqrt(RUNS), "the naive one is biased"


def test_labels_that_went_missing_by_chance_are_allowed_for() -> None:
    """A fifth never came, whatever was decided."""
    runs, _ = simulate("cost", 7, lost=0.2)
    assert abs(runs.error.mean()) < 3 * runs.error.std(ddof=1) / math.sqrt(RUNS)
    assert runs.covered > 0.93


def test_a_paired_difference_is_told_more_precisely_than_its_parts() -> None:
    """Both rules are judged on the same applicants."""
    columns, _ = world(np.random.default_rng(3))
    when = seen(columns, 0, "loans")
    near = Columns(**{**vars(columns), "was": columns.now, "was_yes": columns.was_yes})
    (found,) = (m for m in robust(near, "binary", COSTS, when) if m.name == "brier")
    assert (found.was, found.now, found.difference, found.low, found.high) == (
        found.now, found.now, 0.0, 0.0, 0.0,
    )  # fmt: skip


def test_without_hidden_labels_it_is_the_plain_mean() -> None:
    """All chances 1: nothing to correct."""
    outcome = np.random.default_rng(1).normal(size=500)
    every = np.ones(500)
    found = doubly_robust(outcome, every.astype(bool), every, 0.25 * every)
    assert found.mean == pytest.approx(outcome.mean())
    assert found.standard_error == pytest.approx(outcome.std(ddof=1) / math.sqrt(500))


def test_what_cannot_be_estimated_is_refused() -> None:
    """No propensity, no chance, labels either way, none yet: one clear line each."""
    columns, _ = world(np.random.default_rng(5))

    def refusal(**more: NDArray[np.float64]) -> LablineError:
        with pytest.raises(LablineError) as refused:
            seen(Columns(**{**vars(columns), **more}), 0, "loans")
        return refused.value

    unknown = columns.propensity.copy()
    unknown[3] = np.nan
    assert refusal(propensity=unknown).code == "LL-WHATIF-PROPENSITY"
    assert "1 of 2,000 scores have no propensity" in refusal(propensity=unknown).message
    sure = np.where(columns.was_yes == REFUSE, 1.0, columns.propensity)
    assert "no chance of ever coming" in refusal(propensity=sure).message
    either = np.where(np.arange(EVENTS) < 900, 1.0, columns.label)
    assert refusal(label=either).code == "LL-WHATIF-DECIDES"
    assert refusal(label=np.full(EVENTS, np.nan)).code == "LL-WHATIF-DECIDES"
    with pytest.raises(LablineError, match="older than the label horizon"):
        seen(columns, EVENTS, "loans")
    for chance in (0.0, 1.5, math.nan):
        with pytest.raises(ValueError, match="a chance"):
            doubly_robust(np.ones(1), np.ones(1, bool), np.array([chance]), np.ones(1))
    with pytest.raises(ValueError, match="equal length"):
        doubly_robust(np.ones(0), np.ones(0, bool), np.ones(0), np.ones(0))


def test_which_answer_shows_labels_is_found() -> None:
    """Here it is the grant."""
    columns, _ = world(np.random.default_rng(5))
    when = seen(columns, 100, "loans")
    assert (when.after, when.arrival, when.until_ms) == (GRANT, 1.0, EVENTS - 101)
