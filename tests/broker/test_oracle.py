"""Days of flights at rest in the log: the factory's answers against an independent oracle's."""

import ast
import math
import secrets
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import NewTopic

from labline.engine.broker.clients import producer_config
from labline.engine.broker.reader import partition_offsets
from labline.engine.core.record import Record
from labline.lab_replay.parity.parity import parity
from tests.broker import oracle
from tests.broker.factory import RATE, RECIPE, Factory
from tests.broker.history import EVENT, Sent
from tests.broker.kafka_tools import console_consumer_count
from tests.broker.process import until
from tests.broker.written import Source, decoded
from tests.slices import part

pytestmark = pytest.mark.slice

FIRST, LAST = date(2013, 1, 1), part(date(2013, 1, 8), of=date(2013, 1, 31))
MODEL = "delay@1"
YEAR_2013_MS = 1_357_000_000_000
NEXT_RATE = math.nextafter(RATE, 1.0)


@dataclass(frozen=True)
class Days:
    """Some days, published with their mess and scored; nobody writes any more."""

    factory: Factory
    sent: list[Sent]
    revision: int
    expected: oracle.Expected

    def oracle(self, rate: float) -> oracle.Expected:
        """Return what an oracle with this learning rate says."""
        factory = self.factory
        schemas = factory.workspace.root / "schemas"
        topics = (factory.events, factory.labels)
        return oracle.answers(factory.bootstrap, topics, schemas, MODEL, self.revision, rate)

    def inputs(self) -> dict[Source, Record]:
        """Return all events and labels by their place."""
        return {
            Source(topic, partition, record[0]): record
            for topic in (self.factory.events, self.factory.labels)
            for partition, records in self.factory.read(topic).items()
            for record in records
        }

    def written(self, topic: str) -> list[tuple[int, Record]]:
        """Return what was written to one of the line's topics, with its partition."""
        found = self.factory.read(topic)
        return [(partition, record) for partition in found for record in found[partition]]


@pytest.fixture(scope="module")
def days(broker: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Days]:
    """Give the days; the tests here only read it."""
    name = f"t-{secrets.token_hex(4)}"
    with Factory(broker, name, tmp_path_factory.mktemp("days")) as factory:
        sent = factory.publish_days(FIRST, LAST)
        revision = factory.promote().offset
        factory.finish(factory.scorer())
        empty = oracle.Expected({}, {}, Counter())
        made = Days(factory, sent, revision, empty)
        yield Days(factory, sent, revision, made.oracle(RATE))


def test_the_oracle_is_independent() -> None:
    """An oracle that shares code with what it judges shares its faults."""
    tree = ast.parse(Path(oracle.__file__).read_text())
    imported = {
        (node.module if isinstance(node, ast.ImportFrom) else alias.name) or ""
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    others = {"confluent_kafka", "fastavro", "river"}
    assert {name.split(".")[0] for name in imported} - set(sys.stdlib_module_names) == others


def test_every_answer_is_the_oracles_bit_for_bit(days: Days) -> None:
    """Parity compares the core with itself; only this says that it computes the right thing."""
    scores = [decoded("labline.Score", r[3]) for _, r in days.written(days.factory.topics().scores)]
    places = [Source(s["topic"], s["partition"], s["offset"]) for s in scores]
    assert len(places) == len(set(places)), "an event was answered twice"
    assert dict(zip(places, scores, strict=True)) == days.expected.scores


def test_every_offset_is_answered_or_dead_lettered_exactly_once(days: Days) -> None:
    """Invariant 1: no event vanishes, none counts twice, bad data keeps its original bytes."""
    inputs, topics = days.inputs(), days.factory.topics()
    assert len(inputs) == len(days.sent)
    answered = Counter()
    for partition, (_, _, key, value, headers) in days.written(topics.scores):
        score = decoded("labline.Score", value)
        place = Source(score["topic"], score["partition"], score["offset"])
        answered[place] += 1
        assert (partition, key) == (place.partition, inputs[place][2])
        trace = [h for h in inputs[place][4] or [] if h[0] == "traceparent"]
        assert (headers or []) == trace
    shadowed = Counter()
    for _, record in days.written(topics.shadow):
        shadow = decoded("labline.Shadow", record[3])
        shadowed[Source(shadow["topic"], shadow["partition"], shadow["offset"])] += 1
    assert shadowed == answered
    dead = Counter()
    for partition, letter in days.written(topics.dlq):
        dead[check_letter(days, inputs, partition, letter)] += 1
    assert set(answered.values()) == set(dead.values()) == {1}
    assert not answered.keys() & dead.keys()
    assert dead.keys() == days.expected.dead.keys()
    events = {place for place in inputs if place.topic == days.factory.events}
    assert answered.keys() | dead.keys() >= events


def check_letter(
    days: Days, inputs: dict[Source, Record], partition: int, letter: Record
) -> Source:
    """Check a dead letter against the record it came from; return that one's place."""
    _, _, key, value, headers = letter
    names = [name for name, _ in headers or []]
    told = dict(headers or [])
    error = {n.removeprefix("labline.error."): (v or b"").decode() for n, v in told.items()}
    place = Source(error["topic"], int(error["partition"]), int(error["offset"]))
    _, appended_ms, source_key, source_value, source_headers = inputs[place]
    assert (partition, key, value) == (place.partition, source_key, source_value)
    assert error["stage"] == days.expected.dead[place]
    assert error["reason"]
    assert error["message"]
    assert (error["line"], error["model"]) == (days.factory.line, MODEL)
    before = dict(source_headers or [])
    attempts = int(before.pop("labline.error.attempt", b"0") or b"0")
    assert int(error["attempt"]) == attempts + 1
    assert told["labline.timestamp_ms"] == str(appended_ms).encode()
    assert before.items() <= told.items()
    assert len(names) == len(set(names)), "a header was doubled"
    return place


def test_every_label_has_the_oracles_outcome(days: Days) -> None:
    """Labels leave no record of their own: the vitals must tell what became of each."""
    found: Counter[str] = Counter()
    for _, record in days.written(days.factory.topics().vitals):
        vitals = decoded("labline.Vitals", record[3])
        found.update(vitals["outcomes"])
        found.update({n: vitals[n] for n in ("events", "answers", "dead_letters", "labels")})
    kinds = Counter(record.kind for record in days.sent)
    totals = {
        "events": kinds[EVENT],
        "answers": len(days.expected.scores),
        "dead_letters": len(days.expected.dead),
        "labels": kinds.total() - kinds[EVENT],
    }
    assert found == days.expected.outcomes + Counter(totals)
    assert min(days.expected.outcomes.values()) > part(25, of=100), "there must be some of each"


def test_kafkas_own_reader_counts_the_same_after_retention(days: Days, name: str) -> None:
    """Events of 2013 on topics kept by event time would be gone at the first check."""
    topics, broker = days.factory.topics(), days.factory.bootstrap
    force_retention_check(days, f"{name}.sacrifice")
    names = [days.factory.events, days.factory.labels, *topics]
    starts = partition_offsets(broker, names)
    assert {o.start for topic in starts.values() for o in topic.values()} == {0}
    count = partial(console_consumer_count, broker, idle_ms=15_000)
    answers, letters = count(topics.scores), count(topics.dlq)
    assert (answers, letters) == (len(days.expected.scores), len(days.expected.dead))
    dead_labels = sum(place[0] == days.factory.labels for place in days.expected.dead)
    assert answers + letters - dead_labels == sum(r.kind == EVENT for r in days.sent)
    assert len(days.inputs()) == len(days.sent)


def force_retention_check(days: Days, topic: str) -> None:
    """Wait until the broker has deleted what a topic kept by event time held of 2013."""
    factory = days.factory
    config = {"message.timestamp.type": "CreateTime"}
    factory.admin.create_topics([NewTopic(topic, 1, 1, config=config)])[topic].result()
    producer = Producer(producer_config(factory.bootstrap))
    producer.produce(topic, b"old", timestamp=YEAR_2013_MS)
    assert producer.flush(30) == 0
    until(
        "a retention check",
        lambda: partition_offsets(factory.bootstrap, [topic])[topic][0].start == 1,
    )


def test_parity_is_equal_and_tells_one_unit_in_the_last_place(days: Days) -> None:
    """A check that cannot fail proves nothing: the smallest other recipe is seen, and where."""
    factory = days.factory
    same = parity(factory.bootstrap, factory.line, factory.control())
    assert (same.verdict, same.first) == ("equal", None)
    assert sum(p.records for p in same.partitions) == 2 * len(days.expected.scores) + len(
        days.expected.dead
    )
    other = parity(
        factory.bootstrap, factory.line, factory.control(), recipe=RECIPE.format(rate=NEXT_RATE)
    )
    assert other.verdict == "different"
    assert other.first == other.partitions[0].difference
    judged = days.oracle(NEXT_RATE)
    for found in other.partitions:
        assert found.difference is not None
        difference = found.difference
        place, written, refolded = first_difference(days.expected, judged, found.partition)
        identity = days.expected.scores[place]["id"]
        topic, partition, offset = place
        assert (difference.what, difference.field) == ("answer", "probability")
        assert difference.source == f"{topic}[{partition}]@{offset} id {identity}"
        assert (difference.written, difference.refolded) == (repr(written), repr(refolded))


def first_difference(
    one: oracle.Expected, other: oracle.Expected, partition: int
) -> tuple[tuple[str, int, int], Any, Any]:
    """Return the first event of a partition whose probabilities differ, and both."""
    return next(
        (place, score["probability"], other.scores[place]["probability"])
        for place, score in sorted(one.scores.items())
        if place[1] == partition and score != other.scores[place]
    )
