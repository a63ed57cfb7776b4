"""Publishers and readers in Java: the examples, compiled and run against a real Kafka."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer, murmur2  # type: ignore[attr-defined]
from confluent_kafka.admin import NewTopic

from labline.engine.broker.clients import admin_client, producer_config
from labline.engine.broker.registry.schema_registry import SchemaRegistry, Writers
from labline.engine.broker.servers import apicurio
from labline.engine.broker.servers.jars import KAFKA_VERSION
from labline.engine.core.record import Record
from labline.engine.core.score_encoders import Place, answer_encoder, subject
from labline.engine.publish.publisher import Publisher
from labline.schemas.avro import Schema
from labline.schemas.framing import confluent_head
from labline.schemas.values.formats import reader_of
from labline.schemas.varint import varint
from labline.topics.declaration import Topic
from tests.broker.factory import Factory
from tests.broker.history import EVENT, history, schemas
from tests.broker.java import EXAMPLES, Done, Programs, compiled, dependencies
from tests.broker.process import TIMEOUT_S
from tests.broker.written import decoded, read_topic

ROOT = Path(__file__).parents[2]
DEPARTED_FILE = EXAMPLES.parent / "flights/schemas/flights.departed/v1.avsc"
SCORE_FILE = ROOT / "schemas/avsc/labline.Score.avsc"
PARTITIONS = 12
KEYS = 10_000
DAY = date(2013, 1, 1)
# no flight is called so, but a key may be: where it lands depends on its bytes only
ODD_KEYS = ("", " ", "a", "é", "日本", "\U0001f6eb", "x" * 1_000, "\t", "0", "-1", "k\u0000")


@pytest.fixture(scope="module")
def java(tmp_path_factory: pytest.TempPathFactory) -> Programs:
    return compiled(tmp_path_factory.mktemp("classes"))


def departures(number: int) -> list[dict[str, Any]]:
    """Return real departures, each with a key of its own."""
    found: list[dict[str, Any]] = []
    for sent in history(DAY, date(2013, 1, 2)):
        datum = schemas()[0].decode(sent.value) if sent.kind == EVENT else None
        if isinstance(datum, dict):
            found.append(datum)
    carriers = ("UA", "AA", "B6", "9E", "DL")
    keys = (f"{carriers[n % 5]}{n // 5}" for n in count())
    return [{**found[n % len(found)], "flight_key": next(keys)} for n in range(number)]


def topic_of(broker: str, name: str) -> Topic:
    admin = admin_client(broker)  # held: a client that goes takes its answers along
    admin.create_topics([NewTopic(name, num_partitions=PARTITIONS)])[name].result(TIMEOUT_S)
    return Topic(name=name, schema="r", key="flight_key", partitions=PARTITIONS)


def json_lines(path: Path, data: Iterable[Mapping[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(datum) + "\n" for datum in data))
    return path


def by_key(broker: str, topic: str) -> dict[bytes | None, tuple[int, Record]]:
    """Return each key's partition and record; no key may be there twice."""
    found: dict[bytes | None, tuple[int, Record]] = {}
    for partition, records in read_topic(broker, topic).items():
        for record in records:
            assert record[2] not in found
            found[record[2]] = partition, record
    return found


def published(done: Done, number: int) -> None:
    assert (done.code, done.out) == (0, f"published {number} records\n"), done.err


def test_the_example_speaks_to_the_broker_of_its_own_version() -> None:
    assert f"org.apache.kafka:kafka-clients:{KAFKA_VERSION}" in dependencies()


def test_the_sample_fits() -> None:
    schema = Schema.load(DEPARTED_FILE)
    for line in (EXAMPLES / "departures.jsonl").read_text().splitlines():
        datum = json.loads(line)
        assert schema.decode(schema.encode(datum)) == datum


def test_java_and_python_put_a_key_into_one_partition(
    broker: str, name: str, java: Programs, tmp_path: Path
) -> None:
    theirs, ours = topic_of(broker, f"{name}.java"), topic_of(broker, f"{name}.python")
    schema, data = Schema.load(DEPARTED_FILE), departures(KEYS)
    file = json_lines(tmp_path / "departures.jsonl", data)
    done = java.run("PublishDepartures", broker, theirs.name, DEPARTED_FILE, file)
    published(done, KEYS)
    with Publisher(broker, ours, schema, source="java") as publisher:
        for datum in data:
            publisher.send(datum)

    from_java, from_python = by_key(broker, theirs.name), by_key(broker, ours.name)
    assert len(from_java) == len(from_python) == KEYS
    assert set(Counter(p for p, _ in from_java.values())) == set(range(PARTITIONS))
    for datum in data:
        key = datum["flight_key"].encode()
        (their_partition, their_record), (partition, record) = from_java[key], from_python[key]
        assert their_partition == partition, key
        assert schema.decode(their_record[3]) == datum
        assert their_record[2:] == record[2:]  # key, value and headers, byte for byte


def test_a_key_is_its_bytes(broker: str, name: str, java: Programs, tmp_path: Path) -> None:
    document = {
        "type": "record",
        "name": "Odd",
        "fields": [{"name": "flight_key", "type": "string"}],
    }
    (tmp_path / "odd.avsc").write_text(json.dumps(document))
    data = [{"flight_key": key} for key in ODD_KEYS]
    theirs, ours = topic_of(broker, f"{name}.java"), topic_of(broker, f"{name}.python")
    file = json_lines(tmp_path / "odd.jsonl", data)
    done = java.run("PublishDepartures", broker, theirs.name, tmp_path / "odd.avsc", file)
    published(done, len(data))
    with Publisher(broker, ours, Schema.parse(document)) as publisher:
        for datum in data:
            publisher.send(datum)
    from_java, from_python = by_key(broker, theirs.name), by_key(broker, ours.name)
    assert {k: p for k, (p, _) in from_java.items()} == {k: p for k, (p, _) in from_python.items()}
    assert {k: r[3] for k, (_, r) in from_java.items()} == {
        k: r[3] for k, (_, r) in from_python.items()
    }


def test_an_event_that_does_not_fit_is_not_sent(
    broker: str, name: str, java: Programs, tmp_path: Path
) -> None:
    topic = topic_of(broker, name)
    (datum,) = departures(1)
    for bad in ({**datum, "flight": "1545"}, {k: v for k, v in datum.items() if k != "flight"}):
        file = json_lines(tmp_path / "bad.jsonl", [bad])
        done = java.run("PublishDepartures", broker, topic.name, DEPARTED_FILE, file)
        assert done.code == 1
        assert 'flight is missing, or no "int"' in done.err
    assert not by_key(broker, topic.name)


def test_java_publishes_by_way_of_a_registry(
    broker: str, registry: str, name: str, java: Programs, tmp_path: Path
) -> None:
    topic, schema, data = topic_of(broker, name), Schema.load(DEPARTED_FILE), departures(500)
    file = json_lines(tmp_path / "departures.jsonl", data)
    own_api = registry.replace(apicurio.API, "/apis/registry/v3")
    arguments = "PublishWithRegistry", broker, own_api, topic.name, DEPARTED_FILE, file
    assert java.run(*arguments).code == 1  # nobody has registered the schema
    assert not by_key(broker, topic.name)

    known = SchemaRegistry(registry, tmp_path / "known")
    head = confluent_head(known.register(topic.name, schema.document))
    published(java.run(*arguments), len(data))
    found, reader = by_key(broker, topic.name), reader_of(schema, Writers([], known))
    assert len(found) == len(data)
    for datum in data:
        partition, (*_, key, value, headers) = found[datum["flight_key"].encode()]
        assert value == schema.encode(datum, head)
        assert reader.decode(value, headers) == datum
        assert partition == murmur2(key, PARTITIONS)


def scores_in(done: Done) -> list[dict[str, Any]]:
    assert done.code == 0, done.err
    return [json.loads(line) for line in done.out.splitlines()]


def test_java_publishes_a_line_answers_java_reads(
    broker: str, name: str, java: Programs, tmp_path: Path
) -> None:
    with Factory(broker, name, tmp_path) as factory:
        data = departures(2_000)
        file = json_lines(tmp_path / "departures.jsonl", data)
        done = java.run("PublishDepartures", broker, factory.events, DEPARTED_FILE, file)
        published(done, len(data))
        factory.promote()
        factory.finish(factory.scorer(batch_max=500))
        outcomes, scores = factory.outcomes(), factory.topics().scores
        assert outcomes["answers"] > 1_900  # the others never departed: dead letters
        assert outcomes["answers"] + outcomes["dead_letters"] == len(data)
        read = scores_in(java.run("ReadScores", broker, scores, SCORE_FILE))
        expected = [
            decoded("labline.Score", record[3])
            for records in factory.read(scores).values()
            for record in records
        ]
        assert by_source(read) == by_source(expected)
        assert len(read) == outcomes["answers"]


def by_source(scores: Iterable[dict[str, Any]]) -> dict[tuple[int, int], dict[str, Any]]:
    return {(score["partition"], score["offset"]): score for score in scores}


def test_without_read_committed_java_reads_answers_that_were_taken_back(
    broker: str, name: str, java: Programs
) -> None:
    topic = topic_of(broker, f"{name}.scores").name
    producer = Producer(producer_config(broker, transactional_id=name))
    producer.init_transactions(TIMEOUT_S)
    encode = answer_encoder("champion", "delay@1", Place("flights.departed", 3, 7))

    def answer(first: int, last: int, probability: float) -> None:
        producer.begin_transaction()
        for offset in range(first, last):
            about = subject(f"UA-{offset}", offset)
            value = encode(about, varint(offset), probability, probability >= 0.5)
            producer.produce(topic, value, b"one key, one partition")
        producer.flush(TIMEOUT_S)  # else an aborted one might never have been written

    answer(0, 100, 0.25)
    producer.commit_transaction(TIMEOUT_S)
    answer(100, 140, 0.75)
    producer.abort_transaction(TIMEOUT_S)
    answer(100, 150, 0.125)  # as after a crash: the same events again
    producer.commit_transaction(TIMEOUT_S)
    answer(150, 160, 0.5)  # not decided while Java reads

    committed = java.run("ReadScores", broker, topic, SCORE_FILE)
    assert committed.err.endswith(
        "read_committed: 150 scores, 0 of them of events that had one already\n"
    )
    read = scores_in(committed)
    assert [score["offset"] for score in read] == list(range(150))
    assert {score["probability"] for score in read} == {0.25, 0.125}

    uncommitted = java.run("ReadScores", broker, topic, SCORE_FILE, "read_uncommitted")
    assert uncommitted.err.endswith(
        "read_uncommitted: 200 scores, 40 of them of events that had one already\n"
    )
    seen = Counter(score["probability"] for score in scores_in(uncommitted))
    assert seen == {0.25: 100, 0.75: 40, 0.125: 50, 0.5: 10}
    producer.abort_transaction(TIMEOUT_S)
