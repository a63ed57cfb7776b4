"""One partition's past: its journal, the snapshots of it, and folding it from where one can begin.

Parity and the check before an upgrade are this. A journal is read as a stream, never held.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from labline.engine.broker.reader import partition_offsets
from labline.engine.core.journal import Entry
from labline.engine.core.refold import Resumed
from labline.engine.core.snapshot import Header
from labline.engine.core.spec import Spec
from labline.engine.core.state_digest import state_digest
from labline.engine.core.task import Task
from labline.engine.errors import AbsentError
from labline.engine.models.control import configuration
from labline.engine.models.control.configuration import SpecOf
from labline.engine.models.control.control import Revision
from labline.engine.models.learning.snapshot_store import Named, SnapshotStore
from labline.engine.models.learning.snapshots import revived
from labline.engine.rerun.environment_spans import Stretch, tell
from labline.engine.rerun.line_outputs import Written
from labline.engine.rerun.line_past import PastRun, read_journal, refold_partition
from labline.topics.naming import line_topics


@dataclass(frozen=True)
class Snapshots:
    """Where a factory's snapshots are: needed at a switch that carried the state over."""

    url: str
    key: bytes

    def __repr__(self) -> str:
        return f"Snapshots({self.url!r})"  # never the key


class Origin(NamedTuple):
    """Where a line's past comes from; it goes to other processes.

    Attributes
    ----------
    revisions
        The line's configurations by their offset.
    snapshots
        None: only folding from the log's start.
    """

    bootstrap: str
    line: str
    revisions: Mapping[int, Revision]
    snapshots: Snapshots | None = None
    spec_of: SpecOf = configuration.spec_of

    def spec(self, offset: int) -> Spec:
        """Return the configuration of a revision.

        Raises
        ------
        AbsentError
            ``LL-REVISION-UNKNOWN`` when no trusted key signed it.
        """
        revision = self.revisions.get(offset)
        if revision is None:
            raise AbsentError(
                "LL-REVISION-UNKNOWN",
                f"the journal of line {self.line} names revision {offset}, which no trusted key"
                " signed",
                "put the public key that signed it back into keys/",
            )
        return self.spec_of(revision)

    def partitions(self) -> list[int]:
        """Return the partitions of the line's journal."""
        return sorted(
            partition_offsets(self.bootstrap, [line_topics(self.line).journal]).popitem()[1]
        )


class Beginning(NamedTuple):
    """Where a fold begins: a snapshot's task, or the log's start (None).

    Attributes
    ----------
    comparable
        The first entry from which on what is folded can be compared.
    """

    resumed: Resumed | None
    comparable: int

    @property
    def sequence(self) -> int:
        """Return the first entry that is folded."""
        return self.resumed.sequence if self.resumed else 0


class PartitionPast:
    """The past of one partition of a line."""

    def __init__(self, origin: Origin, partition: int) -> None:
        self.origin, self.partition = origin, partition
        self.inputs = origin.spec(next(iter(origin.revisions))).inputs
        told = origin.snapshots
        self._store = SnapshotStore(told.url, told.key) if told else None
        self.names = self._store.names(origin.line, partition) if self._store else []
        self.told = tell(self.entries(), {named.sequence for named in self.names})

    def entries(self, start: int | None = None) -> Iterator[Entry]:
        """Yield the journal, from its first entry or from an offset on its topic on."""
        topic = line_topics(self.origin.line).journal
        return read_journal(self.origin.bootstrap, topic, self.partition, start)

    def journal_was_cut(self) -> bool:
        """Tell whether retention took entries of the journal."""
        topic = line_topics(self.origin.line).journal
        return partition_offsets(self.origin.bootstrap, [topic])[topic][self.partition].start > 0

    def resumed(self, stretch: Stretch, sequence: int) -> Resumed | None:
        """Return the newest snapshot's task at a place, if the stretch was in that state."""
        for named in self.names:
            if named.sequence == sequence and (task := self.task(stretch, named)) is not None:
                return Resumed(task, sequence)
        return None

    def task(self, stretch: Stretch, named: Named) -> Task | None:
        """Return a snapshot's task, if it is whole and the stretch was in that state."""
        assert self._store is not None
        sealed = self._store.read(named)
        if isinstance(sealed, str) or not self._is_ours(stretch, sealed.header):
            return None
        task = revived(sealed, self.origin.spec(sealed.header.revision))
        return task if isinstance(task, Task) else None

    def _is_ours(self, stretch: Stretch, header: Header) -> bool:
        place = (header.line, header.partition)
        return (
            place == (self.origin.line, self.partition)
            and stretch.has(header)
            and self.told.stands(header)
        )

    def reaches_back(self) -> bool:
        """Tell whether the journal and all that it took are there from the first record on."""
        begin = self.told.begin
        if begin is None or begin.sequence > 0:
            return False
        topics = [topic for topic in self.inputs if topic is not None]
        offsets = partition_offsets(self.origin.bootstrap, topics)
        return all(
            topic is None or offsets[topic][self.partition].start <= first
            for topic, first in zip(self.inputs, begin.first_offsets, strict=True)
        )

    def fold(self, begun: Beginning, until: int) -> Iterator[PastRun]:
        """Fold the entries from a beginning to before `until`; a snapshot's task is used up."""

        def entries() -> Iterator[Entry]:
            start = self.told.before[begun.sequence].offset if begun.resumed else None
            for entry in self.entries(start):
                if entry.sequence >= until:
                    return
                if entry.sequence >= begun.sequence:
                    yield entry

        origin = self.origin
        return refold_partition(
            origin.bootstrap, entries(), self.inputs, self.partition, origin.spec, begun.resumed
        )

    def written(self, sequence: int) -> Written:
        """Return the line's outputs, from what this entry wrote on."""
        found = Written(self.origin.bootstrap, self.origin.line, self.partition)
        if self.told.begin is not None and self.told.begin.sequence > 0:
            found.pass_before(self.told.begin, self.inputs)
        if sequence > 0:
            for entry in self.entries():
                if entry.sequence >= sequence:
                    break
                found.pass_over(entry, self.inputs)
        return found

    def state_at(self, begun: Beginning, sequence: int) -> str:
        """Return the digest of the state before an entry."""
        task = begun.resumed.task if begun.resumed else None
        for _, _, task in self.fold(begun, sequence):  # noqa: B007
            pass
        return state_digest(task.state() if task is not None else None)
