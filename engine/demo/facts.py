"""What the demo's line did, counted from its topics by a ``read_committed`` reader.

`engine.demo.run` calls `gather` when all has been published and answered; `summary` shows the facts
and checks them. Nothing is taken from what any part of labline says of itself.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from labline.engine.broker.reader import partition_offsets, read_range
from labline.engine.core.kinds import BINARY
from labline.engine.core.line import Line
from labline.engine.core.record import Record
from labline.engine.core.scores import Answer, Shadow, decode_answer, decode_shadow
from labline.lab_replay.evaluation.figures import Scored, evaluate
from labline.lab_replay.evaluation.prediction_log import PredictionLog
from labline.schemas.avro import Schema
from labline.schemas.engine_schemas import engine_schema
from labline.topics.naming import LineTopics, line_topics

CHAMPION = "champion"
NAN = float("nan")  # of a slot that had no valid score
METRICS = ("log_loss", "roc_auc")


@dataclass(frozen=True)
class Facts:
    """A line's outcome.

    Attributes
    ----------
    answered_twice, unanswered
        Event offsets with more than one answer or dead letter, and with none.
    dead_letters
        Of events, by ``stage/reason``.
    label_outcomes
        From the vitals: every label has one; ``expired`` counts events that got no label.
    scores
        Metrics of champion and baselines over all labelled answers, and over the late ones.
    catch_up_events_per_s
        By the append times of the answers to history.
    """

    events: int
    labels: int
    answers: int
    dead_letters: dict[str, int]
    dead_labels: int
    answered_twice: int
    unanswered: int
    label_outcomes: dict[str, int]
    whole: dict[str, Scored]
    late: dict[str, Scored]
    catch_up_events_per_s: float

    def document(self) -> dict[str, Any]:
        """Return it as JSON-able data."""
        return asdict(self)


def gather(
    broker: str, line: Line, label_schema: Schema, *, late_from_ms: int, live_from_ms: int
) -> Facts:
    """Read a line's topics back.

    Parameters
    ----------
    late_from_ms
        Event time from which on answers count for the metrics called late.
    live_from_ms
        Event time at which history ends.
    """
    topics = line_topics(line.name)
    assert line.labels is not None
    events = {(line.events, p, r[0]) for p, r in _records(broker, line.events)}
    truth = _truth(broker, line, label_schema)
    answered: Counter[tuple[str, int, int]] = Counter()
    log, appended = _answers(broker, topics, truth, answered, live_from_ms)
    letters, dead_labels = _letters(broker, topics, line, answered)
    handled = {place for place in answered if place[0] == line.events}
    return Facts(
        events=len(events),
        labels=sum(1 for _ in _records(broker, line.labels)),
        answers=len(log),
        dead_letters=dict(letters),
        dead_labels=dead_labels,
        answered_twice=sum(count > 1 for count in answered.values()),
        unanswered=len(events - handled),
        label_outcomes=_outcomes(broker, topics),
        whole=evaluate(log, METRICS),
        late=evaluate(log.between(late_from_ms, 1 << 62), METRICS),
        catch_up_events_per_s=_rate(appended),
    )


def _records(broker: str, topic: str) -> Iterator[tuple[int, Record]]:
    for partition, offsets in partition_offsets(broker, [topic])[topic].items():
        for batch in read_range(broker, topic, partition, offsets.start, offsets.stable):
            for record in batch:
                yield partition, record


def _truth(broker: str, line: Line, schema: Schema) -> dict[str, bool]:
    truth: dict[str, bool] = {}
    for _, record in _records(broker, line.labels or ""):
        label = schema.decode(record[3])
        if isinstance(label, dict):
            truth.setdefault(label[line.refers_to or ""], label[line.label or ""])
    return truth


def _answers(
    broker: str,
    topics: LineTopics,
    truth: dict[str, bool],
    answered: Counter[tuple[str, int, int]],
    live_from_ms: int,
) -> tuple[PredictionLog, list[int]]:
    """Return champion's and baselines' probabilities by event, and append times of history."""
    ids: list[str] = []
    times: list[int] = []
    columns: dict[str, list[float]] = {CHAMPION: []}
    appended: list[int] = []
    for _, record in _records(broker, topics.scores):
        answer = decode_answer(record[3])
        assert isinstance(answer, Answer)
        answered[answer.topic, answer.partition, answer.offset] += 1
        ids.append(answer.id)
        times.append(answer.event_time_ms)
        columns[CHAMPION].extend(answer.score(BINARY))
        if answer.event_time_ms < live_from_ms:
            appended.append(record[1])
    for _, record in _records(broker, topics.shadow):  # in the order of the answers
        shadow = decode_shadow(record[3])
        assert isinstance(shadow, Shadow)
        for slot in shadow.scores:
            columns.setdefault(slot.model, []).extend(slot.score(BINARY) or (NAN,))
    label = np.array([truth.get(identity, np.nan) for identity in ids], np.float64)
    scores = {name: np.array(column) for name, column in columns.items()}
    return PredictionLog(np.array(times), label, scores), appended


def _letters(
    broker: str, topics: LineTopics, line: Line, answered: Counter[tuple[str, int, int]]
) -> tuple[Counter[str], int]:
    """Count dead letters by reason, those of events apart from those of labels."""
    letters: Counter[str] = Counter()
    dead_labels = 0
    for _, record in _records(broker, topics.dlq):
        error = {
            name.removeprefix("labline.error."): (value or b"").decode()
            for name, value in record[4] or ()
        }
        answered[error["topic"], int(error["partition"]), int(error["offset"])] += 1
        if error["topic"] == line.labels:
            dead_labels += 1
        else:
            letters[f"{error['stage']}/{error['reason']}"] += 1
    return letters, dead_labels


def _outcomes(broker: str, topics: LineTopics) -> dict[str, int]:
    outcomes: Counter[str] = Counter()
    decode = engine_schema("labline.Vitals").decode
    for _, record in _records(broker, topics.vitals):
        vitals: Any = decode(record[3])
        outcomes.update(vitals["outcomes"])
    return dict(outcomes)


def _rate(appended: list[int]) -> float:
    """Return events a second between the first and the last append time (ms)."""
    if not appended or max(appended) == min(appended):
        return float("nan")
    return len(appended) * 1000 / (max(appended) - min(appended))
