"""What if, its pure parts: figures of each kind, words, refusals."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labline.engine.core.line import Line
from labline.engine.errors import LablineError
from labline.lab_replay.whatif.answers import AnswerPairs
from labline.lab_replay.whatif.change import Change
from labline.lab_replay.whatif.figures import on_labelled
from labline.lab_replay.whatif.result import COUNTS, Part, part_of

CLASSES = ("a", "b", "c")


def line_of(kind: str, **more: Any) -> Line:
    told = {"name": "l", "kind": kind, "events": "e", "id": "id", "features": {"numeric": ["x"]}}
    classes = {"classes": CLASSES} if kind == "multiclass" else {}
    return Line.parse({**told, **classes, **more})


def pairs(factual: Any, counterfactual: Any, label: Any) -> AnswerPairs:
    size = len(label)
    return AnswerPairs(
        factual=np.array(factual, np.float64),
        counterfactual=np.array(counterfactual, np.float64),
        factual_yes=np.zeros(size, np.bool_),
        counterfactual_yes=np.zeros(size, np.bool_),
        label=np.array(label, np.float64),
        time_ms=np.arange(size),
        offset=np.arange(size),
        is_retry=np.zeros(size, np.bool_),
    )


def part(kind: str, of: AnswerPairs) -> Part:
    return part_of(None, of, dict.fromkeys(COUNTS, 0), kind, None)


NUMBERS = st.floats(-1e6, 1e6)


@given(st.lists(st.tuples(NUMBERS, NUMBERS, NUMBERS | st.none()), min_size=1, max_size=30))
def test_a_regression_s_figures(told: list[Any]) -> None:
    """Against plain sums over the labelled events."""
    found = {
        one.name: one
        for one in on_labelled(
            pairs(*zip(*[(w, n, math.nan if y is None else y) for w, n, y in told], strict=True)),
            "regression", None,
        )
    }  # fmt: skip
    known = [(w, n, y) for w, n, y in told if y is not None]
    if not known:
        assert found == {}
        return
    for side, name in ((0, "factual"), (1, "counterfactual")):
        errors = [one[side] - one[2] for one in known]
        mean = sum(map(abs, errors)) / len(known)
        root = math.sqrt(sum(error * error for error in errors) / len(known))
        assert getattr(found["mae"], name) == pytest.approx(mean, rel=1e-9, abs=1e-9)
        assert getattr(found["rmse"], name) == pytest.approx(root, rel=1e-9, abs=1e-9)
    assert found["rmse"].low is None
    assert (found["mae"].low is None) == (len(known) == 1), "of one event no interval"


def test_a_difference_is_judged_on_the_same_events() -> None:
    """Its interval is that of the differences: narrower than both parts' own would allow."""
    rng = np.random.default_rng(3)
    chance = rng.random(500)
    label = (rng.random(500) < chance).astype(np.float64)
    found = {m.name: m for m in on_labelled(pairs(chance, chance, label), "binary", None)}
    brier = found["brier"]
    assert (brier.factual, brier.events) == (brier.counterfactual, 500)
    assert (brier.difference, brier.low, brier.high) == (0.0, 0.0, 0.0)
    shifted = np.clip(chance + 0.1, 0, 1)
    (brier,) = (
        m for m in on_labelled(pairs(chance, shifted, label), "binary", None) if m.name == "brier"
    )
    each = (shifted - label) ** 2 - (chance - label) ** 2
    reach = 1.959963984540054 * each.std(ddof=1) / math.sqrt(500)
    assert brier.difference == pytest.approx(each.mean())
    assert (brier.low, brier.high) == pytest.approx((each.mean() - reach, each.mean() + reach))


def test_a_change_of_several_classes_is_what_went_elsewhere() -> None:
    was = [[0.5, 0.3, 0.1, 0.1], [0.1, 0.1, 0.4, 0.4], [0.4, 0.4, 0.1, 0.1]]
    now = [[0.5, 0.3, 0.1, 0.1], [0.5, 0.4, 0.1, 0.0], [0.4, 0.4, 0.1, 0.1]]
    told = part("multiclass", pairs(was, now, [0.0, 0.0, math.nan]))
    assert told.to_class == 1
    assert told.shift["max"] == pytest.approx(0.7)
    assert told.shift["mean"] == pytest.approx(0.7 / 3)
    assert (told.factual_mean, told.labelled) == (None, 2)


def test_numbers_beyond_all_are_told_as_unknown() -> None:
    """JSON has no infinity."""
    huge = 1.7e308
    told = part("anomaly", pairs([huge, huge], [-huge, -huge], [0.0, 0.0]))
    assert (told.shift["max"], told.shift["mean"], told.factual_mean) == (None, None, None)


@pytest.mark.parametrize(
    ("kind", "decision", "threshold", "remedy"),
    [
        ("anomaly", {}, 0.5, "decision = { threshold"),
        ("regression", {}, 0.5, "decision = { threshold"),
        ("regression", {"threshold": 4.0}, math.inf, "as 4 is"),
        ("multiclass", {}, 1.5, "from 0 to 1"),
        ("binary", {}, -0.1, "from 0 to 1"),
    ],
)
def test_a_threshold_that_cannot_be(
    kind: str, decision: Any, threshold: float, remedy: str
) -> None:
    line = line_of(kind, decision=decision)
    with pytest.raises(LablineError) as refused:
        Change(threshold=threshold).check(line, ("e", None, "r"), [0])
    assert refused.value.code == "LL-WHATIF-THRESHOLD"
    assert remedy in refused.value.remedy
    Change(threshold=7.5).check(line_of("regression", decision={"threshold": 4.0}), ("e",), [0])
