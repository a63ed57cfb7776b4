"""Publishing: records checked, written in the topic's format, keyed, sent and acknowledged.

Users, ``labline publish`` and the demo open a `Publisher` for a topic and send it records as
dicts. What the schema does not allow is refused before it is sent. What must stay true: leaving the
block without an error means that Kafka has every record; whatever it has not is given back in an
`UndeliveredError`.
"""

import os
from collections.abc import Callable, Mapping
from threading import Lock
from types import TracebackType
from typing import Self, TypeAlias
from weakref import WeakSet

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from labline.engine.broker.clients import producer_config
from labline.engine.errors import AbsentError, LablineError
from labline.engine.publish.undelivered import FATAL, Undelivered
from labline.schemas.avro import Schema
from labline.schemas.rejection import Rejection, SchemaViolation
from labline.schemas.values.formats import format_of
from labline.topics.declaration import Topic

SOURCE_HEADER = "ce_source"  # who sent it, as CloudEvents' Kafka binding names it: a claim
QUEUE_MAX_RECORDS = 100_000  # sent and not yet acknowledged, in the client's memory
QUEUE_MAX_KIB = 65_536
DELIVERY_TIMEOUT_MS = 120_000
LINGER_MS = 20  # measured: at 5 ms, four times as many requests cost the client 0.6 µs a record
TIMEOUT_S = 30.0
FLUSH_STEP_S = 0.5
FULL_WAIT_S = 0.05
POLL_EVERY = 500  # sends between two looks at what came back
LEAVE_WAIT_S = 5.0  # after an error of the caller's
VANISHED_AFTER_MS = 5_000  # the topic was there at first: once unknown, it was deleted

#: partition, offset
OnDelivered: TypeAlias = Callable[[int, int], None]
Report: TypeAlias = Callable[[KafkaError | None, Message], None]


class Publisher:
    """Sends records to a topic; leaving its ``with`` block means that Kafka has them all.

    An acknowledged record is in the topic exactly once, and records of one key are in the order
    in which one thread sent them. Threads may share a publisher; processes may not. It holds at
    most 100,000 records and 64 MiB that are not acknowledged: then `send` waits. Who never
    leaves the block calls `flush` from time to time, to learn of what was not delivered.

    Parameters
    ----------
    bootstrap
        The Kafka cluster.
    topic, schema
        Where to, and what is right there.
    source
        Who sends, for the header ``ce_source``; None sends no header.
    schema_id
        What a schema registry calls the schema: values then name it. None: there is no registry.
    delivery_timeout_ms
        How long a record is tried before it counts as undelivered.

    Raises
    ------
    LablineError
        ``LL-TOPIC-MISSING`` or ``LL-TOPIC-KEY`` before anything is sent;
        `UndeliveredError` from `flush` and at the end of the block.
    """

    def __init__(
        self,
        bootstrap: str,
        topic: Topic,
        schema: Schema,
        source: str | None = None,
        *,
        schema_id: int | None = None,
        delivery_timeout_ms: int = DELIVERY_TIMEOUT_MS,
    ) -> None:
        if topic.key not in schema.field_names:
            raise LablineError(
                "LL-TOPIC-KEY",
                f"{topic.name} is keyed by {topic.key}, which {schema.name} has not",
                f"name one of {', '.join(schema.field_names)}",
            )
        self.topic = topic
        schema = schema.written_as(topic.format)
        values = format_of(schema)
        self._encode, self._head = values.encoder(schema), values.head(schema, schema_id)
        self._headers: list[tuple[str, str | bytes]] | None = None
        if source is not None:
            self._headers = [(SOURCE_HEADER, source.encode())]
        config = producer_config(
            bootstrap,
            message_timeout_ms=delivery_timeout_ms,
            linger_ms=LINGER_MS,
            topic_metadata_propagation_max_ms=VANISHED_AFTER_MS,
            queue_buffering_max_messages=QUEUE_MAX_RECORDS,
            queue_buffering_max_kbytes=QUEUE_MAX_KIB,
        )
        self._undelivered = Undelivered(values.reader(schema, {self._head: schema}))
        self._report = self._undelivered.report  # bound once: the client holds it for each record
        self._producer = Producer(config)
        self._produce, self._name, self._key = self._producer.produce, topic.name, topic.key
        self.sent = 0
        self._lock = Lock()
        self._over: tuple[str, str, str] | None = None  # code, message and remedy, once it is
        self._refuse_unknown_topic()
        _LIVE.add(self)

    def send(self, datum: Mapping[str, object], on_delivered: OnDelivered | None = None) -> None:
        """Send a record; return when it is in the client's queue, waiting while that is full.

        Parameters
        ----------
        on_delivered
            Called with partition and offset when Kafka has acknowledged it, from a later
            `send` or from `flush`, in the thread that calls those.

        Raises
        ------
        SchemaViolation
            When the schema does not allow the record; nothing is sent then.
        LablineError
            ``LL-PUBLISH-FAILED`` when the client has given up for good, ``LL-PUBLISH-FORKED``
            in a child process, ``LL-PUBLISH-CLOSED`` after the end of the block.
        """
        report = self._report if on_delivered is None else self._reporter(on_delivered)
        while not self._offer(datum, report):
            self._await_room()
        if on_delivered is not None:
            self._poll(0)

    def flush(self) -> None:
        """Wait until everything that was sent is acknowledged.

        Raises
        ------
        UndeliveredError
            ``LL-PUBLISH-UNDELIVERED``, with what was not.
        """
        while self._in_queue(FLUSH_STEP_S):
            pass  # ends: a record that nobody takes fails after its delivery timeout
        self._tell_undelivered()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            try:
                self.flush()
            finally:
                self._close()
            return
        if self._over is None:  # the caller's own error is what matters
            left = self._in_queue(LEAVE_WAIT_S)
            if left and error is not None:
                error.add_note(f"{left} records for {self._name} were not acknowledged yet")
        self._close()

    def _offer(self, datum: Mapping[str, object], report: Report) -> bool:
        """Put a record into the client's queue; tell whether there was room."""
        if self._over is not None:
            raise LablineError(*self._over)
        value = self._encode(datum, self._head)
        key = datum[self._key]
        if key is None:
            raise SchemaViolation(Rejection("key", "no-key", f"the key {self._key} is null"))
        try:
            if self._headers is None:
                self._produce(self._name, value, str(key).encode(), -1, report)
            else:
                self._produce(
                    self._name, value, str(key).encode(), -1, report, headers=self._headers
                )
        except BufferError:
            return False
        except KafkaException as error:
            raise LablineError(
                "LL-PUBLISH-FAILED",
                f"the client takes no more records for {self._name}: {error.args[0]}",
                "flush tells what was not acknowledged; look at the brokers (labline status), "
                "then go on with a new publisher",
            ) from error
        with self._lock:
            self.sent += 1
            due = self.sent % POLL_EVERY == 0
        if due:
            self._poll(0)
        return True

    def _await_room(self) -> None:
        """Back-pressure: what is in the queue gets out of it, or fails, while we wait."""
        self._poll(FULL_WAIT_S)

    def _poll(self, timeout_s: float) -> None:
        try:
            self._producer.poll(timeout_s)
        except FATAL:
            self._undelivered.fatal = True

    def _in_queue(self, timeout_s: float) -> int:
        """Return how many records are not settled after so much time, sooner when none is."""
        if self._over is not None:
            raise LablineError(*self._over)
        try:
            return self._producer.flush(timeout_s)
        except FATAL:
            self._undelivered.fatal = True
            return len(self._producer)

    def _tell_undelivered(self) -> None:
        if (error := self._undelivered.take(self._name, self.sent)) is not None:
            raise error

    def _reporter(self, on_delivered: OnDelivered) -> Report:
        note = self._report

        def report(error: KafkaError | None, message: Message) -> None:
            note(error, message)
            partition, offset = message.partition(), message.offset()
            if error is None and partition is not None and offset is not None:
                on_delivered(partition, offset)

        return report

    def _close(self) -> None:
        self._over = self._over or (
            "LL-PUBLISH-CLOSED",
            f"the publisher for {self._name} was closed at the end of its block",
            "send within the with block, or open another publisher",
        )

    def _leave_behind(self) -> None:
        """In a forked child: the client's threads, and what it had to send, are the parent's."""
        _LEFT_BEHIND.append(self._producer)  # destroying it would wait for threads that are not
        self._over = (
            "LL-PUBLISH-FORKED",
            f"the publisher for {self._name} was opened before this process was forked",
            "open a publisher in each process",
        )

    def _refuse_unknown_topic(self) -> None:
        """Ask for all topics: asking for one by name can create it on some clusters."""
        try:
            known = self._producer.list_topics(timeout=TIMEOUT_S).topics
        except KafkaException as error:
            raise LablineError(
                "LL-BROKER-UNREACHABLE",
                f"no answer from Kafka: {error.args[0]}",
                "check --bootstrap, or start the embedded broker with labline up",
            ) from error
        if self._name not in known:
            raise AbsentError(
                "LL-TOPIC-MISSING", f"the broker has no topic {self._name}", "labline topics apply"
            )


_LIVE: "WeakSet[Publisher]" = WeakSet()
_LEFT_BEHIND: list[Producer] = []


def _after_fork() -> None:
    for publisher in list(_LIVE):
        publisher._leave_behind()


os.register_at_fork(after_in_child=_after_fork)
