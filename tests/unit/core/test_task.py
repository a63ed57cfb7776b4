"""The fold: order, scoring before learning, the label join, dead letters."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from labline.engine.core.journal import Entry, decode_entry, encode_entry
from labline.engine.core.line import Line
from labline.engine.core.record import ANSWER, DEAD_LETTER, SHADOW, Record
from labline.engine.core.run import Run
from labline.engine.core.spec import Slot, Spec
from labline.engine.core.state_digest import state_digest
from labline.engine.core.task import Task
from labline.schemas.avro import Schema
from labline.schemas.engine_schemas import engine_schema

EVENT = Schema.parse(
    {
        "type": "record",
        "name": "Event",
        "fields": [
            {"name": "id", "type": "string"},
            {"name": "at", "type": "long", "event_time": True},
            {"name": "x", "type": ["null", "double"]},
        ],
    }
)
LABEL = Schema.parse(
    {
        "type": "record",
        "name": "Label",
        "fields": [
            {"name": "id", "type": "string"},
            {"name": "at", "type": "long", "event_time": True},
            {"name": "y", "type": "boolean"},
        ],
    }
)
END = (True, True, True)
TIMES = {"name": "times", "kind": "count", "per": "x"}
APPENDED_MS = 10_000_000


class Remember:
    """A learner whose score is the share of positives it has learned, and which remembers."""

    def __init__(self) -> None:
        self.learned: list[tuple[float, bool]] = []

    def score(self, features: dict[str, Any]) -> float:
        del features
        return (sum(y for _, y in self.learned) + 1) / (len(self.learned) + 2)

    def learn(self, features: dict[str, Any], label: bool) -> None:
        self.learned.append((features["x"], label))

    def river(self) -> Any:
        return list(self.learned)


def make_task(learner: Any = None, **line: Any) -> Task:
    declared = Line.parse(
        {
            "name": "l",
            "events": "e",
            "labels": "lab",
            "id": "id",
            "refers_to": "id",
            "label": "y",
            "label_horizon": "100ms",
            "features": {"numeric": ["x"]},
            **line,
        }
    )
    spec = Spec(
        line=declared,
        revision=7,
        inputs=("e", "lab", "l.retry"),
        event_schema=EVENT,
        label_schema=LABEL,
        champion=Slot("champion", "m@1", learner or Remember()),
        others=(Slot("baseline", "b", Remember()),),
    )
    return Task(spec, 3, (0, 0, 0))


def event(offset: int, at: int, x: float | None = 1.0, identity: str | None = None) -> Record:
    value = EVENT.encode({"id": identity or f"e{offset}", "at": at, "x": x})
    return (offset, APPENDED_MS, b"k", value, None)


def label(offset: int, at: int, identity: str, y: bool = True) -> Record:
    return (offset, APPENDED_MS, b"k", LABEL.encode({"id": identity, "at": at, "y": y}), None)


def feed(task: Task, events: Sequence[Record] = (), labels: Sequence[Record] = ()) -> Run:
    return task.feed((events, labels, ()), END, 1_000)


def scores(run: Run) -> list[dict[str, Any]]:
    found = [engine_schema("labline.Score").decode(e[2]) for e in run.emissions if e[0] == ANSWER]
    assert all(isinstance(score, dict) for score in found)
    return found  # type: ignore[return-value]


def test_an_event_is_answered_and_shadowed() -> None:
    run = feed(make_task(), [event(5, 100)])
    assert [e[0] for e in run.emissions] == [ANSWER, SHADOW]
    assert scores(run) == [
        {
            "id": "e5", "event_time_ms": 100, "answer": True, "probability": 0.5, "value": None,
            "slot": "champion", "model": "m@1", "revision": 7, "topic": "e", "partition": 3,
            "offset": 5, "propensity": None, "interval_low": None, "interval_high": None,
        }
    ]  # fmt: skip
    assert run.next_offsets == (6, 0, 0)
    assert run.counts == {"answers": 1}


def test_a_label_is_learned_with_the_features_that_were_scored_and_after_them() -> None:
    learner = Remember()
    run = feed(make_task(learner), [event(0, 10, 1.5), event(1, 30, 2.5)], [label(0, 20, "e0")])
    assert [s["probability"] for s in scores(run)] == [0.5, 2 / 3]  # learned between the two
    assert learner.learned == [(1.5, True)]
    assert run.order == ((0, 1), (1, 1), (0, 1))


def test_at_equal_times_the_event_comes_before_its_label() -> None:
    run = feed(make_task(), [event(0, 10)], [label(0, 10, "e0")])
    assert run.counts == {"answers": 1, "learned": 1}


@pytest.mark.parametrize(
    ("events", "labels", "outcomes"),
    [
        ([event(0, 10)], [label(0, 20, "e0"), label(1, 21, "e0")], {"learned": 1, "duplicate": 1}),
        (
            [event(0, 10)],
            [label(0, 20, "e0"), label(1, 21, "e0", y=False)],
            {"learned": 1, "contradicting": 1},
        ),
        ([event(0, 10)], [label(0, 20, "stranger")], {"orphan": 1}),
        ([event(0, 10)], [label(0, 111, "e0")], {"expired": 1, "late": 1}),
        ([event(0, 10)], [label(0, 500, "e0")], {"expired": 1, "late": 1}),
        ([event(0, 10), event(1, 900)], [label(0, 1_000, "e0")], {"expired": 2, "orphan": 1}),
    ],
)
def test_each_label_has_one_counted_outcome(
    events: list[Record], labels: list[Record], outcomes: dict[str, int]
) -> None:
    counts = feed(make_task(), events, labels).counts
    assert {k: v for k, v in counts.items() if k != "answers"} == outcomes


def test_an_evicted_event_is_counted_and_its_label_is_late() -> None:
    task = make_task(limits={"pending_max": 1})
    counts = feed(task, [event(0, 10), event(1, 11)], [label(0, 12, "e0")]).counts
    assert counts == {"answers": 2, "evicted": 1, "late": 1}


def test_bad_events_are_dead_letters_with_their_original_bytes() -> None:
    headers = [("traceparent", b"00-ab"), ("labline.error.attempt", b"4")]
    records: list[Record] = [
        (0, APPENDED_MS, b"k", b"text", headers),
        event(1, 10, None),
        event(2, APPENDED_MS + 3_600_001),
    ]
    run = feed(make_task(), records)
    assert [(e[0], e[1], e[2]) for e in run.emissions] == [
        (DEAD_LETTER, b"k", record[3]) for record in records
    ]
    told = [dict(e[3] or ()) for e in run.emissions]
    assert [(t["labline.error.stage"], t["labline.error.reason"]) for t in told] == [
        (b"decode", b"unknown-framing"),
        (b"features", b"missing-feature"),
        (b"time", b"future"),
    ]
    assert told[0]["traceparent"] == b"00-ab"
    assert told[0]["labline.error.attempt"] == b"5"
    assert told[1]["labline.timestamp_ms"] == str(APPENDED_MS).encode()


def test_a_broken_record_moves_no_time() -> None:
    bad: Record = (1, APPENDED_MS, b"k", b"?", None)
    run = feed(make_task(), [event(0, 10), bad, event(2, 12)], [label(0, 11, "e0")])
    assert run.order == ((0, 2), (1, 1), (0, 1))


def test_a_score_that_is_no_probability_is_a_dead_letter() -> None:
    class Broken(Remember):
        def score(self, features: dict[str, Any]) -> float:
            del features
            return float("nan")

    run = feed(make_task(Broken()), [event(0, 10)])
    assert [e[0] for e in run.emissions] == [DEAD_LETTER]
    assert dict(run.emissions[0][3] or ())["labline.error.stage"] == b"score"


def test_an_answer_carries_its_events_trace() -> None:
    record = event(0, 10)
    run = feed(make_task(), [(*record[:4], [("traceparent", b"00-ab"), ("other", b"x")])])
    assert run.emissions[0][3] == [("traceparent", b"00-ab")]


def test_an_input_without_a_head_is_waited_for() -> None:
    task = make_task()
    assert not task.feed(([event(0, 10)], (), ()), (True, False, True), 9)
    run = task.feed(((), [label(0, 5, "e0")], ()), (True, False, True), 9)
    assert run.order == ((1, 1),)  # the label is older; then its log may go on
    assert task.feed(((), (), ()), END, 9).order == ((0, 1),)


def test_what_is_only_buffered_leaves_no_trace() -> None:
    task = make_task()
    task.feed(([event(0, 10), event(1, 90)], (), ()), (True, False, True), 9)
    task.drop_buffers()
    run = task.feed(([event(0, 10)], [label(0, 20, "e0")], ()), END, 9)
    assert run.order == ((0, 1), (1, 1))
    assert task.buffered_bytes(0) == 0


def test_a_time_that_is_only_buffered_moves_nothing() -> None:
    """Else a restart would sort what comes next by what only a predecessor had read ahead."""
    task, log = make_task(), [event(0, 10), event(1, 30), event(2, 90)]
    task.feed((log, (), ()), END, 1)
    task.drop_buffers()
    run = task.feed((log[1:], [label(0, 50, "e0")], ()), END, 9)
    assert run.order == ((0, 1), (1, 1), (0, 1))


def test_a_kept_model_keeps_what_it_learned_and_a_new_one_starts_cold() -> None:
    task = make_task()
    feed(task, [event(0, 10)], [label(0, 20, "e0")])
    fresh = make_task().spec
    task.configure(fresh)
    assert scores(feed(task, [event(1, 30)]))[0]["probability"] == 2 / 3
    task.configure(Spec(**{**vars(fresh), "champion": Slot("champion", "m@2", Remember())}))
    assert scores(feed(task, [event(2, 40)]))[0]["probability"] == 0.5


def test_another_declaration_holds_for_what_waits_already() -> None:
    """A restart makes a task of the newest one: it must not matter that there was none."""
    task = make_task()
    feed(task, [event(0, 10), event(1, 60)])
    task.configure(make_task(label_horizon="30ms", on_expiry="negative").spec)
    assert feed(task, [event(2, 70)]).counts == {"answers": 1, "learned-negative": 1}
    assert feed(task, labels=[label(0, 80, "e0"), label(1, 81, "e1")]).counts == {
        "corrected": 1,
        "learned": 1,
    }
    task.configure(make_task(label_horizon="10s", limits={"pending_max": 1}).spec)
    assert feed(task, [event(3, 99)]).counts == {"answers": 1, "evicted": 1}


def test_a_revision_under_which_nothing_was_taken_leaves_no_trace() -> None:
    task = make_task(features={"numeric": ["x"], "history": [TIMES]})
    feed(task, [event(0, 10)])
    before = state_digest(task.state())
    other = make_task(label_horizon="1ms", limits={"pending_max": 1, "history_keys_max": 1})
    task.configure(replace(other.spec, champion=Slot("champion", "m@2", Remember())))
    assert not feed(task)
    assert state_digest(task.state()) == before


def test_a_baseline_with_another_recipe_starts_anew_under_its_name() -> None:
    task = make_task()
    first = task.spec
    feed(task, [event(0, 10)], [label(0, 20, "e0")])
    slot = Slot("baseline", "b", Remember(), "Another()")
    task.configure(replace(first, others=(slot,)))
    feed(task, [event(1, 30)])
    kept, anew = task.state()["slots"]
    assert kept == ("champion", "m@1", "", [(1.0, True)])
    assert anew == ("baseline", "b", "Another()", [])


def test_a_journal_entry_round_trips() -> None:
    entry = Entry(4, 7, "ab", (1, 2, -1), (3, 5, -1), ((0, 2), (1, 3)), bytes(32))
    assert decode_entry(encode_entry(entry)) == entry
