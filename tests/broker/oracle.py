"""What the flights line must answer, told without labline: river, fastavro, Kafka client only.

Written from the design alone. Of the heads of events and labels the one with the smaller running
maximum of event time is next, at a tie the event. What cannot be used sorts at the maximum so far.
Score first, learn second; a label is learned with the features that were scored.
"""

import json
import math
import re
from collections import Counter
from collections.abc import Iterator
from heapq import merge
from io import BytesIO
from itertools import takewhile
from pathlib import Path
from typing import Any, NamedTuple

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, TopicPartition
from fastavro import parse_schema, schemaless_reader
from fastavro.schema import fingerprint, to_parsing_canonical_form
from river import base, linear_model, optim, preprocessing

NUMERIC = ["dep_delay", "distance", "temp", "humid", "wind_speed", "precip", "pressure", "visib"]
CATEGORICAL = ["carrier", "origin", "dest"]
OPTIONAL = set(NUMERIC[2:])
HORIZON_MS = 2 * 86_400_000
HOUR_MS = 3_600_000
PAYLOAD_MAX_BYTES = 262_144
NOTHING_YET = -(10**18)


class Expected(NamedTuple):
    """By (topic, partition, offset): the answers, and the stage at which others fail."""

    scores: dict[tuple[str, int, int], dict[str, Any]]
    dead: dict[tuple[str, int, int], str]
    outcomes: Counter[str]


class Ordered(base.Transformer):
    """Keep these features, in this order."""

    def __init__(self, names: list[str]) -> None:
        self.names = names

    def transform_one(self, x: dict[Any, Any]) -> dict[Any, Any]:
        return {name: x[name] for name in self.names if name in x}


def pipeline(rate: float) -> Any:
    """Return the recipe of the tests, built by hand."""
    categories = Ordered(CATEGORICAL) | preprocessing.OneHotEncoder()
    numbers = Ordered([*NUMERIC, "hour", "weekday"]) | preprocessing.StandardScaler()
    return (categories + numbers) | linear_model.LogisticRegression(optimizer=optim.SGD(rate))


def read(bootstrap: str, topic: str) -> dict[int, list[tuple[int, int, bytes | None]]]:
    """Return offset, append time and value of what a committed reader sees, by partition."""
    settings = {"bootstrap.servers": bootstrap, "group.id": "oracle", "enable.partition.eof": True}
    consumer = Consumer(settings | {"isolation.level": "read_committed"})
    partitions = consumer.list_topics(topic, 30).topics[topic].partitions
    consumer.assign([TopicPartition(topic, p, OFFSET_BEGINNING) for p in partitions])
    records: dict[int, list[tuple[int, int, bytes | None]]] = {p: [] for p in partitions}
    at_end: set[int] = set()
    while len(at_end) < len(partitions):
        for message in consumer.consume(5_000, 1):
            if message.error() is None:
                entry = (message.offset(), message.timestamp()[1], message.value())
                records[message.partition()].append(entry)
            else:
                assert message.error().code() == KafkaError._PARTITION_EOF, message.error()
                at_end.add(message.partition())
    consumer.close()
    return records


def decoder(path: Path) -> Any:
    """Return the function from bytes to a datum, or to the stage at which they fail."""
    document = json.loads(path.read_text())
    canonical = to_parsing_canonical_form(document)
    head = b"\xc3\x01" + bytes.fromhex(fingerprint(canonical, "CRC-64-AVRO"))
    parsed = parse_schema(document)

    def fits(field: dict[str, Any], value: Any) -> bool:
        if isinstance(value, float) and not math.isfinite(value):
            return False
        if isinstance(value, str):
            short = len(value) <= field.get("max_length", len(value))
            return short and bool(re.fullmatch(field.get("pattern", r"(?s).*"), value))
        return value is None or field.get("minimum", value) <= value <= field.get("maximum", value)

    def decode(value: bytes | None) -> dict[str, Any] | str:
        if not value or len(value) > PAYLOAD_MAX_BYTES or not value.startswith(head):
            return "decode"
        body = BytesIO(value[len(head) :])
        try:
            datum: Any = schemaless_reader(body, parsed, None)
        except Exception:  # whatever it is: these bytes are no record
            return "decode"
        if body.read():
            return "decode"
        good = all(fits(field, datum[field["name"]]) for field in document["fields"])
        return datum if good else "constraints"

    return decode


def in_time(records: Any, which: int, decode: Any, skew_ms: int) -> Iterator[tuple[Any, ...]]:
    """Yield running maximum, input, offset and datum (or failed stage) of one input's records."""
    highest = NOTHING_YET
    for offset, appended_ms, value in records:
        datum = decode(value)
        if isinstance(datum, dict):
            if datum["event_time"] > appended_ms + skew_ms:
                datum = "time"
            else:
                highest = max(highest, datum["event_time"])
        yield highest, which, offset, datum


def features(event: dict[str, Any]) -> dict[str, Any] | None:
    """Return what the learner sees, in the line's order; None when a required one is missing."""
    hours = event["event_time"] // HOUR_MS
    found = {name: event[name] for name in [*CATEGORICAL, *NUMERIC] if event[name] is not None}
    if any(name not in found for name in [*CATEGORICAL, *NUMERIC] if name not in OPTIONAL):
        return None
    return found | {"hour": hours % 24, "weekday": (hours // 24 + 3) % 7}


def answers(bootstrap: str, topics: tuple[str, str], schemas: Path, model: str, revision: int,
            rate: float) -> Expected:  # fmt: skip
    """Return what the line must have answered to all that is in its topics."""
    events, labels = (read(bootstrap, topic) for topic in topics)
    of_event, of_label = (
        decoder(schemas / f"flights.{k}/v1.avsc") for k in ("departed", "arrived")
    )
    expected = Expected({}, {}, Counter())
    for partition in events:
        order = merge(
            in_time(events[partition], 0, of_event, HOUR_MS),
            in_time(labels[partition], 1, of_label, HOUR_MS),
            key=lambda entry: entry[:2],
        )
        fold(expected, order, topics, partition, model, revision, pipeline(rate))
    return expected


def fold(expected: Expected, order: Any, topics: tuple[str, str], partition: int, model: str,
         revision: int, learner: Any) -> None:  # fmt: skip
    """Score and learn one partition's records in their order."""
    waiting: dict[str, tuple[int, dict[str, Any]]] = {}  # due, features
    known: dict[str, tuple[int, bool | None]] = {}  # forgotten at, label (None: it never came)
    now = NOTHING_YET
    for time_ms, which, offset, datum in order:
        place = (topics[which], partition, offset)
        now = max(now, time_ms)
        for identity in due(waiting, now):
            del waiting[identity]
            known[identity] = (now + HORIZON_MS, None)
            expected.outcomes["expired"] += 1
        for identity in due(known, now):
            del known[identity]
        if isinstance(datum, str):
            expected.dead[place] = datum
        elif which == 1:
            expected.outcomes[learn(learner, waiting, known, datum, now)] += 1
        elif (x := features(datum)) is None:
            expected.dead[place] = "features"
        else:
            probability = learner.predict_proba_one(x)[True]
            expected.scores[place] = {
                "id": datum["id"], "event_time_ms": datum["event_time"],
                "answer": probability >= 0.5, "probability": probability, "value": None,
                "slot": "champion", "model": model, "revision": revision,
                "topic": topics[0], "partition": partition, "offset": offset,
                "propensity": None, "interval_low": None, "interval_high": None,
            }  # fmt: skip
            if datum["id"] not in waiting and datum["id"] not in known:
                waiting[datum["id"]] = (now + HORIZON_MS, x)


def due(held: dict[str, tuple[int, Any]], now: int) -> list[str]:
    """Return what is due: time never falls, so it stands first."""
    return list(takewhile(lambda identity: held[identity][0] <= now, held))


def learn(learner: Any, waiting: Any, known: Any, label: dict[str, Any], now: int) -> str:
    """Learn a label if its event waits for it; return what became of it."""
    if label["id"] in waiting:
        _, x = waiting.pop(label["id"])
        known[label["id"]] = (now + HORIZON_MS, label["late"])
        learner.learn_one(x, label["late"])
        return "learned"
    if label["id"] not in known:
        return "orphan"
    _, before = known[label["id"]]
    if before is None:
        return "late"
    return "duplicate" if before == label["late"] else "contradicting"
