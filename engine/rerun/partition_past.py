"""One partition's past: its journal, the snapshots of it, and folding it from where one can begin.

Called by parity, what-if and the check before an upgrade. What comes in is a `LineRerun` and a
partition; what goes out are folds of stretches of the journal, and the line's outputs beside them.
What must stay true: a journal is read as a stream, never kept; and a snapshot is begun from only
where its environment was in that very state, or later bytes would be compared with another past's.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from labline.engine.broker.reader import partition_offsets
from labline.engine.core.journal import Entry
from labline.engine.core.refold import Keep, Resumed
from labline.engine.core.snapshot import Header
from labline.engine.core.spec import Spec
from labline.engine.core.state_digest import state_digest
from labline.engine.core.task import Task
from labline.engine.models.control import configuration
from labline.engine.models.control.configuration import SpecOf
from labline.engine.models.control.control import Revision
from labline.engine.models.learning.snapshot_store import Named, SnapshotStore
from labline.engine.models.learning.snapshots import revived
from labline.engine.rerun.environment_spans import EnvironmentSpan, summarize
from labline.engine.rerun.kafka_refold import Refolded, read_journal, refold_partition
from labline.engine.rerun.line_outputs import LineOutputs
from labline.engine.rerun.revisions import revision_spec
from labline.topics.naming import line_topics


@dataclass(frozen=True)
class Snapshots:
    """Where a factory's snapshots are: needed at a switch that carried the state over."""

    url: str
    key: bytes

    def __repr__(self) -> str:
        return f"Snapshots({self.url!r})"  # never the key


class LineRerun(NamedTuple):
    """What a re-run of a line's past needs; it goes to other processes.

    Attributes
    ----------
    bootstrap : str
        Address of the broker.
    line : str
        Name of the line.
    revisions : mapping of int to Revision
        The line's configurations by their offset.
    snapshots : Snapshots or None
        None: only folding from the log's start.
    spec_of : SpecOf
        From a revision to its configuration.
    """

    bootstrap: str
    line: str
    revisions: Mapping[int, Revision]
    snapshots: Snapshots | None = None
    spec_of: SpecOf = configuration.spec_of

    def spec(self, offset: int) -> Spec:
        """Return the configuration of a revision; `revision_spec` says what is refused."""
        return revision_spec(self.revisions, self.line, offset, self.spec_of)

    def partitions(self) -> list[int]:
        """Return the partitions of the line's journal."""
        journal = line_topics(self.line).journal
        return sorted(partition_offsets(self.bootstrap, [journal])[journal])


class Beginning(NamedTuple):
    """Where a fold begins.

    Attributes
    ----------
    resumed : Resumed or None
        A task to go on with, such as a snapshot's; None: the log's start.
    comparable : int
        The first entry from which on what is folded can be compared.
    """

    resumed: Resumed | None
    comparable: int

    @property
    def sequence(self) -> int:
        """Return the first entry that is folded."""
        return self.resumed.sequence if self.resumed else 0


class PartitionPast:
    """The past of one partition of a line.

    Parameters
    ----------
    rerun : LineRerun
        The line, and where its past is.
    partition : int
        The partition.

    Attributes
    ----------
    inputs : tuple
        Topics of events, labels and retries.
    journal : JournalSummary
        What is known of the partition's journal.
    snapshots : list of Named
        The snapshots of the partition, the newest first; not read yet.
    """

    def __init__(self, rerun: LineRerun, partition: int) -> None:
        self.rerun, self.partition = rerun, partition
        self.inputs = rerun.spec(next(iter(rerun.revisions))).inputs
        place = rerun.snapshots
        self._store = SnapshotStore(place.url, place.key) if place else None
        self.snapshots = self._store.names(rerun.line, partition) if self._store else []
        self.journal = summarize(self.entries(), {named.sequence for named in self.snapshots})

    def entries(self, start: int | None = None) -> Iterator[Entry]:
        """Yield the journal, from its first entry or from an offset on its topic on."""
        topic = line_topics(self.rerun.line).journal
        return read_journal(self.rerun.bootstrap, topic, self.partition, start)

    def is_journal_cut(self) -> bool:
        """Tell whether retention took entries of the journal."""
        topic = line_topics(self.rerun.line).journal
        return partition_offsets(self.rerun.bootstrap, [topic])[topic][self.partition].start > 0

    def resumed(self, span: EnvironmentSpan, sequence: int) -> Resumed | None:
        """Return the newest snapshot's task at an entry, if the span was in that state."""
        for named in self.snapshots:
            if named.sequence == sequence and (task := self.task(span, named)) is not None:
                return Resumed(task, sequence)
        return None

    def task(self, span: EnvironmentSpan, named: Named) -> Task | None:
        """Return a snapshot's task, if it is whole and the span was in that state."""
        assert self._store is not None
        sealed = self._store.read(named)
        if isinstance(sealed, str) or not self._is_ours(span, sealed.header):
            return None
        task = revived(sealed, self.rerun.spec(sealed.header.revision))
        return task if isinstance(task, Task) else None

    def _is_ours(self, span: EnvironmentSpan, header: Header) -> bool:
        return (
            (header.line, header.partition) == (self.rerun.line, self.partition)
            and span.has_state(header)
            and self.journal.contains(header)
        )

    def input_starts(self) -> tuple[int, ...]:
        """Return per input where its log begins now; -1: the line has no such input."""
        topics = [topic for topic in self.inputs if topic is not None]
        offsets = partition_offsets(self.rerun.bootstrap, topics)
        return tuple(
            -1 if topic is None else offsets[topic][self.partition].start for topic in self.inputs
        )

    def has_inputs_of(self, entry: Entry) -> bool:
        """Tell whether the inputs still reach back to the first record that an entry took."""
        starts = self.input_starts()
        return all(at >= start for at, start in zip(entry.first_offsets, starts, strict=True))

    def reaches_back(self) -> bool:
        """Tell whether the journal and all that it took are there from the first record on."""
        begin = self.journal.begin
        return begin is not None and begin.sequence == 0 and self.has_inputs_of(begin)

    def fold(
        self,
        beginning: Beginning,
        until: int,
        spec_of: Callable[[int], Spec] | None = None,
        keep: Keep | None = None,
    ) -> Iterator[Refolded]:
        """Fold the entries from a beginning to before `until`; the beginning's task is used up.

        Parameters
        ----------
        beginning : Beginning
            Where to begin.
        until : int
            Sequence number of the first journal entry that is not folded.
        spec_of : callable, optional
            From a revision to a configuration other than the one that was in force.
        keep : Keep, optional
            Which records are folded; all of them unless given.
        """

        def entries() -> Iterator[Entry]:
            before = self.journal.before.get(beginning.sequence)
            for entry in self.entries(before.offset if before else None):
                if entry.sequence >= until:
                    return
                if entry.sequence >= beginning.sequence:
                    yield entry

        return refold_partition(
            self.rerun.bootstrap,
            entries(),
            self.inputs,
            self.partition,
            spec_of or self.rerun.spec,
            beginning.resumed,
            keep,
        )

    def outputs(self, sequence: int) -> LineOutputs:
        """Return the line's outputs, from what this entry wrote on."""
        outputs = LineOutputs(self.rerun.bootstrap, self.rerun.line, self.partition)
        begin = self.journal.begin
        if begin is not None and begin.sequence > 0:
            outputs.pass_before(begin, self.inputs)
        if sequence > 0:
            for entry in self.entries():
                if entry.sequence >= sequence:
                    break
                outputs.pass_over(entry, self.inputs)
        return outputs

    def state_at(self, beginning: Beginning, sequence: int) -> str:
        """Return the digest of the state before an entry."""
        task = beginning.resumed.task if beginning.resumed else None
        for _, _, task in self.fold(beginning, sequence):  # noqa: B007
            pass
        return state_digest(task.state() if task is not None else None)
