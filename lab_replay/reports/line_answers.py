"""What a line answered, as columns of numbers: read as a stream, one partition at a time.

`line_facts` hands over a line and where its records come from, and gets the line's `Answers`.
Nothing of a record is kept but numbers: some fifty bytes an answer, and eight for each score that
another slot gave (of several classes one for each). Names of events are kept as digests of 64 bits.
"""

from array import array
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from labline.engine.core.kinds import KINDS
from labline.engine.core.line import Line
from labline.engine.core.scores import Answer, Shadow, decode_answer, decode_shadow
from labline.engine.errors import LablineError
from labline.lab_replay.evaluation.losses import Floats
from labline.lab_replay.evaluation.prediction_log import PredictionLog
from labline.lab_replay.reports.line_labels import NAN, Labels, digest, looked_up
from labline.lab_replay.reports.line_sources import Sources
from labline.schemas.values.value_format import ValueReader
from labline.topics.naming import line_topics

CHAMPION, BASELINE = "champion", "baseline"
NUMBERS_MAX = 100_000_000  # of eight bytes each, in all columns together
UNKNOWN_MS = -1

#: Revision -> how many answers it gave, and the first event time of them.
Revisions: TypeAlias = dict[int, tuple[int, int]]


@dataclass(frozen=True)
class Answers:
    """The answers of a line, a row each, by event time; equal times by partition and offset.

    Attributes
    ----------
    log
        The scores of the champion and of the slots beside it by name, with the labels: the first
        that came for an event, in time or not.
    yes
        Whether the answer was yes.
    latency_ms
        From the append of the event to that of its answer; `UNKNOWN_MS` where one is not known.
    """

    log: PredictionLog
    yes: NDArray[np.bool_]
    latency_ms: NDArray[np.int64]
    revisions: Revisions

    def __len__(self) -> int:
        return len(self.log)


@dataclass
class _Part:
    """The answers of one partition as they are read; `width` numbers are one score."""

    width: int
    key: "array[int]" = field(default_factory=lambda: array("q"))
    time_ms: "array[int]" = field(default_factory=lambda: array("q"))
    yes: "array[int]" = field(default_factory=lambda: array("b"))
    name: "array[int]" = field(default_factory=lambda: array("Q"))
    append_ms: "array[int]" = field(default_factory=lambda: array("q"))
    score: "array[float]" = field(default_factory=lambda: array("d"))


@dataclass
class _Columns:
    """The answers of one partition as they are put together."""

    time_ms: NDArray[np.int64]
    yes: NDArray[np.bool_]
    label: Floats
    latency_ms: NDArray[np.int64]
    scores: dict[str, Floats]


def answers_of(line: Line, sources: Sources, label_reader: ValueReader | None) -> Answers:
    """Return a line's answers with what was so and what the other slots said.

    Raises
    ------
    LablineError
        ``LL-REPORT-LARGE`` when they are too many to be kept in memory.
    """
    labels = Labels(line, sources, label_reader)
    revisions: Revisions = {}
    columns, numbers = list[_Columns](), 0
    for partition in sources.partitions:
        part = _read_answers(line, sources, partition, revisions, numbers)
        shadow = _read_shadow(line, sources, partition, part)
        columns.append(
            _Columns(
                np.frombuffer(part.time_ms, np.int64),
                np.frombuffer(part.yes, np.bool_),
                labels.of(np.frombuffer(part.name, np.uint64)),
                _latency(line, sources, partition, part),
                {CHAMPION: _shaped(part.score, part.width), **shadow},
            )
        )
        numbers += len(part.key) * (3 + part.width * (1 + len(shadow)))
    return _together(line, columns, revisions)


def _read_answers(
    line: Line, sources: Sources, partition: int, revisions: Revisions, numbers: int
) -> _Part:
    """Return a partition's answers, and count them in `revisions`.

    Parameters
    ----------
    numbers
        How many are kept of other partitions.
    """
    topics, kind, part = line_topics(line.name), KINDS[line.kind], _Part(len(line.classes) or 1)
    for batch in sources.read(topics.scores, partition):
        for _, append_ms, _, value, _ in batch:
            answer = decode_answer(value)
            if not isinstance(answer, Answer):
                continue  # another tool's
            score, revision = answer.score(kind), answer.revision
            if len(score) != part.width:
                continue  # of another kind, or of other classes, that the line once had
            part.key.append(_key(answer, topics.retry))
            part.time_ms.append(answer.event_time_ms)
            part.yes.append(answer.answer)
            part.name.append(digest(answer.id))
            part.append_ms.append(append_ms)
            part.score.extend(score)
            count, first_ms = revisions.get(revision, (0, answer.event_time_ms))
            revisions[revision] = count + 1, min(first_ms, answer.event_time_ms)
        if numbers + len(part.key) * (3 + part.width) > NUMBERS_MAX:
            raise LablineError(
                "LL-REPORT-LARGE",
                f"{topics.scores} holds more than can be held: {NUMBERS_MAX:,} numbers",
                "record a stretch of it and replay that: labline record, labline lab run",
            )
    return part


def _key(score: Answer | Shadow, retry: str) -> int:
    """Return which record of a partition was answered: events and retries have their own."""
    return score.offset * 2 + (score.topic == retry)


def _read_shadow(line: Line, sources: Sources, partition: int, part: _Part) -> dict[str, Floats]:
    """Return what the other slots said to the partition's answers."""
    topics, kind, width = line_topics(line.name), KINDS[line.kind], part.width
    keys = array("q")
    columns: dict[str, array[float]] = {}
    for batch in sources.read(topics.shadow, partition):
        for record in batch:
            shadow = decode_shadow(record[3])
            if not isinstance(shadow, Shadow):
                continue
            for slot in shadow.scores:
                name = slot.model if slot.slot == BASELINE else slot.slot
                column = columns.setdefault(name, array("d"))
                column.extend([NAN] * (len(keys) * width - len(column)))
                score = slot.score(kind)
                column.extend(score if len(score) == width else [NAN] * width)
            keys.append(_key(shadow, topics.retry))
    for column in columns.values():
        column.extend([NAN] * (len(keys) * width - len(column)))
    if keys == part.key:  # as nearly always: one for each answer, in their order
        return {name: _shaped(column, width) for name, column in columns.items()}
    order = np.argsort(np.frombuffer(keys, np.int64), kind="stable")
    known, wanted = np.frombuffer(keys, np.int64)[order], np.frombuffer(part.key, np.int64)
    return {
        name: looked_up(known, _shaped(columns.pop(name), width)[order], wanted, NAN)
        for name in list(columns)
    }


def _latency(line: Line, sources: Sources, partition: int, part: _Part) -> NDArray[np.int64]:
    """Return how long answers took, where both times are the broker's."""
    topics, keys, times = line_topics(line.name), array("q"), array("q")
    if topics.scores in sources.appended:
        for retried, topic in enumerate((line.events, topics.retry)):
            if topic in sources.appended:
                for batch in sources.read(topic, partition):
                    keys.extend([record[0] * 2 + retried for record in batch])
                    times.extend([record[1] for record in batch])
    known = np.frombuffer(keys, np.int64)
    order = np.argsort(known, kind="stable")
    wanted, answered = np.frombuffer(part.key, np.int64), np.frombuffer(part.append_ms, np.int64)
    read = looked_up(known[order], np.frombuffer(times, np.int64)[order], wanted, UNKNOWN_MS)
    latency: NDArray[np.int64] = np.where(read >= 0, answered - read, UNKNOWN_MS)
    return np.maximum(latency, UNKNOWN_MS)


def _shaped(column: "array[float]", width: int) -> Floats:
    flat = np.frombuffer(column, np.float64)
    return flat if width == 1 else flat.reshape(-1, width)


def _together(line: Line, parts: list[_Columns], revisions: Revisions) -> Answers:
    """Return the answers of all partitions by event time; the parts' scores are let go."""

    def joined(take: Callable[[_Columns], NDArray[Any]]) -> NDArray[Any]:
        return np.concatenate([take(part) for part in parts])

    times = joined(lambda part: part.time_ms)
    ordered: Any = slice(None)
    if np.any(times[1:] < times[:-1]):
        ordered = np.argsort(times, kind="stable")
    shape = (len(line.classes),) if line.classes else ()
    scores: dict[str, Floats] = {}
    for name in dict.fromkeys(name for part in parts for name in part.scores):
        columns = [part.scores.pop(name, None) for part in parts]
        whole = [
            np.full((len(part.time_ms), *shape), NAN) if column is None else column
            for part, column in zip(parts, columns, strict=True)
        ]
        scores[name] = np.concatenate(whole)[ordered]
    return Answers(
        PredictionLog(
            times[ordered],
            joined(lambda part: part.label)[ordered],
            scores,
            line.kind,
            line.classes,
        ),
        joined(lambda part: part.yes)[ordered],
        joined(lambda part: part.latency_ms)[ordered],
        revisions,
    )
