"""The learner that tells events apart as rows, around a champion or alone."""

import math
from typing import Any

import pytest

from labline.engine.core.line import Line
from labline.engine.core.spec import LearnFailed
from labline.lab_replay.replay.row_recorder import RowRecorder
from labline.lab_replay.replay.trial import joined
from labline.lab_replay.whatif.answers import AnswerLog

CLASSES = ("a", "b", "c")


def line_of(kind: str) -> Line:
    told = {"name": "l", "kind": kind, "events": "e", "id": "id", "features": {"numeric": ["x"]}}
    return Line.parse(told | ({"classes": CLASSES} if kind == "multiclass" else {}))


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


def recorder_of(kind: str, inner: Any = None) -> tuple[RowRecorder, AnswerLog]:
    line = line_of(kind)
    log = AnswerLog(line)
    return RowRecorder(line, log, inner), log


def test_a_recorder_tells_rows_by_their_features() -> None:
    """Two equal events are two rows; what has no valid answer is none."""
    inner = Noting(0.25, math.nan, 1.5, 0.75)
    recorder, log = recorder_of("binary", inner)
    events = [{"x": 1.0}, {"x": 2.0}, {"x": 3.0}, {"x": 1.0}]
    answers = [recorder.score(event) for event in events]
    assert [math.isnan(answer) for answer in answers] == [False, True, True, False]
    recorder.learn(events[3], True)
    recorder.learn(events[1], True)  # its task never would: it was not answered
    assert log.scores.tolist() == [0.25, 0.75]
    assert math.isnan(log.labels[0])
    assert log.labels[1] == 1.0
    assert inner.learned == [(1.0, True), (2.0, True)]
    other = recorder.around(line_of("binary"), Noting())
    other.learn(events[0], False)
    assert log.labels.tolist() == [0.0, 1.0]
    assert (recorder.river(), recorder_of("binary")[0].river()) == ("model", None)


def test_a_task_may_keep_its_recorder_though_there_is_a_newer_one() -> None:
    """Both number the rows alike, whichever of them scores."""
    recorder, log = recorder_of("binary", Noting(0.1, 0.3))
    newer = recorder.around(line_of("binary"), Noting(0.2))
    events = [{"x": float(number)} for number in range(3)]
    for scorer, event in zip((recorder, newer, recorder), events, strict=True):
        scorer.score(event)
    newer.learn(events[2], True)
    assert log.scores.tolist() == [0.1, 0.2, 0.3]
    assert log.labels[2] == 1.0


def test_several_classes_are_a_row_of_numbers() -> None:
    recorder, log = recorder_of("multiclass", Noting((0.2, 0.3, 0.5), (0.5, 0.5)))
    event = {"x": 1.0}
    assert len(recorder.score(event)) == 3
    assert math.isnan(recorder.score({"x": 2.0})), "two probabilities for three classes"
    recorder.learn(event, "c")
    assert (log.scores.tolist(), log.labels.tolist()) == ([0.2, 0.3, 0.5], [2.0])
    assert log.answer(0) == [0.2, 0.3, 0.5]


@pytest.mark.parametrize("fails", [False, True])
def test_an_anomaly_line_learns_each_event_at_once_and_no_label(fails: bool) -> None:
    inner = Noting(12.5, fails=fails)
    recorder, log = recorder_of("anomaly", inner)
    event = {"x": 1.0}
    assert recorder.score(event) == 0.5, "what the task of a yes-or-no line takes"
    assert inner.learned == [(1.0, None)]
    recorder.learn(event, True)
    assert inner.learned == [(1.0, None)]
    assert (log.scores.tolist(), log.labels.tolist()) == ([12.5], [1.0])
    assert [joined(line_of(kind)).kind for kind in ("anomaly", "regression", "multiclass")] == [
        "binary", "regression", "multiclass",
    ]  # fmt: skip


def test_without_another_model_nothing_is_learned() -> None:
    (recorder, log), event = recorder_of("regression"), {"x": 1.0}
    recorder.score(event)
    recorder.learn(event, 3.5)
    assert (log.scores.tolist(), log.labels.tolist()) == ([], [3.5])
