"""Reading a range of a partition: committed records, no group, nothing committed.

Called by whoever folds, records or looks at a log: recovery, the lab, the reports, the demo. Topics
and offsets come in, records go out in batches as the fold takes them (`to_record`). What must stay
true: a range is read whole or an exception says why not; reading leaves no trace in the cluster.
"""

import time
from collections.abc import Generator, Iterable
from contextlib import closing, suppress
from typing import Any, NamedTuple

from confluent_kafka import (
    Consumer,
    IsolationLevel,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, OffsetSpec

from labline.engine.broker.clients import admin_client, consumer_config
from labline.engine.core.record import Record
from labline.engine.errors import AbsentError

Place = tuple[str, int]  # topic, partition

BATCH_RECORDS = 5_000
TIMEOUT_S = 30.0
RETRY_S = 0.1
#: What a broker that has just come back says; the client asks again by itself.
PASSING = frozenset(
    {
        KafkaError.BROKER_NOT_AVAILABLE,
        KafkaError.FENCED_LEADER_EPOCH,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.OFFSET_NOT_AVAILABLE,
        KafkaError.REPLICA_NOT_AVAILABLE,
        KafkaError.UNKNOWN_LEADER_EPOCH,
        KafkaError._TRANSPORT,
    }
)
#: Of a question about offsets: right after a broker is back no partition may have a leader yet.
PASSING_OF_OFFSETS = PASSING | {KafkaError._NOENT}
#: The client asks who coordinates its group, which is never joined: no right to one is needed.
NO_MATTER = frozenset({KafkaError.GROUP_AUTHORIZATION_FAILED})


class Offsets(NamedTuple):
    """Where a partition's log begins, is stable, and ends (exclusive)."""

    start: int
    stable: int
    end: int


def partition_offsets(bootstrap: str, topics: list[str]) -> dict[str, dict[int, Offsets]]:
    """Return the offsets of every partition of `topics`.

    Raises
    ------
    AbsentError
        ``LL-TOPIC-MISSING`` for a topic that the broker does not have.
    """
    admin = admin_client(bootstrap)
    known = admin.list_topics(timeout=TIMEOUT_S).topics
    for topic in topics:
        if topic not in known:
            raise AbsentError(
                "LL-TOPIC-MISSING", f"the broker has no topic {topic}", "labline topics apply"
            )
    places = [(t, p) for t in topics for p in sorted(known[t].partitions)]

    def ask(spec: OffsetSpec, level: IsolationLevel) -> dict[Place, int]:
        answers = offsets_of(admin, places, spec, level)
        return {place: answer.offset for place, answer in answers.items()}

    start = ask(OffsetSpec.earliest(), IsolationLevel.READ_UNCOMMITTED)
    stable = ask(OffsetSpec.latest(), IsolationLevel.READ_COMMITTED)
    end = ask(OffsetSpec.latest(), IsolationLevel.READ_UNCOMMITTED)
    offsets: dict[str, dict[int, Offsets]] = {topic: {} for topic in topics}
    for topic, partition in places:
        place = topic, partition
        offsets[topic][partition] = Offsets(start[place], stable[place], end[place])
    return offsets


def offsets_of(
    admin: AdminClient, places: Iterable[Place], spec: OffsetSpec, level: IsolationLevel
) -> dict[Place, Any]:
    """Return what the leaders of partitions answer for `spec`, waiting while there is no leader.

    An answer has an ``offset`` and a ``timestamp`` in ms.

    Raises
    ------
    KafkaException
        The broker's refusal, or that it still had no leader after half a minute.
    """
    question = {TopicPartition(*place): spec for place in places}
    deadline_s = time.monotonic() + TIMEOUT_S
    while True:
        futures = admin.list_offsets(question, isolation_level=level, request_timeout=TIMEOUT_S)
        try:
            return {(tp.topic, tp.partition): future.result() for tp, future in futures.items()}
        except KafkaException as error:
            cause: Any = error.args[0]  # a KafkaError
            if cause.code() not in PASSING_OF_OFFSETS or time.monotonic() > deadline_s:
                raise
        time.sleep(RETRY_S)
        # the client asks its cache, and would say "no leaders" for minutes
        with suppress(KafkaException):
            admin.list_topics(timeout=max(RETRY_S, deadline_s - time.monotonic()))


def to_record(offset: int, message: Message) -> Record:
    """Return what the fold takes of a message; the log's offsets and append times travel along."""
    headers: Any = message.headers()  # their values may be None, which the stubs do not know
    return (offset, message.timestamp()[1], message.key(), message.value(), headers)


def read_range(
    bootstrap: str, topic: str, partition: int, start: int, end: int
) -> Generator[list[Record], None, None]:
    """Yield the committed records of ``[start, end)`` in batches.

    Transaction markers and aborted records take offsets but are no records.

    Raises
    ------
    KafkaException
        When the broker refuses or is silent, or `start` is not in the log any more.
    """
    if start >= end:
        return
    with closing(Consumer(consumer_config(bootstrap))) as consumer:
        consumer.assign([TopicPartition(topic, partition, start)])
        done, deadline_s = False, time.monotonic() + TIMEOUT_S
        while not done:
            batch: list[Record] = []
            messages = consumer.consume(1, TIMEOUT_S)
            if not messages:  # its leader is away: the caller decides whether to try again
                raise KafkaException(KafkaError(KafkaError._TIMED_OUT))
            for message in messages + consumer.consume(BATCH_RECORDS, 0):
                error = message.error()
                offset = message.offset() or 0
                if error is not None:
                    if error.code() == KafkaError._PARTITION_EOF:
                        done = offset >= end
                    elif error.code() not in NO_MATTER and (
                        error.code() not in PASSING or time.monotonic() > deadline_s
                    ):
                        raise KafkaException(error)
                elif offset >= end:
                    done = True
                    break
                else:
                    batch.append(to_record(offset, message))
            if batch:
                deadline_s = time.monotonic() + TIMEOUT_S
                done = done or batch[-1][0] >= end - 1
                yield batch
