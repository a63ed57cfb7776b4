"""What a consumer group has committed, read without joining it.

Called by recovery, by ``labline lag`` and ``labline factory offsets``. What must stay true: the
group sees no new member, and a coordinator that is just being loaded is waited for.
"""

import time
from collections.abc import Callable, Iterable
from contextlib import closing
from typing import TypeVar

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from labline.engine.broker.clients import consumer_config

TIMEOUT_S = 10.0
AGAIN_S = 0.05
#: answers of a cluster that has just started, or whose coordinator has just moved
NOT_YET = frozenset(
    {
        KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
        KafkaError.COORDINATOR_NOT_AVAILABLE,
        KafkaError.NOT_COORDINATOR,
    }
)

T = TypeVar("T")


def committed(
    bootstrap: str, group: str, places: Iterable[tuple[str, int]]
) -> list[TopicPartition]:
    """Return what `group` has committed for each of `places`, negative where it has not.

    The administration client could tell all commits of a group by itself, but it crashes the
    process while the group's coordinator is not to be had (librdkafka#5040). A consumer that
    never subscribes and never assigns asks the same and gets an error; it has to name the
    partitions.

    Raises
    ------
    KafkaException
        When the coordinator does not answer in time.
    """
    # uncommitted: what is committed now, without waiting for the end of open transactions
    config = consumer_config(bootstrap, group_id=group, isolation_level="read_uncommitted")
    partitions = [TopicPartition(*place) for place in places]
    with closing(Consumer(config)) as consumer:
        return when_loaded(lambda: consumer.committed(partitions, TIMEOUT_S))


def when_loaded(ask: Callable[[], T]) -> T:
    """Return what `ask` gives once the coordinator is found and has loaded, to a deadline."""
    deadline_s = time.monotonic() + TIMEOUT_S
    while True:
        try:
            return ask()
        except KafkaException as failure:
            cause = failure.args[0]
            assert isinstance(cause, KafkaError)
            if cause.code() not in NOT_YET or time.monotonic() >= deadline_s:
                raise
        time.sleep(AGAIN_S)
