"""One Kafka transaction per micro-batch: scores, dead letters, journal, vitals, offsets."""

import time
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from confluent_kafka import Consumer, Producer, TopicPartition

from engine.broker.clients import producer_config
from engine.core.journal import Entry, encode_entry
from engine.core.labels import EVICTED, EXPIRED, LABEL_OUTCOMES
from engine.core.record import ANSWER, DEAD_LETTER, SHADOW
from engine.core.task import Run
from schemas.engine_schemas import engine_schema
from topics.naming import LineTopics
from topics.plan import DLQ_MESSAGE_MAX_BYTES

TIMEOUT_S = 30.0
TRANSACTION_TIMEOUT_MS = 60_000
# A commit that took this long may have been retried below us, and its late twin could end a
# later transaction (KAFKA-17754; librdkafka speaks the older protocol): use a new producer.
SLOW_COMMIT_S = 10.0


class Work(NamedTuple):
    """One task's part of a transaction."""

    partition: int
    sequence: int
    revision: int
    run: Run


class Transactions:
    """A transactional producer that writes what runs of the fold gave.

    Parameters
    ----------
    transactional_id
        Stable per worker slot: a successor with the same id ends what a dead one left open.
    inputs
        Topics of events, labels and retries, for the offsets.
    """

    def __init__(
        self,
        bootstrap: str,
        transactional_id: str,
        topics: LineTopics,
        inputs: Sequence[str | None],
        environment: str,
    ) -> None:
        self._config = producer_config(
            bootstrap,
            transactional_id=transactional_id,
            transaction_timeout_ms=TRANSACTION_TIMEOUT_MS,
            message_timeout_ms=TRANSACTION_TIMEOUT_MS // 2,
            message_max_bytes=DLQ_MESSAGE_MAX_BYTES,  # a dead letter is larger than its event
        )
        self._topics = topics
        self._by_kind = {
            ANSWER: topics.scores,
            SHADOW: topics.shadow,
            DEAD_LETTER: topics.dlq,
        }
        self._inputs = inputs
        self._environment = environment
        self._vitals = engine_schema("labline.Vitals")
        self._producer = self._new_producer()

    def _new_producer(self) -> Producer:
        producer = Producer(self._config)
        producer.init_transactions(TIMEOUT_S)
        return producer

    def commit(self, works: Iterable[Work], consumer: Consumer) -> None:
        """Write and commit all of this work, or none of it.

        Raises
        ------
        KafkaException
            When the transaction did not commit, or may not have: the caller drops its memory
            and recovers from what is committed.
        """
        offsets: list[TopicPartition] = []
        self._producer.begin_transaction()
        for work in works:
            self._write(work)
            offsets += [
                TopicPartition(topic, work.partition, offset)
                for topic, offset in zip(self._inputs, work.run.next_offsets, strict=True)
                if topic is not None
            ]
        metadata = consumer.consumer_group_metadata()
        self._producer.send_offsets_to_transaction(offsets, metadata, TIMEOUT_S)
        started = time.monotonic()
        self._producer.commit_transaction(TIMEOUT_S)
        if time.monotonic() - started > SLOW_COMMIT_S:
            self._producer = self._new_producer()

    def _write(self, work: Work) -> None:
        partition, run = work.partition, work.run
        by_kind, produce = self._by_kind, self._produce
        for kind, key, value, headers in run.emissions:
            produce(by_kind[kind], value, key, partition, headers)
        entry = Entry(
            work.sequence,
            work.revision,
            self._environment,
            run.first_offsets,
            run.next_offsets,
            run.order,
            run.digest(),
        )
        produce(self._topics.journal, encode_entry(entry), None, partition, None)
        produce(self._topics.vitals, self._vitals.encode(vitals(work)), None, partition, None)

    def _produce(
        self, topic: str, value: bytes | None, key: bytes | None, partition: int, headers: Any
    ) -> None:
        while True:
            try:
                if headers is None:
                    self._producer.produce(topic, value, key, partition)
                else:
                    self._producer.produce(topic, value, key, partition, headers=headers)
            except BufferError:  # its queue is full: let it send
                self._producer.poll(0.1)
            else:
                return


def vitals(work: Work) -> dict[str, Any]:
    """Return what happened in a run, as its vitals record."""
    counts = work.run.counts
    outcomes = {
        name: counts[name] for name in (*LABEL_OUTCOMES, EXPIRED, EVICTED) if name in counts
    }
    labelled = sum(counts.get(name, 0) for name in LABEL_OUTCOMES)
    answers, rejected = counts.get("answers", 0), counts.get("dead_letters", 0)
    return {
        "partition": work.partition,
        "sequence": work.sequence,
        "events": answers + rejected,
        "answers": answers,
        "dead_letters": rejected + counts.get("dead_labels", 0),
        "labels": labelled + counts.get("dead_labels", 0),
        "outcomes": outcomes,
    }
