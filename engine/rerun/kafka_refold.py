"""A task's past, read from Kafka and folded again: its journal, and the records that it took.

Called by recovery and by `labline.engine.rerun.partition_past`. What comes in are topics and a way
to configurations; what goes out is what `labline.engine.core.refold` yields. What must stay true:
only committed records are read, from exactly where the fold begins, without a consumer group.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from typing import TypeAlias

from labline.engine.broker.reader import Offsets, partition_offsets, read_range
from labline.engine.core.journal import Entry, decode_entry
from labline.engine.core.refold import Keep, Resumed, Source, refold
from labline.engine.core.run import Run
from labline.engine.core.spec import Spec
from labline.engine.core.task import Task
from labline.engine.errors import LablineError

#: How long a journal that seems too short is waited for. A transaction's commit markers are
#: written per partition: those of the outputs and offsets may come before the journal's.
MARKER_DEADLINE_S = 10.0

#: A journal's entry, what folding it gave, and the task after it.
Refolded: TypeAlias = tuple[Entry, Run, Task]


def read_journal(
    bootstrap: str, topic: str, partition: int, start: int | None = None
) -> Iterator[Entry]:
    """Yield a partition's journal entries, as far as they are stable.

    Parameters
    ----------
    start : int, optional
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
    keep: Keep | None = None,
) -> Iterator[Refolded]:
    """Fold a partition's past again from Kafka.

    Parameters
    ----------
    journal : iterable of Entry
        The partition's entries, from its first on, or from where `resumed` stands.
    inputs : tuple of str
        Topics of events, labels (None: the line has none) and retries.
    spec_of, resumed, keep
        As `refold` takes them.

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
            log = offsets[topic][partition]
            _check_reach(topic, partition, log, start)
            source = read_range(bootstrap, topic, partition, start, log.stable)
            readers.callback(source.close)  # a fold may end before its inputs do
            return source

        yield from refold(partition, journal, open_source, spec_of, resumed, keep)


def _check_reach(topic: str, partition: int, log: Offsets, start: int) -> None:
    if start < log.start:
        raise LablineError(
            "LL-LOG-TRUNCATED",
            f"{topic}[{partition}] begins at offset {log.start}, the past to fold at {start}",
            "keep the inputs at least as long as the journal, or a snapshot that is newer;"
            " else re-learn the line under a new name from what is left",
        )
