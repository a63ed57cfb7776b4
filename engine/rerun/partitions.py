"""Work on each partition of a line's past, each in a process of its own, one a core at the most.

Called by parity, what-if and the check before an upgrade. What comes in is a module's function and
a `LineRerun`; what goes out are its results, in the order of the partitions. What must stay true:
an error of one partition ends the others, and comes out as an error that a person can mend.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from confluent_kafka import KafkaException

from labline.engine.errors import LablineError
from labline.engine.rerun.partition_past import LineRerun
from labline.engine.rerun.process_pool import CONTEXT, handing_out, process_pool

T = TypeVar("T")


def each_partition(
    work: Callable[..., T],
    rerun: LineRerun,
    *arguments: Any,
    progress: Callable[[], None] | None = None,
) -> list[T]:
    """Return ``work(rerun, partition, *arguments)`` of each partition of the journal.

    Parameters
    ----------
    work : callable
        A module's own function: it is called in another process.
    rerun : LineRerun
        The line.
    progress : callable, optional
        Called when a partition is done.
    """
    partitions = rerun.partitions()
    results = []
    with process_pool(min(len(partitions), CONTEXT.cpu_count())) as pool:
        with handing_out():
            futures = [
                pool.submit(_work_on, work, rerun, partition, *arguments)
                for partition in partitions
            ]
        for future in futures:
            results.append(future.result())
            if progress is not None:
                progress()
    return results


def _work_on(work: Callable[..., T], *arguments: Any) -> T:
    try:
        return work(*arguments)
    except KafkaException as error:  # it cannot go from process to process
        raise LablineError(
            "LL-KAFKA",
            f"Kafka refused or did not answer: {error.args[0]}",
            "labline status, and look at the address and the topic's name",
        ) from None
