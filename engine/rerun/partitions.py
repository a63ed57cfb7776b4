"""Work on each partition of a line's past, in processes of its own: one for a core at the most."""

from collections.abc import Callable
from typing import Any, TypeVar

from confluent_kafka import KafkaException

from labline.engine.errors import LablineError
from labline.engine.rerun.partition_past import Origin
from labline.engine.rerun.process_pool import CONTEXT, handing_out, process_pool

T = TypeVar("T")


def each_partition(
    work: Callable[..., T],
    origin: Origin,
    *arguments: Any,
    progress: Callable[[], None] | None = None,
) -> list[T]:
    """Return ``work(origin, partition, *arguments)`` of each partition of the journal.

    Parameters
    ----------
    work
        A module's own function: it is called in another process.
    progress
        Told when a partition is done.
    """
    partitions = origin.partitions()
    results = []
    with process_pool(min(len(partitions), CONTEXT.cpu_count())) as pool:
        with handing_out():
            futures = [pool.submit(_told, work, origin, part, *arguments) for part in partitions]
        for future in futures:
            results.append(future.result())
            if progress is not None:
                progress()
    return results


def _told(work: Callable[..., T], *arguments: Any) -> T:
    try:
        return work(*arguments)
    except KafkaException as error:  # it cannot go from process to process
        raise LablineError(
            "LL-KAFKA",
            f"Kafka refused or did not answer: {error.args[0]}",
            "labline status, and look at the address and the topic's name",
        ) from None
