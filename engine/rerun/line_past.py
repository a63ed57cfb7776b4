"""A task's past, read from Kafka and folded again: its journal and what that says was taken."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack

from labline.engine.broker.reader import Offsets, partition_offsets, read_range
from labline.engine.core.journal import Entry, decode_entry
from labline.engine.core.refold import Resumed, Source, refold
from labline.engine.core.run import Run
from labline.engine.core.spec import Spec
from labline.engine.core.task import Task
from labline.engine.errors import LablineError

PastRun = tuple[Entry, Run, Task]


def read_journal(
    bootstrap: str, topic: str, partition: int, start: int | None = None
) -> Iterator[Entry]:
    """Yield a partition's journal entries, as far as they are stable.

    Parameters
    ----------
    start
        Offset of the journal to begin at; its first one unless given.
    """
    offsets = partition_offsets(bootstrap, [topic])[topic][partition]
    begin = offsets.start if start is None else start
    for batch in read_range(bootstrap, topic, partition, begin, offsets.stable):
        for record in batch:
            yield decode_entry(record[3], record[0])


def refold_partition(
    bootstrap: str,
    journal: Iterable[Entry],
    inputs: tuple[str, str | None, str],
    partition: int,
    spec_of: Callable[[int], Spec],
    resumed: Resumed | None = None,
) -> Iterator[PastRun]:
    """Fold a partition's past again from Kafka.

    Parameters
    ----------
    journal
        The partition's entries, from its first on, or from where `resumed` stands.
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
    offsets = partition_offsets(bootstrap, [topic for topic in inputs if topic is not None])
    with ExitStack() as readers:

        def open_source(which: int, start: int) -> Source:
            topic = inputs[which]
            if topic is None:
                return iter(())
            place = offsets[topic][partition]
            _check_reach(topic, partition, place, start)
            source = read_range(bootstrap, topic, partition, start, place.stable)
            readers.callback(source.close)  # a fold may end before its inputs do
            return source

        yield from refold(partition, journal, open_source, spec_of, resumed)


def _check_reach(topic: str, partition: int, offsets: Offsets, start: int) -> None:
    if start < offsets.start:
        raise LablineError(
            "LL-LOG-TRUNCATED",
            f"{topic}[{partition}] begins at offset {offsets.start}, the past to fold at {start}",
            "keep the inputs at least as long as the journal, or a snapshot that is newer;"
            " else re-learn the line under a new name from what is left",
        )
