"""The flat script: what a good engineer writes in an afternoon for the same job.

One loop: fastavro, river, a dict join, one transaction per 5,000 records. Records are taken in
the order of the poll, so a label can come before its event; it is kept and learned when the
event has been scored. There is no order over inputs, no journal, no dead letters, no check of
what the values say, nothing that forgets, no recovery: a restart would begin from a cold model.
"""

from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from confluent_kafka import Consumer, Producer, TopicPartition
from fastavro import parse_schema, schemaless_reader, schemaless_writer

BATCH = 5_000
HEAD_BYTES = 10  # Avro's single-object framing
OPTIONAL = ("temp", "humid", "wind_speed", "precip", "pressure", "visib")
HOUR_MS, DAY_MS = 3_600_000, 86_400_000


@dataclass
class Settings:
    """What the script is told.

    Attributes
    ----------
    topics, schemas, heads
        Names, Avro schemas and framing of `events`, `labels`, `scores` and `shadow`.
    models
        Names and river classifiers: the first answers, the others go to the shadow topic.
    """

    consumer: dict[str, Any]
    producer: dict[str, Any]
    topics: dict[str, str]
    schemas: dict[str, Any]
    heads: dict[str, bytes]
    models: list[tuple[str, Any]]


class Flat:
    """The loop and what it keeps in memory."""

    def __init__(self, settings: Settings) -> None:
        self.topics, self.heads, self.models = settings.topics, settings.heads, settings.models
        self.schemas: dict[str, Any] = {n: parse_schema(s) for n, s in settings.schemas.items()}
        self.waiting: dict[str, dict[str, Any]] = {}  # features by id, of events without a label
        self.early: dict[str, bool] = {}  # labels by id, of events that have not come yet
        self.answers = self.learned = self.transactions = 0
        self.consumer, self.producer = Consumer(settings.consumer), Producer(settings.producer)

    def run(self, stopped: Callable[[], bool]) -> dict[str, int]:
        """Score and learn until told to stop; return what was done."""
        self.producer.init_transactions(30)
        self.consumer.subscribe([self.topics["events"], self.topics["labels"]])
        while not stopped():
            messages = [m for m in self.consumer.consume(BATCH, 0.1) if not m.error()]
            if messages:
                self.transact(messages)
        self.consumer.close()
        return {
            "answers": self.answers,
            "learned": self.learned,
            "transactions": self.transactions,
        }

    def transact(self, messages: list[Any]) -> None:
        """Handle what was polled, in one transaction."""
        labels = self.topics["labels"]
        offsets: dict[tuple[str, int], int] = {}
        self.producer.begin_transaction()
        for message in messages:
            topic, partition, offset = message.topic(), message.partition(), message.offset()
            offsets[topic, partition] = offset + 1
            if topic == labels:
                label = self.decode("labels", message.value())
                self.label(label["id"], label["late"])
            else:
                place = {"topic": topic, "partition": partition, "offset": offset}
                self.event(self.decode("events", message.value()), message.key(), place)
        self.producer.send_offsets_to_transaction(
            [TopicPartition(*place, offset) for place, offset in offsets.items()],
            self.consumer.consumer_group_metadata(),
            30,
        )
        self.producer.commit_transaction(30)
        self.transactions += 1

    def event(self, event: dict[str, Any], key: bytes, place: dict[str, Any]) -> None:
        """Answer an event; then learn, if its label came before it."""
        if event["dep_delay"] is None:
            return  # it never departed
        features, identity = features_of(event), event["id"]
        probability = self.models[0][1].predict_proba_one(features)[True]
        source = {"id": identity, "event_time_ms": event["event_time"], "revision": 0, **place}
        decided = {"answer": probability >= 0.5, "probability": probability}
        self.send("scores", key, {**source, **decided, "slot": "champion", "model": "m@1"})
        if len(self.models) > 1:
            scores = [
                {
                    "slot": "baseline",
                    "model": name,
                    "probability": model.predict_proba_one(features)[True],
                }
                for name, model in self.models[1:]
            ]
            self.send("shadow", key, {**source, "scores": scores})
        self.answers += 1
        if identity in self.early:
            self.learn(features, self.early.pop(identity))
        else:
            self.waiting[identity] = features

    def label(self, identity: str, late: bool) -> None:
        """Learn a label, or keep it until its event comes."""
        features = self.waiting.pop(identity, None)
        if features is None:
            self.early[identity] = late
        else:
            self.learn(features, late)

    def learn(self, features: dict[str, Any], late: bool) -> None:
        """Teach every model one label."""
        for _, model in self.models:
            model.learn_one(features, late)
        self.learned += 1

    def decode(self, kind: str, value: bytes) -> Any:
        """Return the record in framed Avro."""
        source = BytesIO(value)
        source.seek(HEAD_BYTES)
        return schemaless_reader(source, self.schemas[kind], None)

    def send(self, kind: str, key: bytes, record: dict[str, Any]) -> None:
        """Produce a record as framed Avro."""
        out = BytesIO()
        out.write(self.heads[kind])
        schemaless_writer(out, self.schemas[kind], record)
        self.producer.produce(self.topics[kind], out.getvalue(), key)


def features_of(event: dict[str, Any]) -> dict[str, Any]:
    """Return what the model sees of a departure, as the line `flights-delay` declares it."""
    features = {name: event[name] for name in ("carrier", "origin", "dest")}
    features["dep_delay"], features["distance"] = event["dep_delay"], event["distance"]
    for name in OPTIONAL:
        if event[name] is not None:
            features[name] = event[name]
    time_ms = event["event_time"]
    features["hour"] = time_ms // HOUR_MS % 24
    features["weekday"] = (time_ms // DAY_MS + 3) % 7
    return features
