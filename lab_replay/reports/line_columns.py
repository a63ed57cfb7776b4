"""What a line's topics hold, as columns of numbers: read as a stream, one partition at a time.

Nothing of a record is kept but numbers: some fifty bytes an answer, and eight for each score that
another slot gave (of several classes one for each). Names of events are kept as digests of 64 bits.
"""

from array import array
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from labline.engine.core.kinds import score_schemas
from labline.engine.core.line import Line
from labline.engine.errors import LablineError
from labline.lab_replay.reports.line_sources import Sources
from labline.schemas.engine_schemas import engine_schema
from labline.schemas.framing import Codec
from labline.topics.naming import line_topics

Floats: TypeAlias = NDArray[np.float64]

CHAMPION, BASELINE = "champion", "baseline"
NUMBERS_MAX = 100_000_000  # of eight bytes each, in all columns together
UNKNOWN_MS = -1
NAN = float("nan")
EVERYTHING = slice(None)


@dataclass
class Answers:
    """The answers of a line by event time, in columns; equal times by partition and offset.

    Attributes
    ----------
    said
        Whether the answer was yes.
    label
        As in a `PredictionLog`: NaN where none came.
    latency_ms
        From the append of the event to that of its answer; `UNKNOWN_MS` where one is not known.
    scores
        Of the champion and of the slots beside it, by name.
    revisions
        Revision -> how many answers it gave, and the first event time of them.
    """

    event_time_ms: NDArray[np.int64]
    said: NDArray[np.bool_]
    label: Floats
    latency_ms: NDArray[np.int64]
    scores: dict[str, Floats]
    revisions: dict[int, tuple[int, int]]

    def __len__(self) -> int:
        return len(self.event_time_ms)


@dataclass
class _Part:
    """The answers of one partition as they are read, and what was beside them."""

    width: int
    key: "array[int]" = field(default_factory=lambda: array("q"))
    time_ms: "array[int]" = field(default_factory=lambda: array("q"))
    said: "array[int]" = field(default_factory=lambda: array("b"))
    name: "array[int]" = field(default_factory=lambda: array("Q"))
    append_ms: "array[int]" = field(default_factory=lambda: array("q"))
    score: "array[float]" = field(default_factory=lambda: array("d"))


def answers_of(line: Line, sources: Sources, label_codec: Codec | None) -> Answers:
    """Return a line's answers with what was so and what the other slots said.

    Raises
    ------
    LablineError
        ``LL-REPORT-LARGE`` when they are too many to be held.
    """
    truth = _Truth(line, sources, label_codec)
    revisions: dict[int, tuple[int, int]] = {}
    parts, held = list[Answers](), 0
    for partition in sources.partitions:
        part = _read_answers(line, sources, partition, revisions, held)
        shadow = _read_shadow(line, sources, partition, part)
        latency_ms = _latency(line, sources, partition, part)
        width = part.width
        parts.append(
            Answers(
                np.frombuffer(part.time_ms, np.int64),
                np.frombuffer(part.said, np.bool_),
                truth.of(np.frombuffer(part.name, np.uint64)),
                latency_ms,
                {CHAMPION: _shaped(part.score, width), **shadow},
                {},
            )
        )
        held += len(part.key) * (3 + width * (1 + len(shadow)))
    return _together(parts, revisions)


def digest(name: str) -> int:
    """Return a name as 64 bits, the same in every process.

    Examples
    --------
    >>> digest("a") == digest("a") != digest("b")
    True
    """
    return int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "little")


class _Truth:
    """What was so by event: the first label that came, in time or not."""

    def __init__(self, line: Line, sources: Sources, codec: Codec | None) -> None:
        names, labels = array("Q"), array("d")
        places = {name: float(place) for place, name in enumerate(line.classes)}
        for partition in sources.partitions if codec is not None else ():
            for batch in sources.read(line.labels or "", partition):
                for _, _, _, value, headers in batch:
                    told: Any = codec.decode(value, headers) if codec else None
                    label = _label(told, line, places)
                    if label is not None:
                        names.append(digest(told[line.refers_to or ""]))
                        labels.append(label)
        found = np.frombuffer(names, np.uint64)
        self._names, first = np.unique(found, return_index=True)
        self._labels = np.frombuffer(labels, np.float64)[first]

    def of(self, names: NDArray[np.uint64]) -> Floats:
        """Return the labels of events; NaN where none came."""
        found: Floats = looked_up(self._names, self._labels, names, NAN)
        return found


def _label(told: Any, line: Line, places: dict[str, float]) -> float | None:
    """Return a label as a number; None for what is none of the line's."""
    label = told.get(line.label or "") if isinstance(told, dict) else None
    if label is None:
        return None
    number = places.get(label) if places else float(label)
    return number if number is not None and number - number == 0.0 else None


def looked_up(known: NDArray[Any], values: NDArray[Any], wanted: NDArray[Any], missing: Any) -> Any:
    """Return the value of each wanted key; keys are ascending.

    Examples
    --------
    >>> looked_up(np.array([2, 5]), np.array([0.2, 0.5]), np.array([5, 3]), -1.0).tolist()
    [0.5, -1.0]
    """
    if not len(known):
        return np.full((len(wanted), *values.shape[1:]), missing)
    at = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
    found = values[at]
    found[known[at] != wanted] = missing
    return found


def _read_answers(
    line: Line, sources: Sources, partition: int, revisions: dict[int, tuple[int, int]], held: int
) -> _Part:
    topics, part = line_topics(line.name), _Part(len(line.classes) or 1)
    decode = engine_schema(score_schemas(line)[0]).decode
    for batch in sources.read(topics.scores, partition):
        for _, append_ms, _, value, _ in batch:
            score: Any = decode(value)
            if not isinstance(score, dict) or (told := _numbers(score, part.width)) is None:
                continue  # another tool's, or of another kind that the line once was
            time_ms, revision = score["event_time_ms"], score["revision"]
            part.key.append(_key(score, topics.retry))
            part.time_ms.append(time_ms)
            part.said.append(score["answer"])
            part.name.append(digest(score["id"]))
            part.append_ms.append(append_ms)
            part.score.extend(told)
            count, first_ms = revisions.get(revision, (0, time_ms))
            revisions[revision] = count + 1, min(first_ms, time_ms)
        if held + len(part.key) * (3 + part.width) > NUMBERS_MAX:
            raise LablineError(
                "LL-REPORT-LARGE",
                f"{topics.scores} holds more than can be held: {NUMBERS_MAX:,} numbers",
                "record a stretch of it and replay that: labline record, labline lab run",
            )
    return part


def _key(score: dict[str, Any], retry: str) -> int:
    """Return which record of a partition was answered: events and retries have their own."""
    return int(score["offset"] * 2 + (score["topic"] == retry))


def _numbers(score: dict[str, Any], width: int) -> list[float] | None:
    """Return a score's numbers; None when they are not as many as the line's answers have."""
    if width > 1:
        told = score["probabilities"]
        return told if len(told) == width else None
    one = score["value"] if score["probability"] is None else score["probability"]
    return None if one is None else [one]


def _read_shadow(line: Line, sources: Sources, partition: int, part: _Part) -> dict[str, Floats]:
    """Return what the other slots said to the partition's answers."""
    topics, width = line_topics(line.name), part.width
    decode = engine_schema(score_schemas(line)[1]).decode
    keys = array("q")
    columns: dict[str, array[float]] = {}
    nothing = [NAN] * width
    for batch in sources.read(topics.shadow, partition):
        for record in batch:
            shadow: Any = decode(record[3])
            if not isinstance(shadow, dict):
                continue
            for slot in shadow["scores"]:
                name = slot["model"] if slot["slot"] == BASELINE else slot["slot"]
                column = columns.setdefault(name, array("d"))
                missing = len(keys) * width - len(column)
                column.extend([NAN] * missing)
                column.extend(_numbers(slot, width) or nothing)
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
    wanted, appended = np.frombuffer(part.key, np.int64), np.frombuffer(part.append_ms, np.int64)
    taken = looked_up(known[order], np.frombuffer(times, np.int64)[order], wanted, UNKNOWN_MS)
    found: NDArray[np.int64] = np.where(taken >= 0, appended - taken, UNKNOWN_MS)
    return np.maximum(found, UNKNOWN_MS)


def _shaped(column: "array[float]", width: int) -> Floats:
    flat = np.frombuffer(column, np.float64)
    return flat if width == 1 else flat.reshape(-1, width)


def _together(parts: list[Answers], revisions: dict[int, tuple[int, int]]) -> Answers:
    """Return the answers of all partitions by event time; what they were made of is let go."""
    names = list(dict.fromkeys(name for part in parts for name in part.scores))

    def column(take: Callable[[Answers], NDArray[Any]]) -> NDArray[Any]:
        return np.concatenate([take(part) for part in parts])

    times = column(lambda part: part.event_time_ms)
    ordered: Any = EVERYTHING
    if np.any(times[1:] < times[:-1]):
        ordered = np.argsort(times, kind="stable")
    shapes = {name: next(p.scores[name].shape[1:] for p in parts if name in p.scores)
              for name in names}  # fmt: skip
    scores = {}
    for name in names:
        scores[name] = np.concatenate(
            [p.scores.pop(name, None) if name in p.scores else np.full((len(p), *shapes[name]), NAN)
             for p in parts]
        )[ordered]  # fmt: skip
    return Answers(
        times[ordered],
        column(lambda part: part.said)[ordered],
        column(lambda part: part.label)[ordered],
        column(lambda part: part.latency_ms)[ordered],
        scores,
        revisions,
    )
