from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labline.engine.stats.early_stopping import Hopeless
from labline.engine.stats.sequential import BLOCK_MAX, ConfidenceSequence
from tests.unit.stats import null_streams as streams

EVENTS = 5_000
ALPHA = 0.05


def false_verdicts(found: streams.Streams) -> int:
    """Count the streams in which 0 was ever outside the bracket."""
    wrong = 0
    for stream in found:
        steps = ConfidenceSequence(1.0, ALPHA).add(stream)
        wrong += bool((steps.low > 0).any() or (steps.high < 0).any())
    return wrong


def state_of(sequence: ConfidenceSequence) -> dict[str, Any]:
    """Return all that a sequence has come to, arrays as lists, so that every bit is compared."""
    return {
        name: value.tolist() if isinstance(value, np.ndarray) else value
        for name, value in vars(sequence).items()
    }


def missed_means(found: streams.Streams, means: streams.Streams) -> int:
    """Count the streams in which the average mean so far was ever outside the bracket."""
    missed = 0
    for stream, mean in zip(found, means, strict=True):
        steps = ConfidenceSequence(1.0, ALPHA).add(stream)
        so_far = np.cumsum(mean)[steps.events - 1] / steps.events
        missed += bool((steps.low > so_far).any() or (steps.high < so_far).any())
    return missed


def checked(total: int, one: Callable[[np.random.Generator, int], int]) -> None:
    rng = np.random.default_rng(19)
    parts = [one(rng, min(500, total - done)) for done in range(0, total, 500)]
    assert sum(parts) <= ALPHA * total


@pytest.mark.parametrize("kind", streams.NULLS)
@pytest.mark.parametrize(
    "total", [300, pytest.param(10_000, marks=pytest.mark.chaos)], ids=["some", "all"]
)
def test_no_more_false_verdicts_than_alpha(kind: str, total: int) -> None:
    checked(total, lambda rng, n: false_verdicts(streams.NULLS[kind](rng, n, EVENTS)))


@pytest.mark.parametrize(
    "total", [300, pytest.param(10_000, marks=pytest.mark.chaos)], ids=["some", "all"]
)
def test_a_drifting_mean_is_never_missed(total: int) -> None:
    def one(rng: np.random.Generator, n: int) -> int:
        means = streams.drift_means(rng, n, EVENTS)
        return missed_means(means + rng.uniform(-0.4, 0.4, means.shape), means)

    checked(total, one)


@pytest.mark.parametrize(
    "total", [300, pytest.param(10_000, marks=pytest.mark.chaos)], ids=["some", "all"]
)
def test_a_candidate_that_drifts_but_is_no_worse_is_not_given_up(total: int) -> None:
    def one(rng: np.random.Generator, n: int) -> int:
        found = streams.drifting_null(rng, n, EVENTS)
        return sum(Hopeless(1.0, ALPHA).add(stream, np.zeros(EVENTS)) for stream in found)

    checked(total, one)


@pytest.mark.slow
@pytest.mark.parametrize("correlation", [0.0, 0.9])
@pytest.mark.parametrize(
    "total", [50, pytest.param(1_000, marks=pytest.mark.chaos)], ids=["some", "all"]
)
def test_it_decides(total: int, correlation: float) -> None:
    """Forecasters whose Brier scores are 0.02 apart, their noise correlated from event to event."""
    rng = np.random.default_rng(20)
    right, differences = 0, []
    for _ in range(total):
        one, two = (s * streams.ar(rng, 1, 20_000, correlation) for s in (0.1, 0.196))
        found = streams.brier(rng, one, two)[0]
        differences.append(found.mean())
        right += bool((ConfidenceSequence(1.0, ALPHA).add(found).high < 0).any())
    assert np.mean(differences) == pytest.approx(-0.02, abs=0.002)
    assert right >= 0.8 * total


@pytest.mark.parametrize(
    ("mean", "spread"), [(-0.24, 0.0), (-0.24, 0.03), (0.2, 0.15), (0.05, 0.02), (-0.9, 0.2)]
)
def test_a_large_steady_difference_is_decided_once_and_known_ever_better(
    mean: float, spread: float
) -> None:
    found = np.clip(np.random.default_rng(5).normal(mean, spread, 100_000), -1, 1)
    sequence = ConfidenceSequence(1.0, ALPHA)
    steps = sequence.add(found)
    certain = (steps.low > 0) | (steps.high < 0)
    assert certain[np.argmax(certain) :].all()
    assert steps.events[np.argmax(certain)] < 2_000
    so_far = np.cumsum(found)[steps.events - 1] / steps.events
    assert ((steps.low <= so_far) & (so_far <= steps.high)).all()
    assert sequence.block == 16
    assert sequence.high - sequence.low < 0.01


def test_one_who_was_a_little_worse_at_first_is_not_held_worse_when_far_better() -> None:
    rng = np.random.default_rng(6)
    found = np.concatenate([rng.normal(0.01, 0.0001, 600), rng.normal(-0.5, 0.1, 20_000)])
    steps = ConfidenceSequence(1.0, ALPHA).add(np.clip(found, -1, 1))
    assert not (steps.low > 0).any()
    assert steps.high[-1] < 0


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(1, 400), max_size=30), st.integers(0, 5), st.sampled_from([0, 0.95]))
def test_cuts_change_no_bit(cuts: list[int], seed: int, phi: float) -> None:
    found = np.clip(0.3 * streams.ar(np.random.default_rng(seed), 1, 6_000, phi)[0], -1, 1)
    whole = ConfidenceSequence(1.0)
    steps = whole.add(found)
    cut = ConfidenceSequence(1.0)
    low = []
    for part in np.split(found, np.cumsum(cuts)[np.cumsum(cuts) < len(found)]):
        low += cut.add(part).low.tolist()
    assert low == steps.low.tolist()
    assert state_of(cut) == state_of(whole)


def test_one_by_one_is_the_same() -> None:
    found = np.clip(0.3 * streams.ar(np.random.default_rng(1), 1, 3_000, 0.9)[0], -1, 1)
    whole, single = ConfidenceSequence(1.0), ConfidenceSequence(1.0)
    steps = whole.add(found)
    assert [x for d in found for x in single.add([d]).high.tolist()] == steps.high.tolist()
    assert state_of(single) == state_of(whole)


def test_blocks_grow_with_correlation_and_no_further_than_allowed() -> None:
    rng = np.random.default_rng(3)
    lengths = []
    for phi in (0.0, 0.9, 0.99):
        sequence = ConfidenceSequence(1.0)
        sequence.add(np.clip(0.3 * streams.ar(rng, 1, 20_000, phi)[0], -1, 1))
        lengths.append(sequence.block)
    assert lengths[0] == 16 < lengths[1] < lengths[2]
    sequence.add(np.repeat([0.5, -0.5] * 4, 50_000))
    assert sequence.block == BLOCK_MAX
    assert -1 <= sequence.low <= sequence.high <= 1


def test_the_bracket_solves_its_equation() -> None:
    sequence = ConfidenceSequence(2.0, 0.1)
    spent = sequence._spent + np.linspace(0, 50, 40)[:, None] * sequence._grid
    u = sequence._radius(spent)
    assert np.exp(sequence._grid * u[:, None] - spent).sum(axis=1) == pytest.approx(20, rel=1e-9)


def test_scale_is_nothing_to_it() -> None:
    found = np.random.default_rng(4).uniform(-1, 1, 2_000)
    one, tenfold = ConfidenceSequence(1.0).add(found), ConfidenceSequence(8.0).add(8 * found)
    assert tenfold.low == pytest.approx(8 * one.low)


@pytest.mark.parametrize("wrong", [1.5, -1.5, float("nan")])
def test_what_is_beyond_the_bound_is_refused(wrong: float) -> None:
    with pytest.raises(ValueError, match="bound"):
        ConfidenceSequence(1.0).add([0.0, wrong])


def test_hopeless_is_the_same_however_labels_are_cut() -> None:
    whole, cut = Hopeless(1.0), Hopeless(1.0)
    assert not cut.add([0.6] * 100, [0.2] * 100)
    assert cut.add([0.6] * 900, [0.2] * 900)
    assert whole.add([0.6] * 1_000, [0.2] * 1_000)
    assert 100 < (cut.stopped_at or 0) == whole.stopped_at
    assert not Hopeless(1.0).add([0.2] * 5_000, [0.6] * 5_000)
