"""Kinds of lines in the fold: what is a score, what is learned, what is refused, and why."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from river import linear_model, preprocessing

from labline.engine.core.kinds import KINDS as TABLE
from labline.engine.core.line import Line
from labline.engine.core.record import ANSWER, DEAD_LETTER, SHADOW, Record
from labline.engine.core.run import Run
from labline.engine.core.snapshot import Sealed
from labline.engine.core.spec import Learner, LearnFailed, Slot, Spec
from labline.engine.core.state_digest import state_digest
from labline.engine.core.task import Task
from labline.engine.models.learning import learner as learner_module
from labline.engine.models.learning.learner import cold
from labline.engine.models.learning.snapshots import NOWHERE, revived, snapshot
from labline.engine.models.state.unpickle import dump
from labline.schemas.avro import Schema
from labline.schemas.engine_schemas import engine_schema
from tests.unit.core.test_task import APPENDED_MS, END, EVENT, event

CLASSES = ("a", "b", "c")
BASE = {
    "name": "l", "events": "e", "id": "id", "label_horizon": "1s", "features": {"numeric": ["x"]},
}  # fmt: skip
LABELLED = {"labels": "lab", "refers_to": "id", "label": "y"}
KINDS: dict[str, dict[str, Any]] = {
    "multiclass": {**LABELLED, "classes": CLASSES},
    "regression": LABELLED,
    "anomaly": {},
}
TYPES = {"multiclass": "string", "regression": {"type": "double", "finite": False}}


def label_schema(kind: str) -> Schema | None:
    if kind not in TYPES:
        return None
    told = TYPES[kind]
    field: dict[str, Any] = {"name": "y", "type": told}
    if isinstance(told, dict):
        field = {"name": "y", **told}
    names = [{"name": "id", "type": "string"}, {"name": "at", "type": "long", "event_time": True}]
    return Schema.parse({"type": "record", "name": "Label", "fields": [*names, field]})


class Fixed:
    """Answers what it is told, and remembers what it is taught."""

    def __init__(self, *answers: Any) -> None:
        self.answers, self.learned = list(answers), list[tuple[float, Any]]()

    def score(self, features: dict[str, Any]) -> Any:
        del features
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def learn(self, features: dict[str, Any], label: Any) -> None:
        self.learned.append((features["x"], label))

    def river(self) -> Any:
        return list(self.learned)


def spec_of(kind: str, champion: Any, baseline: Any, **line: Any) -> Spec:
    declared = Line.parse({**BASE, "kind": kind, **KINDS[kind], **line})
    return Spec(
        line=declared, revision=7, inputs=("e", declared.labels, "l.retry"), event_schema=EVENT,
        label_schema=label_schema(kind), champion=Slot("champion", "m@1", champion),
        others=(Slot("baseline", "b", baseline),),
    )  # fmt: skip


def make_task(kind: str, champion: Any, baseline: Any = None, **line: Any) -> Task:
    spec = spec_of(kind, champion, baseline or Fixed(*champion.answers), **line)
    return Task(spec, 3, (0, 0 if spec.line.labels else -1, 0))


def label(kind: str, offset: int, at: int, identity: str, y: Any) -> Record:
    schema = label_schema(kind)
    assert schema is not None
    return (offset, APPENDED_MS, b"k", schema.encode({"id": identity, "at": at, "y": y}), None)


def feed(task: Task, events: Any = (), labels: Any = ()) -> Run:
    return task.feed((events, labels, ()), END, 1_000)


def decoded(task: Task, run: Run, kind: str = ANSWER) -> list[dict[str, Any]]:
    names = TABLE[task.spec.line.kind].schemas
    schema = engine_schema(names.answer if kind == ANSWER else names.shadow)
    found: list[Any] = [schema.decode(e[2]) for e in run.emissions if e[0] == kind]
    return found


def reasons(run: Run) -> list[str]:
    headers = [dict(e[3] or ()) for e in run.emissions if e[0] == DEAD_LETTER]
    return [(told["labline.error.reason"] or b"").decode() for told in headers]


def test_a_regression_answers_a_value_and_learns_a_number() -> None:
    champion, baseline = Fixed(12.5), Fixed(math.nan)
    task = make_task("regression", champion, baseline, decision={"threshold": 12.5})
    run = feed(task, [event(0, 10)], [label("regression", 0, 20, "e0", -3.0)])
    (answer,), (shadow,) = decoded(task, run), decoded(task, run, SHADOW)
    assert (answer["value"], answer["probability"], answer["answer"]) == (12.5, None, True)
    (slot,) = shadow["scores"]
    assert (slot["value"], slot["probability"]) == (None, None), "its score is no number"
    assert champion.learned == baseline.learned == [(1.0, -3.0)]


def test_without_a_threshold_a_value_decides_nothing() -> None:
    task = make_task("regression", Fixed(1e300))
    assert decoded(task, feed(task, [event(0, 10)]))[0]["answer"] is False


@pytest.mark.parametrize("score", [math.nan, math.inf, -math.inf, ValueError()])
@pytest.mark.parametrize("kind", ["regression", "anomaly"])
def test_what_is_no_finite_number_is_a_dead_letter_and_nothing_is_learned(
    kind: str, score: Any
) -> None:
    champion = Fixed(score)
    task = make_task(kind, champion, Fixed(0.5))
    run = feed(task, [event(0, 10)])
    assert reasons(run) == ["no-value"]
    assert champion.learned == []
    champion.answers = [1.0]
    assert feed(task, [event(1, 11)]).counts == {"answers": 1}


@pytest.mark.parametrize("y", [math.nan, math.inf])
def test_a_label_that_is_not_finite_reaches_no_learner(y: float) -> None:
    champion = Fixed(1.0)
    task = make_task("regression", champion)
    labels = [label("regression", 0, 20, "e0", y), label("regression", 1, 21, "e0", 2.0)]
    run = feed(task, [event(0, 10)], labels)
    assert reasons(run) == ["not-finite"]
    assert run.counts == {"answers": 1, "dead_labels": 1, "learned": 1}
    assert champion.learned == [(1.0, 2.0)]


def test_several_classes_are_answered_by_the_best_and_a_stranger_is_a_dead_label() -> None:
    champion, baseline = Fixed((0.25, 0.5, 0.25)), Fixed((0.4, 0.4, 0.2))
    task = make_task("multiclass", champion, baseline, decision={"threshold": 0.5})
    labels = [label("multiclass", n, 20 + n, "e0", y) for n, y in enumerate(("d", "c", "a", "c"))]
    run = feed(task, [event(0, 10)], labels)
    (answer,), (shadow,) = decoded(task, run), decoded(task, run, SHADOW)
    assert (answer["label"], answer["probability"], answer["answer"]) == ("b", 0.5, True)
    assert answer["probabilities"] == [0.25, 0.5, 0.25]
    assert [s["label"] for s in shadow["scores"]] == ["a"], "the first of equals"
    assert reasons(run) == ["unknown-class"]
    assert champion.learned == baseline.learned == [(1.0, "c")]
    outcomes = {"learned": 1, "contradicting": 1, "duplicate": 1}
    assert run.counts == {"answers": 1, "dead_labels": 1, **outcomes}


@pytest.mark.parametrize(
    "score", [(0.5, 0.5), (0.5, math.nan, 0.5), (1.5, 0.0, 0.0), (), 0.5, math.nan, KeyError()]
)
def test_what_are_no_probabilities_of_the_classes_is_a_dead_letter(score: Any) -> None:
    task = make_task("multiclass", Fixed(score), Fixed((0.2, 0.3, 0.5)))
    assert reasons(feed(task, [event(0, 10)])) == ["no-probability"]
    task = make_task("multiclass", Fixed((0.2, 0.3, 0.5)), Fixed(score))
    (shadow,) = decoded(task, feed(task, [event(0, 10)]), SHADOW)
    (slot,) = shadow["scores"]
    assert (slot["label"], slot["probability"], slot["probabilities"]) == (None, None, [])


def test_an_anomaly_line_learns_each_event_once_it_was_scored_and_waits_for_nothing() -> None:
    champion, baseline = Fixed(0.25), Fixed(0.75)
    task = make_task("anomaly", champion, baseline, decision={"threshold": 0.25})
    run = feed(task, [event(0, 10, 1.5), event(1, 30, 2.5), event(2, 40, None)])
    assert champion.learned == baseline.learned == [(1.5, None), (2.5, None)]
    assert [a["value"] for a in decoded(task, run)] == [0.25, 0.25]
    assert run.counts == {"answers": 2, "dead_letters": 1}
    assert task.state()["join"] == {"pending": [], "remembered": []}


def test_an_anomaly_is_scored_before_its_event_is_learned() -> None:
    task = make_task("anomaly", Fixed(0.0))
    learner = cold("MinMaxScaler() | HalfSpaceTrees(n_trees=2, window_size=3, seed=1)", "anomaly")
    task.configure(spec_of("anomaly", learner, Fixed(0.0)))
    plain = cold("MinMaxScaler() | HalfSpaceTrees(n_trees=2, window_size=3, seed=1)", "anomaly")
    run = feed(task, [event(n, 10 * n, float(n * 7 % 5)) for n in range(40)])
    expected = []
    for n in range(40):
        expected.append(plain.score({"x": float(n * 7 % 5)}))
        plain.learn({"x": float(n * 7 % 5)}, None)
    assert [a["value"] for a in decoded(task, run)] == expected
    assert len(set(expected)) > 2


def test_labels_of_an_anomaly_line_are_counted_and_not_learned() -> None:
    declared = Line.parse({**BASE, **LABELLED, "kind": "anomaly"})
    schema = Schema.parse({"type": "record", "name": "L", "fields": [
        {"name": "id", "type": "string"}, {"name": "at", "type": "long", "event_time": True},
        {"name": "y", "type": "boolean"}]})  # fmt: skip
    champion = Fixed(0.5)
    spec = Spec(
        declared, 7, ("e", "lab", "l.retry"), EVENT, schema, Slot("champion", "m", champion)
    )
    value = schema.encode({"id": "e0", "at": 20, "y": True})
    run = feed(Task(spec, 0, (0, 0, 0)), [event(0, 10)], [(0, APPENDED_MS, b"k", value, None)])
    assert run.counts == {"answers": 1, "unused": 1}
    assert champion.learned == [(1.0, None)]


RECIPES = {
    "multiclass": "StandardScaler() | SoftmaxRegression()",
    "regression": "StandardScaler() | LinearRegression()",
    "anomaly": "MinMaxScaler() | HalfSpaceTrees(n_trees=2, window_size=5, seed=1)",
}
LABELS = {"multiclass": ("a", "b"), "regression": (1.5, -2.0), "anomaly": (None, None)}


@pytest.mark.parametrize("kind", RECIPES)
@pytest.mark.parametrize("held_max", [3, 2_000])
def test_a_learn_that_raises_leaves_no_trace(
    kind: str, held_max: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(learner_module, "HELD_MAX", held_max)
    calm, broken = (cold(RECIPES[kind], kind, CLASSES) for _ in range(2))
    for turn in range(40):
        features, y = {"x": turn * 37 % 11 / 3}, LABELS[kind][turn % 2]
        assert broken.score(features) == calm.score(features)
        for learner in (broken, calm):
            learner.learn(features, y)
        before = state_digest(broken.river())
        with pytest.raises(LearnFailed):
            broken.learn({"x": "no number"}, y)
        assert state_digest(broken.river()) == before


def test_a_regression_line_has_the_twin_of_the_linear_regression() -> None:
    learner, model = (
        cold(RECIPES["regression"], "regression"),
        (preprocessing.StandardScaler() | linear_model.LinearRegression()),
    )
    assert type(learner._inner).__name__ == "Twin"
    for turn in range(300):
        x, y = {"x": turn * 37 % 11 / 3, "y": turn % 7 / 9}, turn % 5 / 7 - 1
        assert learner.score(x) == model.predict_one(x)
        learner.learn(x, y)
        model.learn_one(x, y)


@pytest.mark.parametrize("kind", RECIPES)
def test_a_task_of_each_kind_comes_back_from_its_snapshot(kind: str) -> None:
    def fresh() -> Learner:
        return cold(RECIPES[kind], kind, CLASSES)

    task = make_task(kind, Fixed(0.0))
    task.configure(spec_of(kind, fresh(), fresh()))
    labels = [label(kind, n, 10 * n + 5, f"e{n}", LABELS[kind][n % 2]) for n in range(30)
              if kind in TYPES]  # fmt: skip
    feed(task, [event(n, 10 * n, n * 7 % 5 / 2) for n in range(30)], labels)
    header, state = snapshot(task, NOWHERE, "e")
    again = revived(Sealed(header, state), spec_of(kind, fresh(), fresh()))
    assert isinstance(again, Task), again
    more = [event(n, 10 * n, n * 7 % 5 / 2) for n in range(30, 50)]
    assert feed(again, more).emissions == feed(task, more).emissions
    assert dump(again.state()) is not None
    assert state_digest(again.state()) == state_digest(task.state())


@given(st.lists(st.floats(0, 1), min_size=3, max_size=3), st.floats(0, 1))
def test_the_answer_is_the_first_of_the_best(probabilities: list[float], threshold: float) -> None:
    task = make_task("multiclass", Fixed(tuple(probabilities)), decision={"threshold": threshold})
    (answer,) = decoded(task, feed(task, [event(0, 10)]))
    best = max(probabilities)
    assert answer["label"] == CLASSES[probabilities.index(best)]
    assert (answer["probability"], answer["answer"]) == (best, best >= threshold)
