"""Partitions of keys: what Kafka's own clients give."""

from collections import Counter

import pytest
from confluent_kafka import KafkaError, Message, Producer
from confluent_kafka.admin import NewTopic
from hypothesis import given
from hypothesis import strategies as st

from labline.engine.broker.clients import admin_client, producer_config
from labline.topics.partitioning import murmur2, partition_of

PARTITIONS = 7
KEYS = 10_000


@given(st.binary(max_size=100))
def test_it_hashes_as_fausts_client(key: bytes) -> None:
    partitioner = pytest.importorskip("aiokafka.partitioner")
    assert murmur2(key) == partitioner.murmur2(key) & 0xFFFFFFFF


@given(st.binary(max_size=100), st.integers(1, 1_000))
def test_a_partition_is_one_of_them(key: bytes, partitions: int) -> None:
    assert 0 <= partition_of(key, partitions) < partitions


def test_records_lie_where_the_producer_put_them(broker: str, name: str) -> None:
    admin = admin_client(broker)  # held: its answers go with it
    admin.create_topics([NewTopic(name, PARTITIONS, 1)])[name].result()
    placed: dict[bytes, int] = {}

    def delivered(error: KafkaError | None, message: Message) -> None:
        assert error is None, error
        key, partition = message.key(), message.partition()
        assert isinstance(key, bytes)
        assert partition is not None
        placed[key] = partition

    # each length, each remainder by four, bytes that are no text
    keys = [bytes((n * 7 + at * 31) % 256 for at in range(n % 23)) + b"%d" % n for n in range(KEYS)]
    producer = Producer(producer_config(broker))
    for key in [b"", *keys]:
        producer.produce(name, b"v", key, on_delivery=delivered)
        producer.poll(0)
    assert producer.flush(60) == 0
    assert len(placed) == KEYS + 1
    assert {key: partition_of(key, PARTITIONS) for key in placed} == placed
    assert min(Counter(placed.values()).values()) > KEYS / PARTITIONS / 2  # all partitions are used
