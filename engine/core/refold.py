"""A task's past, folded again from its journal.

Called by recovery, parity, what-if and the check before an upgrade, through
`labline.engine.rerun.kafka_refold`; the simulation calls it with records in memory. What comes in
is a journal, a way to the records that it took and a way to the configurations that were in force;
what goes out is, entry by entry, what folding gives now. What must stay true: this is the only loop
that folds a journal again, it emits nothing, and it takes exactly the records that the journal says
were taken, in the order in which they were. Who compares, and with what, is the caller's business.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, TypeAlias

from labline.engine.core.journal import MOVED, Entry
from labline.engine.core.record import INPUTS, Record
from labline.engine.core.run import Run
from labline.engine.core.spec import Spec
from labline.engine.core.task import Task
from labline.engine.errors import LablineError

#: An input's committed records in order, in batches.
Source: TypeAlias = Iterator[list[Record]]
#: input, first offset -> its records from there on
OpenSource: TypeAlias = Callable[[int, int], Source]
#: input, record -> whether it is folded; what is not is left out of the past
Keep: TypeAlias = Callable[[int, Record], bool]


class Feed:
    """The records of one input, taken in the numbers that a journal names.

    Parameters
    ----------
    batches : Source
        The input's records from an offset on.
    name : str
        What to call the input in an error.
    """

    def __init__(self, batches: Source, name: str) -> None:
        self._batches, self._name = batches, name
        self._buffer: list[Record] = []
        self._at = 0

    def take(self, count: int) -> list[Record]:
        """Return the next `count` records.

        Raises
        ------
        LablineError
            ``LL-JOURNAL-INPUT`` when the log has fewer than the journal says were taken.
        """
        while len(self._buffer) - self._at < count:
            batch = next(self._batches, None)
            if batch is None:
                raise LablineError(
                    "LL-JOURNAL-INPUT",
                    f"{self._name}: the journal took records that the log does not have any more",
                    "restore the topic, or re-learn the line from what is left",
                )
            self._buffer = self._buffer[self._at :] + batch
            self._at = 0
        self._at += count
        return self._buffer[self._at - count : self._at]


class Resumed(NamedTuple):
    """Where a fold goes on: a task, and the sequence number of its next journal entry."""

    task: Task
    sequence: int


def refold(
    partition: int,
    entries: Iterable[Entry],
    open_source: OpenSource,
    spec_of: Callable[[int], Spec],
    resumed: Resumed | None = None,
    keep: Keep | None = None,
) -> Iterator[tuple[Entry, Run, Task]]:
    """Fold a partition's past again, entry by entry.

    Parameters
    ----------
    partition : int
        Partition of the line's topics.
    entries : iterable of Entry
        The journal: from its first entry on, or from `resumed.sequence` on.
    open_source : OpenSource
        From an input and an offset to its committed records from there on.
    spec_of : callable
        From a revision to the configuration that it put in force.
    resumed : Resumed, optional
        A task to go on with; without one, a new task begins where the first entry does.
    keep : Keep, optional
        Asked of each record in the order in which it was taken: one that is not kept is left out,
        and the task goes on behind it. Without it, the past is folded as it was.

    Yields
    ------
    entry, run, task
        The journal's entry, what folding it gave this time, and the task after it.

    Raises
    ------
    LablineError
        ``LL-JOURNAL-GAP`` when an entry does not follow the one before it,
        ``LL-JOURNAL-INPUT`` when the log does not have what the journal took.
    """
    task, sequence = resumed if resumed is not None else (None, 0)
    feeds: list[Feed] = []
    for entry in entries:
        if task is None:
            task = Task(spec_of(entry.revision), partition, entry.first_offsets)
        elif entry.revision != task.spec.revision:
            task.configure(spec_of(entry.revision))
        if entry.sequence != sequence or entry.first_offsets != tuple(task.next_offsets):
            raise LablineError(
                "LL-JOURNAL-GAP",
                f"partition {partition}: journal entry {entry.sequence} does not follow entry"
                f" {sequence - 1}",
                "the journal topic lost records or was written by another tool: re-learn the line",
            )
        sequence += 1
        if entry.kind == MOVED:
            task.move(entry.next_offsets)
            feeds = []
        if not feeds:
            feeds = [
                Feed(open_source(which, offset), f"input {which} of partition {partition}")
                for which, offset in enumerate(task.next_offsets)
            ]
        yield entry, task.refeed(*_records(entry, feeds, keep)), task
        if keep is not None:
            task.move(entry.next_offsets)  # over what was left out at the entry's end


def _records(
    entry: Entry, feeds: list[Feed], keep: Keep | None
) -> tuple[list[list[Record]], list[tuple[int, int]]]:
    """Return per input the records of an entry that are folded, and the order of the inputs."""
    records: list[list[Record]] = [[] for _ in INPUTS]
    order = []
    for which, count in entry.order:
        batch = feeds[which].take(count)
        if keep is not None:
            batch = [record for record in batch if keep(which, record)]
        records[which] += batch
        if batch:
            order.append((which, len(batch)))
    return records, order
