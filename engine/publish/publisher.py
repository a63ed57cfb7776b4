"""Publishing: validated, framed, keyed, acknowledged."""

from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self, TypeAlias

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from engine.broker.clients import producer_config
from engine.errors import LablineError
from schemas.avro import Rejection, Schema, SchemaViolation
from topics.declaration import Topic

SOURCE_HEADER = "ce_source"  # who sent it, as CloudEvents' Kafka binding names it: a claim
TIMEOUT_S = 30.0
FLUSH_STEP_S = 0.5
FULL_WAIT_S = 0.05
POLL_EVERY = 500  # sends between two looks at what came back
LEAVE_WAIT_S = 5.0  # after an error of the caller's
DELIVERY_TIMEOUT_MS = 120_000
VANISHED_AFTER_MS = 5_000  # the topic was there at first: once unknown, it was deleted

#: partition, offset
OnDelivered: TypeAlias = Callable[[int, int], None]


class Publisher:
    """Sends records to a topic; leaving its ``with`` block means that Kafka has them all.

    Parameters
    ----------
    bootstrap
        The Kafka cluster.
    topic, schema
        Where to, and what is right there.
    source
        Who sends, for the header ``ce_source``; None sends no header.

    Raises
    ------
    LablineError
        ``LL-TOPIC-MISSING`` or ``LL-TOPIC-KEY`` before anything is sent;
        ``LL-PUBLISH-UNDELIVERED`` from `flush` and at the end of the block.
    """

    def __init__(
        self, bootstrap: str, topic: Topic, schema: Schema, source: str | None = None
    ) -> None:
        if topic.key not in schema.field_names:
            raise LablineError(
                "LL-TOPIC-KEY",
                f"{topic.name} is keyed by {topic.key}, which {schema.name} has not",
                f"name one of {', '.join(schema.field_names)}",
            )
        self.topic = topic
        self._encode = schema.encode
        self._headers: list[tuple[str, str | bytes]] | None = None
        if source is not None:
            self._headers = [(SOURCE_HEADER, source.encode())]
        config = producer_config(
            bootstrap,
            message_timeout_ms=DELIVERY_TIMEOUT_MS,
            topic_metadata_propagation_max_ms=VANISHED_AFTER_MS,
        )
        self._producer = Producer(config)
        self._produce, self._name, self._key = self._producer.produce, topic.name, topic.key
        self.sent = 0
        self._undelivered = 0
        self._first_error = ""
        self._refuse_unknown_topic()

    def send(self, datum: Mapping[str, object], on_delivered: OnDelivered | None = None) -> None:
        """Send a record; return when it is in the client's queue, waiting while that is full.

        Parameters
        ----------
        on_delivered
            Called with partition and offset when Kafka has acknowledged it, from a later
            `send` or from `flush`.

        Raises
        ------
        SchemaViolation
            When the schema does not allow the record; nothing is sent then.
        """
        value = self._encode(datum)
        key = datum[self._key]
        if key is None:
            raise SchemaViolation(Rejection("key", "no-key", f"the key {self._key} is null"))
        report = self._report if on_delivered is None else self._reporter(on_delivered)
        self._enqueue(value, str(key).encode(), report)
        self.sent += 1
        if self.sent % POLL_EVERY == 0 or on_delivered is not None:
            self._producer.poll(0)

    def flush(self) -> None:
        """Wait until everything that was sent is acknowledged.

        Raises
        ------
        LablineError
            ``LL-PUBLISH-UNDELIVERED`` with the number of records that are not.
        """
        while self._producer.flush(FLUSH_STEP_S):
            pass  # ends: a record that nobody takes fails after DELIVERY_TIMEOUT_MS
        if self._undelivered:
            lost, self._undelivered = self._undelivered, 0
            raise LablineError(
                "LL-PUBLISH-UNDELIVERED",
                f"{lost} of {self.sent} records for {self._name} were not acknowledged: "
                f"{self._first_error}",
                "look at the brokers (labline status), then publish those again",
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self.flush()
        else:
            self._producer.flush(LEAVE_WAIT_S)  # the caller's own error is what matters

    def _enqueue(
        self, value: bytes, key: bytes, report: Callable[[KafkaError | None, Message], None]
    ) -> None:
        while True:
            try:
                if self._headers is None:
                    self._produce(self._name, value, key, -1, report)
                else:
                    self._produce(self._name, value, key, -1, report, headers=self._headers)
            except BufferError:
                self._producer.poll(FULL_WAIT_S)  # back-pressure: the queue's limit is the limit
            except KafkaException as error:
                raise LablineError(
                    "LL-PUBLISH-FAILED",
                    f"the client takes no more records for {self._name}: {error.args[0]}",
                    "look at the brokers: labline status",
                ) from error
            else:
                return

    def _report(self, error: KafkaError | None, message: Message) -> None:
        del message
        if error is not None:
            self._undelivered += 1
            self._first_error = self._first_error or error.str()

    def _reporter(self, on_delivered: OnDelivered) -> Callable[[KafkaError | None, Message], None]:
        def report(error: KafkaError | None, message: Message) -> None:
            self._report(error, message)
            partition, offset = message.partition(), message.offset()
            if error is None and partition is not None and offset is not None:
                on_delivered(partition, offset)

        return report

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
            raise LablineError(
                "LL-TOPIC-MISSING", f"the broker has no topic {self._name}", "labline topics apply"
            )
