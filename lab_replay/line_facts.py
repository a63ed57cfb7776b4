"""What a line did in the factory, counted from its own topics: nobody's word but the log's.

Read committed, without a group, nothing written. In memory are a few numbers an answer.
"""

from array import array
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict

from engine.broker.reader import partition_offsets, read_range
from engine.core.line import Line
from engine.core.record import Record
from engine.errors import LablineError
from engine.models.control import Control
from lab_replay.curves import calibration, curves, money
from lab_replay.measure import threshold_of
from lab_replay.metrics import evaluate
from lab_replay.prediction_log import PredictionLog
from lab_replay.result import DEFAULTS, Candidate, Counts, ExperimentResult
from schemas.avro import Schema
from schemas.engine_schemas import engine_schema
from schemas.framing import Codec, Heads
from topics.naming import line_topics

CHAMPION = "champion"
DAY_MS = 86_400_000
ANSWERS_MAX = 20_000_000  # some hundred bytes each


class Day(BaseModel):
    """The answers to one day's events, and which of those with a label were right."""

    model_config = ConfigDict(frozen=True)

    day: str
    answers: int
    yes: int
    labelled: int
    right: int
    wrong_yes: int
    wrong_no: int


class InForce(BaseModel):
    """A revision of the line, who was in its slots, and how many answers it gave."""

    model_config = ConfigDict(frozen=True)

    revision: int
    slots: dict[str, str]
    answers: int


class LineFacts(BaseModel):
    """What a line did: metrics as an experiment's result has them, days, revisions."""

    model_config = ConfigDict(frozen=True)

    result: ExperimentResult
    answers: int
    days: tuple[Day, ...]
    revisions: tuple[InForce, ...]


def gather(
    bootstrap: str, line: Line, label_schema: Schema, writers: Heads, control: Control
) -> LineFacts:
    """Return what a yes-or-no line did.

    Raises
    ------
    LablineError
        ``LL-REPORT-KIND`` for other lines, ``LL-REPORT-EMPTY``, ``LL-REPORT-LARGE``.
    """
    if line.kind != "binary" or line.labels is None:
        raise LablineError(
            "LL-REPORT-KIND",
            f"line {line.name} is not a yes-or-no line with labels",
            "its answers are read by labline read, its history compared by labline lab run",
        )
    topics = line_topics(line.name)
    log, said, revisions = _answers(bootstrap, line, _truth(bootstrap, line, label_schema, writers))
    if not len(log):
        raise LablineError(
            "LL-REPORT-EMPTY", f"line {line.name} has not answered yet", "labline lag"
        )
    letters, dead_labels = _letters(bootstrap, topics.dlq, line)
    counts = Counts(
        events=len(log) + sum(letters.values()),
        labelled=int(np.count_nonzero(~np.isnan(log.label))),
        dead_letters={**letters, **({"labels": dead_labels} if dead_labels else {})},
        label_outcomes=_outcomes(bootstrap, topics.vitals),
    )
    return LineFacts(
        result=_result(line, log, counts),
        answers=len(log),
        days=tuple(_days(log, said)),
        revisions=tuple(
            InForce(
                revision=offset,
                slots={slot: model.label for slot, model in known.slots.items()},
                answers=revisions[offset],
            )
            for offset, known in sorted(control.history.items())
            if known.line == line.name
        ),
    )


def _records(bootstrap: str, topic: str) -> Iterator[Record]:
    for partition, offsets in partition_offsets(bootstrap, [topic])[topic].items():
        for batch in read_range(bootstrap, topic, partition, offsets.start, offsets.stable):
            yield from batch


def _truth(bootstrap: str, line: Line, schema: Schema, writers: Heads) -> dict[str, bool]:
    """Return what was so by event id: the first label that came, in time or not."""
    truth: dict[str, bool] = {}
    codec = Codec(schema, writers)
    for _, _, _, value, headers in _records(bootstrap, line.labels or ""):
        label: Any = codec.decode(value, headers)
        if isinstance(label, dict):
            truth.setdefault(label[line.refers_to or ""], bool(label[line.label or ""]))
    return truth


def _answers(
    bootstrap: str, line: Line, truth: dict[str, bool]
) -> tuple[PredictionLog, Any, Counter[int]]:
    """Return the answers beside the baselines' scores, what was decided, answers by revision."""
    topics = line_topics(line.name)
    times, label, said = array("q"), array("d"), array("b")
    columns: dict[str, array[float]] = defaultdict(lambda: array("d"))
    rows: dict[tuple[str, int, int], int] = {}
    revisions: Counter[int] = Counter()
    decode = engine_schema("labline.Score").decode
    for record in _records(bootstrap, topics.scores):
        score: Any = decode(record[3])
        if len(times) == ANSWERS_MAX:
            raise LablineError(
                "LL-REPORT-LARGE",
                f"{topics.scores} holds more than {ANSWERS_MAX:,} answers",
                "record a stretch of it and replay that: labline record, labline lab run",
            )
        rows[score["topic"], score["partition"], score["offset"]] = len(times)
        times.append(score["event_time_ms"])
        said.append(score["answer"])
        label.append(_number(truth.get(score["id"])))
        columns[CHAMPION].append(_number(score["probability"]))
        revisions[score["revision"]] += 1
    decode = engine_schema("labline.Shadow").decode
    for record in _records(bootstrap, topics.shadow):
        shadow: Any = decode(record[3])
        row = rows.get((shadow["topic"], shadow["partition"], shadow["offset"]))
        for slot in shadow["scores"] if row is not None else ():
            name = slot["model"] if slot["slot"] == "baseline" else slot["slot"]
            column = columns[name]
            if not column:
                column.extend(array("d", [float("nan")]) * len(times))
            column[row or 0] = _number(slot["probability"])
    order = np.argsort(np.array(times), kind="stable")
    scores = {name: np.array(column)[order] for name, column in columns.items()}
    log = PredictionLog(np.array(times, np.int64)[order], np.array(label)[order], scores)
    return log, np.array(said, bool)[order], revisions


def _number(value: float | None) -> float:
    return float("nan") if value is None else float(value)


def _letters(bootstrap: str, topic: str, line: Line) -> tuple[dict[str, int], int]:
    """Count dead letters of events by reason, and those of labels."""
    letters: Counter[str] = Counter()
    dead_labels = 0
    for record in _records(bootstrap, topic):
        told = {name: (value or b"").decode("utf-8", "replace") for name, value in record[4] or ()}
        if told.get("labline.error.topic") == line.labels:
            dead_labels += 1
        else:
            stage, reason = told.get("labline.error.stage"), told.get("labline.error.reason")
            letters[f"{stage}/{reason}"] += 1
    return dict(letters), dead_labels


def _outcomes(bootstrap: str, topic: str) -> dict[str, int]:
    outcomes: Counter[str] = Counter()
    decode = engine_schema("labline.Vitals").decode
    for record in _records(bootstrap, topic):
        vitals: Any = decode(record[3])
        outcomes.update(vitals["outcomes"])
    return dict(sorted(outcomes.items()))


def _result(line: Line, log: PredictionLog, counts: Counts) -> ExperimentResult:
    metrics, decision = DEFAULTS["binary"], line.decision
    threshold = threshold_of(line)
    scored = evaluate(log, metrics, threshold=threshold)
    windows = curves(log, metrics, threshold=threshold)
    return ExperimentResult(
        name="factory",
        line=line.name,
        question=line.question,
        incumbent=line.incumbent,
        recording="",
        environment={},
        metrics=metrics,
        threshold=threshold,
        learner=line.learner,
        candidates=tuple(
            Candidate(
                name=name,
                recipe=line.baselines.get(name, ""),
                kind="baseline" if name in line.baselines else "candidate",
                metrics=scored[name].metrics,
                events=scored[name].events,
                windows=windows[name],
                calibration=calibration(log, name),
                money=decision.costs
                and money(
                    log,
                    name,
                    decision.costs,
                    threshold=threshold,
                    incumbent=decision.incumbent,
                ),
            )
            for name in log.names
        ),
        counts=counts,
    )


def _days(log: PredictionLog, said: Any) -> Iterator[Day]:
    day = log.event_time_ms // DAY_MS
    known, so = ~np.isnan(log.label), log.label == 1
    for number in np.unique(day):
        rows = day == number
        there = rows & known
        right = int(np.count_nonzero(there & (said == so)))
        yield Day(
            day=str(np.datetime64(int(number), "D")),
            answers=int(np.count_nonzero(rows)),
            yes=int(np.count_nonzero(rows & said)),
            labelled=int(np.count_nonzero(there)),
            right=right,
            wrong_yes=int(np.count_nonzero(there & said & ~so)),
            wrong_no=int(np.count_nonzero(there & ~said & so)),
        )
