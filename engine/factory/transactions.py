"""One Kafka transaction per micro-batch: scores, dead letters, journal, vitals, offsets.

Called by the scorer. What comes in are the runs of its tasks; what goes out is one transaction with
all that they emitted and the next offsets of every input of each task. What must stay true: readers
see all of it or nothing, and after a commit that failed, or may have, the caller drops its memory.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, NamedTuple

from confluent_kafka import Consumer, KafkaError, Message, Producer, TopicPartition

from labline.engine.broker.clients import producer_config
from labline.engine.core.journal import Entry, digest, encode_entry
from labline.engine.core.labels import EVICTED, EXPIRED, LABEL_OUTCOMES, NEGATIVE
from labline.engine.core.record import ANSWER, DEAD_LETTER, SHADOW
from labline.engine.core.run import Run
from labline.engine.core.task import FORGOTTEN, LEARN_FAILED
from labline.engine.factory.bounded_call import BoundedCall
from labline.schemas.engine_schemas import engine_schema
from labline.topics.naming import LineTopics
from labline.topics.plan import DLQ_MESSAGE_MAX_BYTES

TIMEOUT_S = 10.0  # longer is a broker that went away: begin anew when it is back
OFFSETS_S = 10.0  # for what takes a millisecond; no time limit of the client's own holds there
MARGIN_S = 1.0
TRANSACTION_TIMEOUT_MS = 60_000
# A commit that took this long may have been retried below us, and its late twin could end a
# later transaction (KAFKA-17754; librdkafka speaks the older protocol): use a new producer.
SLOW_COMMIT_S = 3.0


class Work(NamedTuple):
    """One task's part of a transaction.

    Attributes
    ----------
    sequence : int
        Of its first journal entry.
    revision : int
        In force while it was folded.
    run : Run
        What folding gave.
    switch : str or None
        The kind of entry that says first that another environment goes on from here.
    """

    partition: int
    sequence: int
    revision: int
    run: Run
    switch: str | None = None

    def entries(self, environment: str) -> list[Entry]:
        """Return its journal entries."""
        run, first = self.run, self.run.first_offsets
        entry = Entry(
            self.sequence,
            self.revision,
            environment,
            first,
            run.next_offsets,
            run.order,
            run.digest(),
        )
        if self.switch is None:
            return [entry]
        switch = entry._replace(next_offsets=first, order=(), digest=digest(()), kind=self.switch)
        return [switch, entry._replace(sequence=self.sequence + 1)]


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
        self._last_entries: dict[int, Entry] = {}
        self._last_offsets: dict[int, int] = {}
        self._producer = self._new_producer()
        self._bounded = BoundedCall()

    def close(self) -> None:
        """Leave the producer as it is: its successor ends what it left open."""
        self._bounded.close()

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
        producer, call = self._producer, self._bounded.call
        call(partial(producer.send_offsets_to_transaction, offsets, metadata, OFFSETS_S), OFFSETS_S)
        started = time.monotonic()
        call(partial(producer.commit_transaction, TIMEOUT_S), TIMEOUT_S + MARGIN_S)
        self._producer.poll(0)  # reports of the journal's offsets
        if time.monotonic() - started > SLOW_COMMIT_S:
            self._producer = self._new_producer()

    def _write(self, work: Work) -> None:
        partition, run = work.partition, work.run
        by_kind, produce = self._by_kind, self._produce
        for kind, key, value, headers in run.emissions:
            produce(by_kind[kind], value, key, partition, headers)
        for entry in work.entries(self._environment):
            self._last_entries[partition] = entry
            self._write_entry(encode_entry(entry), partition)
        produce(self._topics.vitals, self._vitals.encode(vitals(work)), None, partition, None)

    def _write_entry(self, value: bytes, partition: int) -> None:
        def note_offset(error: KafkaError | None, message: Message) -> None:
            offset = message.offset()
            if error is None and offset is not None:
                self._last_offsets[partition] = offset

        self._produce(self._topics.journal, value, None, partition, None, note_offset)

    def last_entry(self, partition: int) -> Entry:
        """Return the last entry that was written for a task, with its offset (-1: unknown)."""
        return self._last_entries[partition]._replace(offset=self._last_offsets.get(partition, -1))

    def _produce(
        self,
        topic: str,
        value: bytes | None,
        key: bytes | None,
        partition: int,
        headers: Any,
        report: Callable[[KafkaError | None, Message], None] | None = None,
    ) -> None:
        while True:
            try:
                if headers is None:
                    self._producer.produce(topic, value, key, partition, report)
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
        name: counts[name]
        for name in (*LABEL_OUTCOMES, EXPIRED, NEGATIVE, EVICTED, FORGOTTEN, LEARN_FAILED)
        if name in counts
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
