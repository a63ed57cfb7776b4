"""What a line did in the factory, counted from its own topics: nobody's word but the log's.

Read committed, without a group, nothing written. In memory are a few numbers an answer.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from labline.engine.core.line import THRESHOLD, Line
from labline.engine.errors import LablineError
from labline.engine.models.control.control import Control
from labline.lab_replay.evaluation.curves import borders_of, calibration, curves, money, stretches
from labline.lab_replay.evaluation.losses import Floats, decided, finite, right
from labline.lab_replay.evaluation.metrics import evaluate, figures
from labline.lab_replay.evaluation.prediction_log import PredictionLog
from labline.lab_replay.evaluation.result import DEFAULTS, Candidate, Counts, ExperimentResult
from labline.lab_replay.reports.line_columns import CHAMPION, Answers, answers_of
from labline.lab_replay.reports.line_figures import Day, InForce, Latency, LineFacts, Spread, Window
from labline.lab_replay.reports.line_sources import Sources, kafka_sources, letters_of, outcomes_of
from labline.schemas.avro import Schema
from labline.schemas.framing import Codec, Heads

DAY_MS = 86_400_000
STRETCH_EVENTS_MIN = 20
SHARES = (0.5, 0.95, 0.99, 1.0)


class Schemas(NamedTuple):
    """What a line's labels are read with; None: it has none."""

    label: Schema | None
    writers: Heads


def gather(bootstrap: str, line: Line, schemas: Schemas, control: Control) -> LineFacts:
    """Return what a line did.

    Raises
    ------
    LablineError
        ``LL-REPORT-EMPTY``, ``LL-REPORT-LARGE``.
    """
    return facts_of(line, kafka_sources(bootstrap, line), schemas, control)


def facts_of(line: Line, sources: Sources, schemas: Schemas, control: Control) -> LineFacts:
    """Return what a line did, wherever its records come from.

    Raises
    ------
    LablineError
        ``LL-REPORT-EMPTY``, ``LL-REPORT-LARGE``.
    """
    codec = None
    if line.labels is not None and schemas.label is not None:
        codec = Codec(schemas.label, schemas.writers)
    answers = answers_of(line, sources, codec)
    if not len(answers):
        raise LablineError(
            "LL-REPORT-EMPTY", f"line {line.name} has not answered yet", "labline lag"
        )
    letters, dead_labels = letters_of(line, sources)
    counts = Counts(
        events=len(answers) + sum(letters.values()),
        labelled=int(np.count_nonzero(~np.isnan(answers.label))),
        dead_letters={**letters, **({"labels": dead_labels} if dead_labels else {})},
        label_outcomes=outcomes_of(line, sources),
    )
    log = PredictionLog(
        answers.event_time_ms, answers.label, answers.scores, line.kind, line.classes
    )
    return LineFacts(
        result=_result(line, log, counts),
        answers=len(answers),
        has_labels=codec is not None,
        threshold=line.decision.threshold,
        days=tuple(_days(line, answers)),
        windows=tuple(_windows(line, answers)),
        spread=() if line.classes else tuple(_spread(line, answers)),
        mixed=_mixed(line, log),
        latency=_latency(answers),
        revisions=tuple(_in_force(line, answers, control)),
    )


def _result(line: Line, log: PredictionLog, counts: Counts) -> ExperimentResult:
    metrics, decision = DEFAULTS[line.kind], line.decision
    told = decision.threshold  # where there is none, no figure looks at it
    threshold = THRESHOLD if told is None else told
    scored = evaluate(log, metrics, threshold=threshold)
    windows = curves(log, metrics, threshold=threshold)
    return ExperimentResult(
        name="factory",
        line=line.name,
        question=line.question,
        incumbent=line.incumbent,
        kind=line.kind,
        classes=line.classes,
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


def _days(line: Line, answers: Answers) -> Iterator[Day]:
    days = answers.event_time_ms // DAY_MS
    found, starts = np.unique(days, return_index=True)
    ends = [*starts.tolist()[1:], len(days)]
    for number, start, end in zip(found.tolist(), starts.tolist(), ends, strict=True):
        name = str(np.datetime64(number, "D"))
        yield Day(day=name, **_stretch(line, answers, slice(start, end)))


def _windows(line: Line, answers: Answers) -> Iterator[Window]:
    times = answers.event_time_ms
    found = stretches(times, events_min=STRETCH_EVENTS_MIN)
    for rows, (first, last) in zip(found, borders_of(times, found), strict=True):
        yield Window(start_ms=first, end_ms=last, **_stretch(line, answers, rows))


def _stretch(line: Line, answers: Answers, rows: slice) -> dict[str, Any]:
    """Return what a `Stretch` tells of some of the answers."""
    said, label, score = answers.said[rows], answers.label[rows], answers.scores[CHAMPION][rows]
    there = ~np.isnan(label)
    labelled = int(np.count_nonzero(there))
    told: dict[str, Any] = {"answers": len(said), "labelled": labelled}
    if line.decision.threshold is not None:
        told["yes"] = int(np.count_nonzero(said))
    if not line.classes:
        tops = np.quantile(score, (0.5, 0.99), method="inverted_cdf").tolist()
        told["middle"], told["high"] = tops
    if line.kind == "regression" and labelled:
        told["truth"] = finite(float(label[there].mean()))
        told["error"] = figures(score[there], label[there], ["mae"], THRESHOLD).metrics["mae"]
    if line.classes:
        told["right"] = int(np.count_nonzero(right(score[there], label[there])))
    elif line.kind == "binary" or (line.kind == "anomaly" and line.labels and "yes" in told):
        so = label == 1
        told["right"] = int(np.count_nonzero(there & (said == so)))
        told["wrong_yes"] = int(np.count_nonzero(there & said & ~so))
        told["wrong_no"] = int(np.count_nonzero(there & ~said & so))
    return told


def _spread(line: Line, answers: Answers) -> Iterator[Spread]:
    threshold = line.decision.threshold
    for name, column in answers.scores.items():
        score: Floats = column[~np.isnan(column)]
        if len(score):
            tops = np.quantile(score, SHARES, method="inverted_cdf").tolist()
            yes = None if threshold is None else int(np.count_nonzero(score >= threshold))
            yield Spread(
                name=name, answers=len(score), yes=yes,
                **dict(zip(("p50", "p95", "p99", "max"), tops, strict=True)),
            )  # fmt: skip


def _mixed(line: Line, log: PredictionLog) -> tuple[tuple[int, ...], ...]:
    """Return how often each class was taken for each; nothing for lines that have none."""
    count, rows = len(line.classes), np.flatnonzero(~np.isnan(log.label))
    if not count or not len(rows):
        return ()
    cells = log.label[rows].astype(np.int64) * count + decided(log.scores[CHAMPION][rows])
    table = np.bincount(cells, minlength=count * count).reshape(count, count)
    return tuple(map(tuple, table.tolist()))


def _latency(answers: Answers) -> Latency | None:
    known = answers.latency_ms[answers.latency_ms >= 0]
    if not len(known):
        return None
    names = ("p50_ms", "p95_ms", "p99_ms", "max_ms")
    tops = np.quantile(known, SHARES, method="inverted_cdf").tolist()
    return Latency(answers=len(known), **dict(zip(names, map(int, tops), strict=True)))


def _in_force(line: Line, answers: Answers, control: Control) -> Iterator[InForce]:
    for offset, known in sorted(control.history.items()):
        if known.line == line.name:
            count, first_ms = answers.revisions.get(offset, (0, None))
            slots = {slot: model.label for slot, model in known.slots.items()}
            yield InForce(revision=offset, slots=slots, answers=count, first_ms=first_ms)
