"""What a line's report counts, of records from a list, against plain dicts; page and sentence."""

import math
from collections.abc import Iterator
from statistics import median_low
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labline.engine.core.line import Line
from labline.engine.core.record import Record
from labline.engine.errors import LablineError
from labline.engine.models.control.control import Control
from labline.lab_replay.reports.line_facts import Schemas, facts_of
from labline.lab_replay.reports.line_figures import LineFacts
from labline.lab_replay.reports.line_labels import looked_up
from labline.lab_replay.reports.line_report import line_headline, render_line
from labline.lab_replay.reports.line_sources import Sources
from labline.schemas.avro import Schema
from labline.schemas.engine_schemas import engine_schema
from labline.topics.naming import line_topics

DAY_MS = 86_400_000
CLASSES = ("a", "b", "c")
TYPES = {"binary": "boolean", "anomaly": "boolean", "regression": "double", "multiclass": "string"}
NOTHING = {"propensity": None, "interval_low": None, "interval_high": None}


class Log:
    """The topics of a line, filled by hand."""

    def __init__(self, kind: str, *, labels: bool = True, threshold: float | None = None) -> None:
        told: dict[str, Any] = {
            "name": "l", "kind": kind, "events": "e", "id": "id", "features": {"numeric": ["x"]},
        }  # fmt: skip
        if labels:
            told |= {"labels": "t", "refers_to": "id", "label": "truth"}
        if kind == "multiclass":
            told["classes"] = CLASSES
        if threshold is not None:
            told["decision"] = {"threshold": threshold}
        self.line, self.topics = Line.parse(told), line_topics("l")
        fields = [{"name": "id", "type": "string"}, {"name": "truth", "type": TYPES[kind]}]
        self.labels = Schema.parse({"type": "record", "name": "L", "fields": fields})
        self.records: dict[tuple[str, int], list[Record]] = {}

    def add(self, topic: str, partition: int, value: bytes | None, time_ms: int = 0) -> int:
        log = self.records.setdefault((topic, partition), [])
        log.append((len(log), time_ms, None, value, None))
        return len(log) - 1

    def event(
        self, number: int, score: Any, *, time_ms: int = 0, partition: int = 0, shadow: Any = None,
        retry: bool = False, revision: int = 3, took_ms: int = 7,
    ) -> None:  # fmt: skip
        """Let an event, its answer, and what the baseline said be there."""
        source = self.topics.retry if retry else "e"
        offset = self.add(source, partition, b"", time_ms)
        about = {
            "id": f"n{number}", "event_time_ms": time_ms, "topic": source, "partition": partition,
            "offset": offset, "revision": revision,
        }  # fmt: skip
        best = max(score) if isinstance(score, tuple) else score
        threshold = self.line.decision.threshold
        own = {"answer": threshold is not None and best >= threshold, "slot": "champion"}
        value = about | own | {"model": "m@1"} | self.told(score) | NOTHING
        self.add(self.topics.scores, partition, self.encoded("Score", value), time_ms + took_ms)
        if shadow is not None:
            told = shadow if isinstance(shadow, dict) else {"base": shadow}
            slots = [{"slot": "baseline", "model": m, **self.told(s)} for m, s in told.items()]
            self.add(
                self.topics.shadow, partition, self.encoded("Shadow", about | {"scores": slots})
            )

    def told(self, score: Any) -> dict[str, Any]:
        if isinstance(score, tuple):
            best = CLASSES[score.index(max(score))]
            return {"probability": max(score), "value": None, "label": best,
                    "probabilities": list(score)}  # fmt: skip
        if self.line.kind == "binary":
            return {"probability": score, "value": None}
        return {"probability": None, "value": score}

    def encoded(self, name: str, datum: dict[str, Any]) -> bytes:
        prefix = "labline.Class" if self.line.classes else "labline."
        encoded: bytes = engine_schema(prefix + name).encode(datum)
        return encoded

    def label(self, number: int, truth: Any, partition: int = 0) -> None:
        self.add("t", partition, self.labels.encode({"id": f"n{number}", "truth": truth}))

    def facts(self, *, appended: bool = True) -> LineFacts:
        def read(topic: str, partition: int) -> Iterator[list[Record]]:
            records = self.records.get((topic, partition), [])
            yield from ([record] for record in records)

        stamped = {"e", self.topics.retry, self.topics.scores} if appended else set()
        sources = Sources(read, range(2), frozenset(stamped))
        schemas = Schemas(self.labels if self.line.labels else None, {})
        return facts_of(self.line, sources, schemas, Control())


ODDS = st.lists(
    st.tuples(
        st.floats(0, 1), st.integers(0, 3 * DAY_MS), st.integers(0, 1),
        st.sampled_from([None, 0, 1]),
    ),
    min_size=1, max_size=40,
)  # fmt: skip


@given(ODDS)
@settings(deadline=None)  # the first call imports
def test_days_scores_and_labels_are_those_of_the_topics(told: list[Any]) -> None:
    """Whatever the order of event times, partitions and labels."""
    log = Log("anomaly", threshold=0.5)
    for number, (score, time_ms, partition, truth) in enumerate(told):
        log.event(number, score, time_ms=time_ms, partition=partition, shadow=1 - score)
        if truth is not None:
            log.label(number, bool(truth), 1 - partition)  # found wherever it is
    facts = log.facts()
    assert facts.answers == len(told)
    assert facts.result.counts.labelled == sum(one[3] is not None for one in told)
    by_day: dict[int, list[Any]] = {}
    for one in told:
        by_day.setdefault(one[1] // DAY_MS, []).append(one)
    assert [day.day for day in facts.days] == [f"1970-01-{n + 1:02}" for n in sorted(by_day)]
    for day, number in zip(facts.days, sorted(by_day), strict=True):
        ours = by_day[number]
        assert (day.answers, day.yes) == (len(ours), sum(one[0] >= 0.5 for one in ours))
        assert day.middle == median_low(one[0] for one in ours)
        known = [one for one in ours if one[3] is not None]
        assert day.labelled == len(known)
        assert day.right == sum((one[0] >= 0.5) == one[3] for one in known)
        assert day.wrong_yes == sum(one[0] >= 0.5 and not one[3] for one in known)
    assert sum(window.answers for window in facts.windows) == len(told)
    champion, base = facts.spread
    ascending = sorted(one[0] for one in told)
    assert champion.p50 == ascending[math.ceil(0.5 * len(told)) - 1]
    assert base.max == max(1 - one[0] for one in told)
    assert "<!doctype html>" in render_line(facts)


def test_a_stray_time_does_not_draw_all_others_together() -> None:
    log = Log("binary", threshold=0.5)
    begin_ms = 1_700_000_000_000
    for number in range(1_200):
        log.event(number, 0.6, time_ms=begin_ms + number * 600_000, shadow=0.5)
        log.label(number, number % 2 == 0)
    log.event(1_200, 0.6, time_ms=begin_ms // 1_000, shadow=0.5)
    windows = log.facts().windows
    assert len(windows) > 50
    assert sum(window.answers for window in windows) == 1_201
    assert windows[0].start_ms >= begin_ms


def test_a_shadow_score_is_its_events_own() -> None:
    """Joined by source, not by place: one is missing, and a retry has an offset of its own."""
    log = Log("regression")
    log.event(0, 1.0, shadow=10.0)
    log.event(1, 2.0)
    log.event(2, 3.0, shadow=30.0, retry=True)
    log.event(3, 4.0, shadow=40.0)
    for number in range(4):
        log.label(number, float(number))
    facts = log.facts()
    models = {one.name: one for one in facts.result.candidates}
    assert models["base"].events == 3
    assert models["base"].metrics["mae"] == pytest.approx((10 + 28 + 37) / 3)
    assert models["champion"].metrics["mae"] == 1.0
    assert (facts.latency and facts.latency.max_ms, facts.spread[1].answers) == (7, 3)


def test_the_first_label_counts_and_one_of_no_class_does_not() -> None:
    log = Log("multiclass")
    log.event(0, (0.5, 0.3, 0.2))
    log.event(1, (0.2, 0.3, 0.5))
    log.event(2, (0.1, 0.8, 0.1))
    for number, truth in ((0, "a"), (0, "b"), (1, "zebra"), (1, "b"), (9, "c")):
        log.label(number, truth)
    facts = log.facts()
    assert facts.result.counts.labelled == 2
    assert facts.mixed == ((1, 0, 0), (0, 0, 1), (0, 0, 0))
    assert facts.days[0].right == 1
    assert line_headline(facts) == (
        "3 events were answered; of the 2 whose truth is known 50.0% were given the right class."
    )


def test_what_is_not_ours_is_passed_over() -> None:
    """Another tool's records, and scores from when the line was of another kind."""
    log = Log("multiclass")
    log.add(log.topics.scores, 0, b"nonsense")
    log.add(log.topics.scores, 0, None)
    log.add(log.topics.shadow, 1, b"")
    log.event(0, (0.5, 0.3, 0.2))
    assert log.facts().answers == 1
    with pytest.raises(LablineError, match="LL-REPORT-EMPTY"):
        Log("binary").facts()


@pytest.mark.parametrize(
    ("log", "said"),
    [
        (Log("anomaly", labels=False, threshold=0.5),
         "3 events were answered; 1 of them (33.3%) were odd, with a score of at least 0.5."),
        (Log("anomaly", labels=False), "3 events were answered; half of the scores lie below 0.2"
         " and one in a hundred above 0.9; no threshold says from where on an event is odd."),
        (Log("binary"),
         "3 events were answered, 1 of them (33.3%) with yes; none of them has a label yet."),
        (Log("regression", labels=False), "3 events were answered."),
    ],
)  # fmt: skip
def test_the_sentence_without_a_label(log: Log, said: str) -> None:
    for number, score in enumerate((0.1, 0.2, 0.9)):
        log.event(number, score)
    facts = log.facts(appended=False)
    assert line_headline(facts) == said
    assert facts.latency is None
    assert "How long an answer took" not in render_line(facts)


def test_the_sentence_with_labels() -> None:
    odd = Log("anomaly", threshold=0.5)
    for number, (score, truth) in enumerate(((0.1, False), (0.8, True), (0.6, False))):
        odd.event(number, score, time_ms=number * DAY_MS)
        odd.label(number, truth)
    assert line_headline(odd.facts()) == (
        "3 events were answered; 2 of them (66.7%) were odd, with a score of at least 0.5, most on"
        " 2 Jan 1970: 1 of 1. Of the 3 whose truth is known, an odd one had a higher score than an"
        " ordinary one 100.0% of the time."
    )
    number = Log("regression")
    number.event(0, 2.0)
    number.label(0, 2.5)
    assert line_headline(number.facts()) == (
        "1 events were answered; of the 1 whose truth is known the answer was off by 0.5000 on"
        " average."
    )


def test_the_best_baseline_is_the_best_by_the_figure_that_is_told() -> None:
    """Not by the log loss, which punishes who is sure and seldom wrong."""
    log = Log("binary")
    baselines = {"base-rate": "BaseRate()", "sure": "NoChange(1.0)", "partly": "BaseRate()"}
    log.line = log.line.model_copy(update={"baselines": baselines})
    for number in range(40):
        late = number % 2 == 0
        shadow = {"base-rate": 0.4, "sure": float(late if number else not late)}
        if number < 5:
            shadow["partly"] = float(late)  # right in all that it answered
        log.event(number, 0.9 if late or number > 30 else 0.1, shadow=shadow)
        log.label(number, late)
    assert line_headline(log.facts()).endswith(
        "87.5% were answered rightly, against 97.5% by the best baseline, sure."
    )


def test_errors_beyond_all_numbers_are_called_so() -> None:
    log = Log("regression")
    log.event(0, 1e308, shadow=0.0)
    log.label(0, -1.7e308)
    assert line_headline(log.facts()).endswith("the errors are beyond all numbers.")


@given(st.lists(st.tuples(st.integers(0, 50), st.floats(0, 1))), st.lists(st.integers(0, 60)))
def test_what_is_looked_up_is_what_a_dict_has(known: list[Any], wanted: list[int]) -> None:
    import numpy as np

    table = dict(known)
    keys = np.array(sorted(table), np.int64)
    values = np.array([table[key] for key in sorted(table)], np.float64)
    found = looked_up(keys, values, np.array(wanted, np.int64), -1.0)
    assert found.tolist() == [table.get(key, -1.0) for key in wanted]
