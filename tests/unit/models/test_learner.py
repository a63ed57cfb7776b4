"""A model in a slot: a learn that raises leaves no trace, a score that raises is a dead letter."""

import random
from typing import Any

import pytest
from river.linear_model import LogisticRegression

from labline.engine.core.features import Features
from labline.engine.core.record import ANSWER, DEAD_LETTER
from labline.engine.core.spec import LearnFailed
from labline.engine.core.state_digest import state_digest
from labline.engine.models.fast.model import Twin
from labline.engine.models.learning import learner as learner_module
from labline.engine.models.learning.learner import Learner, RiverClassifier, cold
from tests.unit.core.test_task import event, feed, label, make_task, scores

POISON = {"x": "no number", "y": 1.0, "c": "a"}
TWIN = (
    "((Select('y') | MinMaxScaler()) + (Select('x') | StandardScaler())"
    " + (Select('c') | OneHotEncoder())) | LogisticRegression()"
)
RIVER = "StandardScaler() | PAClassifier()"  # x breaks it after y was taken in
RECIPES = {TWIN: Twin, RIVER: RiverClassifier}


def draw(random_: random.Random) -> dict[str, Any]:
    features: dict[str, Any] = {"y": random_.random(), "x": random_.gauss(0, 1)}
    if random_.random() < 0.5:
        features = dict(reversed(features.items()))
    return {**features, "c": random_.choice("abc")} if random_.random() < 0.8 else features


def numeric(recipe: str, features: dict[str, Any]) -> dict[str, Any]:
    """Leave categories out where the recipe has no place for them."""
    return features if recipe == TWIN else {n: v for n, v in features.items() if n != "c"}


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("held_max", [3, 2_000])
def test_a_learn_that_raises_leaves_no_trace(
    recipe: str, held_max: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also not in the keys that a mere score has added, nor in their order."""
    monkeypatch.setattr(learner_module, "HELD_MAX", held_max)
    told, calm, broken = random.Random(7), cold(recipe), cold(recipe)
    assert type(broken._inner) is RECIPES[recipe]
    for turn in range(60):
        features = numeric(recipe, draw(told))
        if turn == 20:
            features["new"] = 1.0  # first met by a score
        assert repr(broken.score(features)) == repr(calm.score(features))  # MinMaxScaler: NaN
        if turn % 3:
            for learner in (broken, calm):
                learner.learn(features, turn % 2 == 0)
        if turn % 5 == 0:
            before = state_digest(broken.river())
            with pytest.raises(LearnFailed, match="Error"):
                broken.learn(numeric(recipe, POISON), label=True)
            assert state_digest(broken.river()) == before
    assert state_digest(broken.river()) == state_digest(calm.river())


def test_a_model_that_breaks_in_the_middle_of_learning_is_undone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    learn = LogisticRegression.learn_one

    def broken(self: Any, x: dict[str, Any], y: bool) -> None:
        learn(self, x, y)
        if x.get("x") == 13.0:
            raise ZeroDivisionError

    monkeypatch.setattr(LogisticRegression, "learn_one", broken)
    model = cold("LogisticRegression(optimizer=Adam())")
    model.learn({"x": 1.0}, label=True)
    before = state_digest(model.river())
    with pytest.raises(LearnFailed):
        model.learn({"x": 13.0}, label=True)
    assert state_digest(model.river()) == before


class Panic(BaseException):
    """What compiled parts of river raise: no mere Exception."""


def test_a_panic_is_a_failed_learn_and_an_interrupt_is_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    raised: list[type[BaseException]] = [Panic, KeyboardInterrupt]

    def broken(self: Any, x: dict[str, Any], y: bool) -> None:
        del self, x, y
        raise raised.pop(0)

    monkeypatch.setattr(LogisticRegression, "learn_one", broken)
    model = Learner(LogisticRegression(optimizer=None, l2=0.5, l1=0.0))
    model._learn = lambda x, y: broken(None, x, y)
    with pytest.raises(LearnFailed, match="Panic"):
        model.learn({}, label=True)
    model._learn = lambda x, y: broken(None, x, y)
    with pytest.raises(KeyboardInterrupt):
        model.learn({}, label=True)


def test_a_task_goes_on_with_the_model_that_was_restored() -> None:
    """Not with the broken one, of which somebody may still hold a method."""
    broken, calm = (make_task(cold("StandardScaler() | LogisticRegression()")) for _ in range(2))
    for task in (broken, calm):
        feed(task, [event(0, 10, 1.5), event(1, 11, 2.5)], [label(0, 12, "e0")])
    inner = broken._slots[0].learner._inner

    def raises(features: Any, label: bool) -> None:
        inner.learn(features, not label)
        raise ValueError

    broken._slots[0].learner._learn = raises
    run = feed(broken, [event(2, 20)], [label(1, 21, "e1")])
    assert run.counts == {"answers": 1, "learned": 1, "learn-failed": 1}
    feed(calm, [event(2, 20)], [])
    assert broken._slots[0].learner._inner is not inner
    after = [scores(feed(t, [event(3, 30, 9.0)])) for t in (broken, calm)]
    assert after[0] == after[1]


def test_a_score_that_raises_is_a_dead_letter_of_its_event_alone() -> None:
    class Picky:
        def __init__(self) -> None:
            self.learned: list[float] = []

        def score(self, features: dict[str, Any]) -> float:
            if features["x"] == 13.0:
                raise ZeroDivisionError
            return 0.25

        def learn(self, features: dict[str, Any], label: bool) -> None:
            del label
            self.learned.append(features["x"])

    picky = Picky()
    task = make_task(picky)
    run = feed(task, [event(0, 10, 13.0), event(1, 11)], [label(0, 20, "e0"), label(1, 21, "e1")])
    letter, answer = (e for e in run.emissions if e[0] in (ANSWER, DEAD_LETTER))
    assert dict(letter[3] or ())["labline.error.reason"] == b"no-probability"
    assert answer[0] == ANSWER
    assert run.counts == {"dead_letters": 1, "answers": 1, "orphan": 1, "learned": 1}
    assert picky.learned == [1.0]


class Careless:
    """A user's own model that writes into what it is given."""

    def predict_proba_one(self, x: dict[str, Any]) -> dict[bool, float]:
        return {True: x.pop("x")}

    def learn_one(self, x: dict[str, Any], y: bool) -> None:
        x["x"] = float(y)


def test_a_model_by_name_cannot_change_what_others_are_given() -> None:
    features: Features = {"x": 0.25}
    learner = Learner(Careless(), known=False)
    for _ in range(2):
        assert learner.score(features) == 0.25
        learner.learn(features, True)
    assert features == {"x": 0.25}
