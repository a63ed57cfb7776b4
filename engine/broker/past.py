"""A task's past, read from Kafka and folded again: its journal and what that says was taken."""

from collections.abc import Callable, Iterator
from itertools import chain

from engine.broker.reader import Offsets, partition_offsets, read_range
from engine.core.journal import Entry, decode_entry
from engine.core.refold import Source, refold
from engine.core.spec import Spec
from engine.core.task import Run, Task
from engine.errors import LablineError

PastRun = tuple[Entry, Run, Task]


def read_journal(bootstrap: str, topic: str, partition: int) -> Iterator[Entry]:
    """Yield a partition's journal entries, as far as they are stable."""
    offsets = partition_offsets(bootstrap, [topic])[topic][partition]
    for batch in read_range(bootstrap, topic, partition, offsets.start, offsets.stable):
        for record in batch:
            yield decode_entry(record[3])


def refold_partition(
    bootstrap: str,
    journal: Iterator[Entry],
    inputs: tuple[str, str | None, str],
    partition: int,
    spec_of: Callable[[int], Spec],
) -> Iterator[PastRun]:
    """Fold a partition's past again from Kafka.

    Parameters
    ----------
    journal
        The partition's entries, from its first on.
    inputs
        Topics of events, labels (None: the line has none) and retries.
    spec_of
        The configuration of a revision.

    Raises
    ------
    LablineError
        ``LL-LOG-TRUNCATED`` when an input no longer reaches back to where the journal begins,
        and what `refold` raises.
    """
    first = next(journal, None)
    if first is None:
        return
    names = [topic for topic in inputs if topic is not None]
    offsets = partition_offsets(bootstrap, names)
    sources: list[Source] = []
    for topic, start in zip(inputs, first.first_offsets, strict=True):
        if topic is None:
            sources.append(iter(()))
            continue
        place = offsets[topic][partition]
        _check_reach(topic, partition, place, start)
        sources.append(read_range(bootstrap, topic, partition, start, place.stable))
    yield from refold(partition, chain((first,), journal), sources, spec_of)


def _check_reach(topic: str, partition: int, offsets: Offsets, start: int) -> None:
    if start < offsets.start:
        raise LablineError(
            "LL-LOG-TRUNCATED",
            f"{topic}[{partition}] begins at offset {offsets.start}, the journal at {start}",
            "keep the inputs at least as long as the journal; re-learn the line from what is left",
        )
