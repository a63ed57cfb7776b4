"""Configuration of confluent-kafka's clients: one place, one set of habits."""

from typing import Any

from confluent_kafka.admin import AdminClient

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
    """Return an administration client."""
    return AdminClient({"bootstrap.servers": bootstrap, "log_level": ERRORS_ONLY})


def _dotted(more: dict[str, Any]) -> Config:
    return {key.replace("_", "."): value for key, value in more.items()}
