"""What if, its pure parts: the watch over a champion, figures of each kind, words, refusals."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labline.engine.core.line import Line
from labline.engine.core.spec import LearnFailed
from labline.engine.errors import LablineError
from labline.lab_replay.replay.trial import joined
from labline.lab_replay.whatif.change import Change
from labline.lab_replay.whatif.figures import Columns, on_labelled, robust, seen
from labline.lab_replay.whatif.result import part
from labline.lab_replay.whatif.watch import Watch

CLASSES = ("a", "b", "c")
COUNTS = dict.fromkeys(("left_out", "gone", "added", "unwritten"), 0)


def line_of(kind: str, **more: Any) -> Line:
    told = {"name": "l", "kind": kind, "events": "e", "id": "id", "features": {"numeric": ["x"]}}
    classes = {"classes": CLASSES} if kind == "multiclass" else {}
    return Line.parse({**told, **classes, **more})


class Noting:
    """A champion that answers what it is told to, and notes what it learns."""

    def __init__(self, *answers: Any, fails: bool = False) -> None:
        self._answers, self._fails, self.learned = list(answers), fails, list[Any]()

    def score(self, _: Any) -> Any:
        return self._answers.pop(0)

    def learn(self, features: Any, label: Any) -> None:
        self.learned.append((features["x"], label))
        if self._fails:
            raise LearnFailed

    def river(self) -> str:
        return "model"


def test_a_watch_tells_rows_by_their_features() -> None:
    """Two equal events are two rows; what has no valid answer is none."""
    inner = Noting(0.25, math.nan, 1.5, 0.75)
    watch = Watch(line_of("binary"), inner)
    events = [{"x": 1.0}, {"x": 2.0}, {"x": 3.0}, {"x": 1.0}]
    told = [watch.score(event) for event in events]
    assert [math.isnan(answer) for answer in told] == [False, True, True, False]
    watch.learn(events[3], True)
    watch.learn(events[1], True)  # its task never would: it was not answered
    assert watch.scores.tolist() == [0.25, 0.75]
    assert math.isnan(watch.labels[0])
    assert watch.labels[1] == 1.0
    assert inner.learned == [(1.0, True), (2.0, True)]
    other = watch.over(line_of("binary"), Noting())
    other.learn(events[0], False)
    assert watch.labels.tolist() == [0.0, 1.0]
    assert (watch.river(), Watch(line_of("binary"), None).river()) == ("model", None)


def test_several_classes_are_a_row_of_numbers() -> None:
    watch = Watch(line_of("multiclass"), Noting((0.2, 0.3, 0.5), (0.5, 0.5)))
    event = {"x": 1.0}
    assert len(watch.score(event)) == 3
    assert math.isnan(watch.score({"x": 2.0})), "two probabilities for three classes"
    watch.learn(event, "c")
    assert (watch.scores.tolist(), watch.labels.tolist()) == ([0.2, 0.3, 0.5], [2.0])


@pytest.mark.parametrize("fails", [False, True])
def test_an_anomaly_line_learns_each_event_at_once_and_no_label(fails: bool) -> None:
    inner = Noting(12.5, fails=fails)
    watch = Watch(line_of("anomaly"), inner)
    event = {"x": 1.0}
    assert watch.score(event) == 0.5, "what the task of a yes-or-no line takes"
    assert inner.learned == [(1.0, None)]
    watch.learn(event, True)
    assert inner.learned == [(1.0, None)]
    assert (watch.scores.tolist(), watch.labels.tolist()) == ([12.5], [1.0])
    assert [joined(line_of(kind)).kind for kind in ("anomaly", "regression", "multiclass")] == [
        "binary", "regression", "multiclass",
    ]  # fmt: skip


def test_without_another_model_nothing_is_learned() -> None:
    watch, event = Watch(line_of("regression"), None), {"x": 1.0}
    watch.score(event)
    watch.learn(event, 3.5)
    assert watch.labels.tolist() == [3.5]


def columns(was: Any, now: Any, label: Any, **more: Any) -> Columns:
    size = len(label)
    told = {
        "was_yes": np.zeros(size, np.bool_), "now_yes": np.zeros(size, np.bool_),
        "propensity": np.full(size, np.nan), "time_ms": np.arange(size), **more,
    }  # fmt: skip
    scores = {"was": was, "now": now, "label": label}
    return Columns(**{n: np.array(column, np.float64) for n, column in scores.items()}, **told)


NUMBERS = st.floats(-1e6, 1e6)


@given(st.lists(st.tuples(NUMBERS, NUMBERS, NUMBERS | st.none()), min_size=1, max_size=30))
def test_a_regression_s_figures(told: list[Any]) -> None:
    """Against plain sums over the labelled events."""
    found = {
        one.name: one
        for one in on_labelled(
            columns(*zip(*[(w, n, math.nan if y is None else y) for w, n, y in told], strict=True)),
            "regression", None,
        )
    }  # fmt: skip
    known = [(w, n, y) for w, n, y in told if y is not None]
    if not known:
        assert found == {}
        return
    for side, name in ((0, "was"), (1, "now")):
        errors = [one[side] - one[2] for one in known]
        mean = sum(map(abs, errors)) / len(known)
        root = math.sqrt(sum(error * error for error in errors) / len(known))
        assert getattr(found["mae"], name) == pytest.approx(mean, rel=1e-9, abs=1e-9)
        assert getattr(found["rmse"], name) == pytest.approx(root, rel=1e-9, abs=1e-9)
    assert found["rmse"].low is None
    assert (found["mae"].low is None) == (len(known) == 1), "of one event no interval"


def test_a_change_of_several_classes_is_what_went_elsewhere() -> None:
    was = [[0.5, 0.3, 0.1, 0.1], [0.1, 0.1, 0.4, 0.4], [0.4, 0.4, 0.1, 0.1]]
    now = [[0.5, 0.3, 0.1, 0.1], [0.5, 0.4, 0.1, 0.0], [0.4, 0.4, 0.1, 0.1]]
    told = part(None, columns(was, now, [0.0, 0.0, math.nan]), COUNTS, ())
    assert told.to_class == 1
    assert told.shift["max"] == pytest.approx(0.7)
    assert told.shift["mean"] == pytest.approx(0.7 / 3)
    assert (told.was_mean, told.labelled) == (None, 2)


def test_numbers_beyond_all_are_told_as_unknown() -> None:
    """JSON has no infinity."""
    huge = 1.7e308
    told = part(None, columns([huge, huge], [-huge, -huge], [0.0, 0.0]), COUNTS, ())
    assert (told.shift["max"], told.shift["mean"], told.was_mean) == (None, None, None)


@pytest.mark.slow
def test_classes_are_estimated_over_all_where_the_decision_hides_labels() -> None:
    """By chance half of the events show a label; on average the estimate is the truth."""
    rng, runs, size = np.random.default_rng(19), 400, 300
    errors, truth = [], 0.0
    for _ in range(runs):
        now = rng.dirichlet(np.ones(3), size)
        label = np.array([rng.choice(3, p=row) for row in now], np.float64)
        shown = rng.random(size) < 0.3
        told = columns(
            np.full((size, 3), 1 / 3), now, np.where(shown, label, np.nan),
            was_yes=shown, propensity=np.where(shown, 0.3, 0.7),
        )  # fmt: skip
        found = {one.name: one for one in robust(told, "multiclass", None, seen(told, 0, "l"))}
        truth = float((now.argmax(axis=1) == label).mean())
        assert found["accuracy"].now is not None
        errors.append(found["accuracy"].now - truth)
    assert abs(np.mean(errors)) < 4 * np.std(errors, ddof=1) / math.sqrt(runs)
    assert set(found) == {"log_loss", "brier", "accuracy"}


def test_a_number_is_estimated_by_the_chances_alone() -> None:
    told = columns(
        [0.0, 0.0], [1.0, 1.0], [2.0, math.nan],
        was_yes=np.array([True, False]), propensity=np.array([0.5, 0.5]),
    )  # fmt: skip
    (mae,) = robust(told, "regression", None, seen(told, 0, "l"))
    assert (mae.was, mae.now, mae.observed) == (2.0, 1.0, 1)


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
