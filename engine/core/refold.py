"""Running a task's past again from its journal: recovery, parity and what-if are this."""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, TypeAlias

from labline.engine.core.journal import MOVED, Entry
from labline.engine.core.record import Record
from labline.engine.core.run import Run
from labline.engine.core.spec import Spec
from labline.engine.core.task import Task
from labline.engine.errors import LablineError

#: An input's committed records in order, in batches.
Source: TypeAlias = Iterator[list[Record]]
#: input, first offset -> its records from there on
OpenSource: TypeAlias = Callable[[int, int], Source]


class Feed:
    """Exactly the records below an offset, from a stream of batches."""

    def __init__(self, batches: Source) -> None:
        self._batches = batches
        self._held: list[Record] = []
        self._at = 0

    def take(self, count: int, name: str) -> list[Record]:
        """Return the next `count` records.

        Raises
        ------
        LablineError
            ``LL-JOURNAL-INPUT`` when the log has fewer than the journal says were taken.
        """
        while len(self._held) - self._at < count:
            batch = next(self._batches, None)
            if batch is None:
                raise LablineError(
                    "LL-JOURNAL-INPUT",
                    f"{name}: the journal took records that the log does not have any more",
                    "restore the topic, or re-learn the line from what is left",
                )
            self._held = self._held[self._at :] + batch
            self._at = 0
        taken = self._held[self._at : self._at + count]
        self._at += count
        return taken


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
) -> Iterator[tuple[Entry, Run, Task]]:
    """Fold a partition's past again, entry by entry.

    Parameters
    ----------
    entries
        The journal: from its first entry on, or from `resumed.sequence` on.
    open_source
        From an input and an offset to its committed records from there on.
    spec_of
        The configuration of a revision.
    resumed
        A task from a snapshot; without one, a new task begins where the first entry does.

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
            feeds = [Feed(open_source(i, offset)) for i, offset in enumerate(task.next_offsets)]
        counts = [0, 0, 0]
        for which, count in entry.order:
            counts[which] += count
        records = [
            feed.take(count, f"input {which} of partition {partition}")
            for which, (feed, count) in enumerate(zip(feeds, counts, strict=True))
        ]
        yield entry, task.refeed(records, entry.order), task
