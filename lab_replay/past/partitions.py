"""Work on each partition of a line's past, in processes of its own: one for a core at the most."""

import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import Any, TypeVar

from confluent_kafka import KafkaException

from engine.errors import LablineError
from lab_replay.past.partition_past import Origin

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
    context = multiprocessing.get_context("spawn")
    workers = min(len(partitions), context.cpu_count())
    results = []
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        futures = [pool.submit(_told, work, origin, part, *arguments) for part in partitions]
        try:
            for future in futures:
                results.append(future.result())
                if progress is not None:
                    progress()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)  # the first error is told at once
            raise
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
