"""What a line did in the factory, counted from its own topics and from nobody's word.

`labline report` calls `gather` with a broker's address; tests and benchmarks call `facts_of` with
records from elsewhere. Both return `LineFacts`: the same result as an experiment's, and beside it
what only a line has (days, windows of its answers, latency, revisions). Records are read committed
and without a consumer group, and nothing is written. A few numbers an answer are in memory.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from labline.engine.core.kinds import KINDS, THRESHOLD
from labline.engine.core.line import Line
from labline.engine.errors import LablineError
from labline.engine.models.control.control import Control
from labline.lab_replay.evaluation.curves import borders_of, stretches
from labline.lab_replay.evaluation.figures import figures
from labline.lab_replay.evaluation.losses import Floats, decided, finite, right
from labline.lab_replay.evaluation.metrics import DEFAULT_METRICS
from labline.lab_replay.evaluation.prediction_log import PredictionLog
from labline.lab_replay.evaluation.result import Counts
from labline.lab_replay.evaluation.result_builder import measured_candidates, result_of
from labline.lab_replay.reports.line_answers import CHAMPION, Answers, answers_of
from labline.lab_replay.reports.line_figures import Day, InForce, Latency, LineFacts, Spread, Window
from labline.lab_replay.reports.line_sources import Sources, kafka_sources, letters_of, outcomes_of
from labline.schemas.avro import Schema
from labline.schemas.values.formats import reader_of
from labline.schemas.values.value_format import Heads

DAY_MS = 86_400_000
STRETCH_EVENTS_MIN = 20
SHARES = (0.5, 0.95, 0.99, 1.0)


class Schemas(NamedTuple):
    """What a line's labels are read with.

    Attributes
    ----------
    label
        None: the line has no labels.
    writers
        By head, the schemas that labels may be written with.
    """

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
    reader = None
    if line.labels is not None and schemas.label is not None:
        reader = reader_of(schemas.label, schemas.writers)
    answers = answers_of(line, sources, reader)
    if not len(answers):
        raise LablineError(
            "LL-REPORT-EMPTY", f"line {line.name} has not answered yet", "labline lag"
        )
    letters, dead_labels = letters_of(line, sources)
    log, metrics = answers.log, DEFAULT_METRICS[line.kind]
    recipes = {name: line.baselines.get(name, "") for name in log.names}
    candidates = measured_candidates(log, line, metrics, recipes, line.baselines)
    counts = Counts(
        events=len(answers) + sum(letters.values()),
        labelled=int(np.count_nonzero(~np.isnan(log.label))),
        dead_letters={**letters, **({"labels": dead_labels} if dead_labels else {})},
        label_outcomes=outcomes_of(line, sources),
    )
    return LineFacts(
        result=result_of(
            line,
            metrics,
            list(candidates.values()),
            counts,
            name="factory",
            recording="",
            environment={},
        ),
        answers=len(answers),
        has_labels=reader is not None,
        threshold=line.decision.threshold,
        days=tuple(_days(line, answers)),
        windows=tuple(_windows(line, answers)),
        spread=() if line.classes else tuple(_spread(line, log)),
        mixed=_mixed(line, log),
        latency=_latency(answers),
        revisions=tuple(_in_force(line, answers, control)),
    )


def _days(line: Line, answers: Answers) -> Iterator[Day]:
    days = answers.log.event_time_ms // DAY_MS
    numbers, starts = np.unique(days, return_index=True)
    ends = [*starts.tolist()[1:], len(days)]
    for number, start, end in zip(numbers.tolist(), starts.tolist(), ends, strict=True):
        name = str(np.datetime64(number, "D"))
        yield Day(day=name, **_stretch(line, answers, slice(start, end)))


def _windows(line: Line, answers: Answers) -> Iterator[Window]:
    times = answers.log.event_time_ms
    slices = stretches(times, events_min=STRETCH_EVENTS_MIN)
    for rows, (first, last) in zip(slices, borders_of(times, slices), strict=True):
        yield Window(start_ms=first, end_ms=last, **_stretch(line, answers, rows))


def _stretch(line: Line, answers: Answers, rows: slice) -> dict[str, Any]:
    """Return the figures of a `Stretch`, from some of the answers."""
    kind, has_threshold = KINDS[line.kind], line.decision.threshold is not None
    yes, label = answers.yes[rows], answers.log.label[rows]
    score = answers.log.scores[CHAMPION][rows]
    there = ~np.isnan(label)
    labelled = int(np.count_nonzero(there))
    stretch: dict[str, Any] = {"answers": len(yes), "labelled": labelled}
    if has_threshold:
        stretch["yes"] = int(np.count_nonzero(yes))
    if not kind.has_classes:
        quantiles = np.quantile(score, (0.5, 0.99), method="inverted_cdf").tolist()
        stretch["middle"], stretch["high"] = quantiles
    if kind.predicts_number and labelled:
        stretch["truth"] = finite(float(label[there].mean()))
        stretch["error"] = figures(score[there], label[there], ["mae"], THRESHOLD).metrics["mae"]
    if kind.has_classes:
        stretch["right"] = int(np.count_nonzero(right(score[there], label[there])))
    elif kind.decides or (not kind.learns_labels and line.labels and has_threshold):
        so = label == 1
        stretch["right"] = int(np.count_nonzero(there & (yes == so)))
        stretch["wrong_yes"] = int(np.count_nonzero(there & yes & ~so))
        stretch["wrong_no"] = int(np.count_nonzero(there & ~yes & so))
    return stretch


def _spread(line: Line, log: PredictionLog) -> Iterator[Spread]:
    threshold = line.decision.threshold
    for name, column in log.scores.items():
        score: Floats = column[~np.isnan(column)]
        if len(score):
            p50, p95, p99, most = np.quantile(score, SHARES, method="inverted_cdf").tolist()
            yes = None if threshold is None else int(np.count_nonzero(score >= threshold))
            yield Spread(
                name=name, answers=len(score), yes=yes, p50=p50, p95=p95, p99=p99, max=most
            )


def _mixed(line: Line, log: PredictionLog) -> tuple[tuple[int, ...], ...]:
    """Return how often each class was taken for each; nothing for a line without classes."""
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
    quantiles = np.quantile(known, SHARES, method="inverted_cdf").tolist()
    p50_ms, p95_ms, p99_ms, max_ms = map(int, quantiles)
    return Latency(answers=len(known), p50_ms=p50_ms, p95_ms=p95_ms, p99_ms=p99_ms, max_ms=max_ms)


def _in_force(line: Line, answers: Answers, control: Control) -> Iterator[InForce]:
    for offset, known in sorted(control.history.items()):
        if known.line == line.name:
            count, first_ms = answers.revisions.get(offset, (0, None))
            slots = {slot: model.label for slot, model in known.slots.items()}
            yield InForce(revision=offset, slots=slots, answers=count, first_ms=first_ms)
