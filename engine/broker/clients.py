"""Configuration of confluent-kafka's clients: one place, one set of habits.

Whoever talks to Kafka makes its client here: consumers and producers from `consumer_config` and
`producer_config`, questions about the cluster with `admin_client`. What must stay true: committed
records only, no jump to another offset, keys hashed as Java hashes them, and no line of
librdkafka's on stderr that is not one of our log.
"""

from typing import Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from labline.engine.broker.client_log import ClientLog, LastLine

Config = dict[str, Any]
ERRORS_ONLY = 3  # of librdkafka's own log; its warnings tell of retries that are its business


def consumer_config(bootstrap: str, **more: Any) -> Config:
    """Return a consumer's configuration: committed records only, no surprises.

    Keys in `more` are librdkafka's, with ``_`` for ``.``.

    Fetching is tuned as measured: librdkafka's default ``fetch.queue.backoff.ms`` of a second
    makes small queues ten times slower, and its default queue holds 64 MiB a consumer.

    Examples
    --------
    >>> consumer_config("h:1", group_id="g")["group.id"]
    'g'
    """
    return {
        "bootstrap.servers": bootstrap,
        "log_level": ERRORS_ONLY,
        "logger": ClientLog(),
        "group.id": "labline.reader",  # librdkafka wants one; readers never join or commit
        "isolation.level": "read_committed",
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "enable.partition.eof": True,
        "auto.offset.reset": "error",  # a lost position is a stop, never a jump
        "allow.auto.create.topics": False,
        "fetch.queue.backoff.ms": 5,
        "fetch.wait.max.ms": 20,
        "queued.max.messages.kbytes": 16_384,
        **_dotted(more),
    }


def producer_config(bootstrap: str, **more: Any) -> Config:
    """Return a producer's configuration: idempotent, and keyed as Java and Faust key.

    Examples
    --------
    >>> producer_config("h:1", transactional_id="t")["transactional.id"]
    't'
    """
    return {
        "bootstrap.servers": bootstrap,
        "log_level": ERRORS_ONLY,
        "logger": ClientLog(),
        "enable.idempotence": True,
        "acks": "all",
        # librdkafka's own default hashes otherwise than every Java client and Faust
        "partitioner": "murmur2_random",
        # a transaction's coordinator answers "concurrent" for a moment: 100 ms cost 57 at p50
        "retry.backoff.ms": 5,
        "linger.ms": 5,
        **_dotted(more),
    }


def admin_client(bootstrap: str) -> AdminClient:
    """Return an administration client.

    Keep it in a variable while its answers are awaited: they are lost when it is collected. It
    logs nothing; when it does not reach the cluster, the exception has the reason as a note.
    """
    return _Admin(bootstrap)


def reason(error: Exception) -> str:
    """Return why a client failed, in its words, with the note of its log where there is one.

    Examples
    --------
    >>> error = KafkaException(KafkaError(KafkaError._TRANSPORT, "Failed to get metadata"))
    >>> error.add_note("h:1/bootstrap: Connect failed: Connection refused")
    >>> reason(error)
    'Failed to get metadata; h:1/bootstrap: Connect failed: Connection refused'
    """
    cause = error.args[0] if error.args else error
    text = cause.str() if isinstance(cause, KafkaError) else str(cause)
    return "; ".join([text, *getattr(error, "__notes__", ())])


class _Admin(AdminClient):
    """An administration client whose refusal to list says why the broker was not reached."""

    def __init__(self, bootstrap: str) -> None:
        self._last_line = LastLine()
        super().__init__(
            {
                "bootstrap.servers": bootstrap,
                "log_level": ERRORS_ONLY,
                "logger": self._last_line,
            }
        )

    def list_topics(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().list_topics(*args, **kwargs)
        except KafkaException as error:
            self.poll(0)  # a client hands its log over only then
            if self._last_line.text is not None:
                error.add_note(self._last_line.text)
            raise


def _dotted(more: dict[str, Any]) -> Config:
    return {key.replace("_", "."): value for key, value in more.items()}
