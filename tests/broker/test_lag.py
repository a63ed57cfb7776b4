"""`labline lag` against a real broker, and against Kafka's own tool."""

import time
from contextlib import closing
from uuid import uuid4

import pytest
from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from labline.engine.broker.clients import admin_client, consumer_config, producer_config
from labline.engine.errors import LablineError
from labline.engine.ops.lag import GroupLag
from labline.engine.ops.lag_facts import lags
from tests.broker import kafka_tools

pytestmark = pytest.mark.broker


def create(
    broker: str, topic: str, partitions: int = 1, stamp: str = "LogAppendTime"
) -> AdminClient:
    admin = admin_client(broker)
    config = {"message.timestamp.type": stamp}
    admin.create_topics([NewTopic(topic, partitions, 1, config=config)])[topic].result()
    return admin


def publish(broker: str, topic: str, count: int, partition: int = 0) -> None:
    producer = Producer(producer_config(broker))
    for number in range(count):
        producer.produce(topic, str(number), partition=partition)
    assert producer.flush(30) == 0


def transactional(broker: str) -> Producer:
    producer = Producer(producer_config(broker, transactional_id=f"t-{uuid4()}"))
    producer.init_transactions(30)
    return producer


def commit(admin: AdminClient, group: str, *places: tuple[str, int, int]) -> None:
    offsets = ConsumerGroupTopicPartitions(group, [TopicPartition(*place) for place in places])
    deadline = time.monotonic() + 30
    while True:
        done = admin.alter_consumer_group_offsets([offsets])[group].result()
        if all(place.error is None for place in done.topic_partitions or ()):
            return
        # a fresh broker's coordinator still loads, and says so by partition, not by raising
        assert time.monotonic() < deadline
        time.sleep(0.1)


def lag_of(broker: str, group: str) -> GroupLag:
    (found,) = lags(broker, [group])
    return found


def test_a_group_with_commits_and_without(broker: str, name: str) -> None:
    topic, group = f"{name}.events", f"{name}.group"
    admin = create(broker, topic, partitions=4)
    for partition, count in enumerate((10, 10, 2_000, 0)):
        publish(broker, topic, count, partition)
    commit(admin, group, (topic, 0, 10), (topic, 1, 4), (topic, 2, 5))
    found = lag_of(broker, group)
    rows = found.partitions
    assert [row.records for row in rows] == [0, 6, 1_995, 0]
    assert [row.markers for row in rows] == [0, 0, None, 0]
    assert [row.committed for row in rows] == [10, 4, 5, None]
    assert [row.verdict for row in rows] == ["caught up", "behind", "behind", "caught up"]
    assert rows[0].behind_s == 0
    assert rows[1].behind_s is not None
    assert 0 < rows[1].behind_s < 120
    assert (found.state, found.members, found.verdict) == ("empty", 0, "behind")
    assert (found.records, found.markers) == (2_001, None)


def test_markers_of_transactions_are_no_records(broker: str, name: str) -> None:
    topic, group = f"{name}.events", f"{name}.group"
    admin = create(broker, topic)
    producer = transactional(broker)
    for aborted in (False, True, False, True):
        producer.begin_transaction()
        for number in range(3):
            producer.produce(topic, str(number))
        producer.flush(30)
        if aborted:
            producer.abort_transaction(30)
        else:
            producer.commit_transaction(30)
    # 0-2 C 4-6 A 8-10 C 12-14 A: a reader that commits the last record's offset + 1
    commit(admin, group, (topic, 0, 11))
    (row,) = lag_of(broker, group).partitions
    assert (row.end, row.records, row.visible, row.markers) == (16, 5, 5, 5)
    assert (row.verdict, row.behind_s) == ("caught up", 0.0)
    commit(admin, group, (topic, 0, 3))
    (row,) = lag_of(broker, group).partitions
    assert (row.records, row.markers, row.verdict) == (13, 10, "behind")


def test_what_an_open_transaction_holds(broker: str, name: str) -> None:
    topic, group = f"{name}.events", f"{name}.group"
    admin = create(broker, topic)
    publish(broker, topic, 2)
    commit(admin, group, (topic, 0, 2))
    producer = transactional(broker)
    producer.begin_transaction()
    producer.produce(topic, b"held")
    producer.flush(30)
    (row,) = lag_of(broker, group).partitions
    assert (row.stable, row.end, row.records, row.visible) == (2, 3, 1, 0)
    assert (row.verdict, row.behind_s) == ("caught up", 0.0)
    producer.abort_transaction(30)


def test_lost_records_and_a_foreign_clock(broker: str, name: str) -> None:
    topic, group = f"{name}.events", f"{name}.group"
    admin = create(broker, topic, stamp="CreateTime")
    publish(broker, topic, 10)
    commit(admin, group, (topic, 0, 2))
    for future in admin.delete_records([TopicPartition(topic, 0, 5)]).values():
        future.result()
    (row,) = lag_of(broker, group).partitions
    assert (row.start, row.records, row.lost, row.verdict) == (5, 5, 3, "lost")
    assert row.behind_s is None  # a publisher's time is a claim: unknown, not 0


def test_an_unknown_group_and_no_broker(broker: str, name: str) -> None:
    with pytest.raises(LablineError, match="LL-GROUP-UNKNOWN"):
        lags(broker, [f"{name}.nobody"])
    with pytest.raises(LablineError, match="LL-BROKER-SILENT"):
        lags("127.0.0.1:1")


def test_it_equals_kafkas_own_tool(broker: str, name: str) -> None:
    topic, group = f"{name}.events", f"{name}.group"
    create(broker, topic, partitions=3)
    producer = transactional(broker)
    for size in (5, 7):
        producer.begin_transaction()
        for number in range(size):
            producer.produce(topic, str(number), partition=number % 2)
        producer.commit_transaction(30)
    config = consumer_config(broker, group_id=group, client_id=name, auto_offset_reset="earliest")
    with closing(Consumer(config)) as consumer:
        consumer.subscribe([topic])
        taken = 0
        deadline = time.monotonic() + 60
        while taken < 12:
            assert time.monotonic() < deadline
            for message in consumer.consume(100, 0.2):
                if message.error() is None:
                    taken += 1
                    offset = message.offset()
                    assert offset is not None
                    place = TopicPartition(topic, message.partition() or 0, offset + 1)
                    consumer.commit(offsets=[place], asynchronous=False)
        found = lag_of(broker, group)
        theirs = kafka_tools.consumer_groups_describe(broker, group)
    ours = [(row.partition, row.committed, row.end, row.records) for row in found.partitions]
    # where nothing was committed, Kafka's tool has a dash; there is nothing to read there either
    assert [(r.partition, r.committed, r.end, r.lag or 0) for r in theirs] == ours
    assert [row.lag for row in theirs][:2] == [1, 1]  # for ever: the last transaction's markers
    assert [row.markers for row in found.partitions] == [1, 1, 0]
    assert (found.verdict, found.state, found.members) == ("caught up", "stable", 1)
    assert all(row.member is not None and name in row.member for row in found.partitions)
    assert kafka_tools.get_offsets(broker, topic) == {r.partition: r.end for r in found.partitions}
    assert kafka_tools.console_consumer_count(broker, topic, max_messages=12) == 12
