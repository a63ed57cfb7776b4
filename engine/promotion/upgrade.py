"""Before other versions go on with a line: whether they fold its last transactions to the same.

Called by `labline upgrade check`, while the line does not run. What comes in is a line and the
factory's snapshots; what goes out is a verdict and, when executed, new snapshots. Equal: a snapshot
folded here, at the journal's end, lets a scorer go on (it journals ``carried``). Different: the old
versions go on, or the whole past is folded anew under these (the scorer journals ``rebuilt``). What
must stay true: nothing is written to Kafka, and snapshots of all partitions are written or of none.
"""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

from labline.engine.broker.members import await_no_members
from labline.engine.core.journal import REBUILT, Entry
from labline.engine.core.refold import Resumed
from labline.engine.core.snapshot import Header
from labline.engine.core.task import Task
from labline.engine.errors import LablineError
from labline.engine.models.control import configuration
from labline.engine.models.control.configuration import SpecOf
from labline.engine.models.control.control import Control
from labline.engine.models.learning.snapshot_store import SnapshotStore
from labline.engine.models.learning.snapshots import JournalPlace, snapshot
from labline.engine.models.state.environment import environment_digest
from labline.engine.rerun.line_outputs import Difference
from labline.engine.rerun.partition_past import Beginning, LineRerun, PartitionPast, Snapshots
from labline.engine.rerun.partitions import each_partition
from labline.engine.rerun.revisions import line_revisions

EQUAL, DIFFERENT = "equal", "different"
COUNTS = ("records", "entries")

#: A snapshot, not sealed yet.
Unsealed = tuple[Header, bytes]


@dataclass(frozen=True)
class PartitionUpgrade:
    """One partition's outcome.

    Attributes
    ----------
    entries, records
        Folded under the installed versions; unless rebuilding, and compared.
    begun
        The first journal entry that was folded: after a snapshot, or 0: the log's start.
    end
        The journal's next sequence number.
    written_by
        The environment of the journal's last entry.
    """

    partition: int
    entries: int
    records: int
    begun: int
    end: int
    written_by: str
    difference: Difference | None = None


@dataclass(frozen=True)
class Upgrade:
    """A line's outcome: ``equal``, ``different``, or ``rebuilt``.

    Attributes
    ----------
    snapshots
        How many were written: none unless executed, or where the old versions left one at the end.
    """

    line: str
    verdict: str
    environment: str
    executed: bool
    snapshots: int
    partitions: tuple[PartitionUpgrade, ...]

    def document(self) -> dict[str, Any]:
        """Return it as JSON-able data."""
        return asdict(self)

    def sentences(self) -> Iterator[str]:
        """Yield it in words, with what can be done now.

        Examples
        --------
        >>> checked = Upgrade("l", EQUAL, "e", False, 0, (PartitionUpgrade(0, 2, 30, 7, 9, "d"),))
        >>> print(*checked.sentences(), sep=chr(10))
        equal: 30 records of 2 journal entries in 1 partitions, folded under environment e
        nothing was written: --execute writes the snapshots from which scorers go on
        """
        records, entries = (sum(getattr(p, n) for p in self.partitions) for n in COUNTS)
        yield (
            f"{self.verdict}: {records:,} records of {entries:,} journal entries in"
            f" {len(self.partitions)} partitions, folded under environment {self.environment}"
        )
        for part in self.partitions:
            if part.difference:
                yield f"partition {part.partition}: {part.difference.sentence()}"
        if self.verdict == DIFFERENT:
            yield "choices: go on with the old versions; or fold the whole past anew under these:"
            yield f"  labline upgrade check {self.line} --rebuild --execute"
        elif not self.executed:
            yield "nothing was written: --execute writes the snapshots from which scorers go on"
        else:  # none where the old versions left one
            yield f"{self.snapshots} snapshots written: labline factory run goes on from there"


def upgrade(
    bootstrap: str,
    line: str,
    control: Control,
    snapshots: Snapshots,
    *,
    rebuild: bool = False,
    execute: bool = False,
    spec_of: SpecOf = configuration.spec_of,
    progress: Callable[[], None] | None = None,
) -> Upgrade:
    """Fold the line's last transactions, or its whole past, under the installed versions.

    Parameters
    ----------
    rebuild
        Fold the whole past, and compare nothing.
    execute
        Write snapshots: of all partitions, or of none.
    progress
        Called when a partition is done.

    Raises
    ------
    LablineError
        ``LL-GROUP-BUSY`` while its group has members, ``LL-UPGRADE-NOTHING`` when it has no past,
        ``LL-LOG-TRUNCATED`` when nothing leads to the journal's end.
    """
    revisions = line_revisions(control, line)
    if not revisions:
        raise _nothing(line, "was never promoted")
    await_no_members(bootstrap, line)
    rerun = LineRerun(bootstrap, line, revisions, snapshots, spec_of)
    folds = each_partition(fold_partition, rerun, rebuild, execute, progress=progress)
    parts = tuple(part for part, _ in folds if part.end)
    if not parts:
        raise _nothing(line, "has an empty journal")
    verdict = REBUILT if rebuild else EQUAL
    unsealed = [snapshot for _, snapshot in folds if snapshot is not None]
    if any(part.difference for part in parts):
        verdict, unsealed = DIFFERENT, []
    _write(snapshots, unsealed)
    return Upgrade(line, verdict, environment_digest(), execute, len(unsealed), parts)


def _write(snapshots: Snapshots, unsealed: list[Unsealed]) -> None:
    store = SnapshotStore(snapshots.url, snapshots.key)
    try:
        for header, state in unsealed:
            store.write(header, state)
    except Exception as error:  # fsspec's stores have errors of their own
        raise LablineError(
            "LL-SNAPSHOT-UNWRITTEN",
            f"a snapshot cannot be written: {type(error).__name__}: {error}",
            "make room, or look at the store, and say it again",
        ) from error


def _nothing(line: str, why: str) -> LablineError:
    return LablineError(
        "LL-UPGRADE-NOTHING", f"line {line} {why}: there is no past", "labline factory run"
    )


def fold_partition(
    rerun: LineRerun, partition: int, rebuild: bool, execute: bool
) -> tuple[PartitionUpgrade, Unsealed | None]:
    """Fold one partition; return what came of it, and the snapshot to write."""
    past = PartitionPast(rerun, partition)
    last = past.journal.last
    if last is None:
        return PartitionUpgrade(partition, 0, 0, 0, 0, ""), None
    if rebuild and not past.reaches_back():
        raise _truncated(past, "the log's start is gone: the whole past cannot be folded anew")
    beginning = Beginning(None, 0) if rebuild else _beginning(past)
    entries = records = 0
    difference: Difference | None = None
    task = beginning.resumed.task if beginning.resumed else None
    for entry, run, task in past.fold(beginning, past.journal.end):  # noqa: B007
        if entry.sequence < beginning.comparable:
            continue
        entries += 1
        records += len(run.emissions)
        same = run.digest() == entry.digest and run.next_offsets == entry.next_offsets
        if not same and not rebuild:
            difference = _difference(past, entry, run.emissions)
            break
    part = PartitionUpgrade(
        partition=partition,
        entries=entries,
        records=records,
        begun=beginning.sequence,
        end=past.journal.end,
        written_by=last.environment,
        difference=difference,
    )
    assert task is not None
    is_wanted = execute and difference is None and (rebuild or not _has_snapshot(past, last))
    return part, _snapshot(task, last, rebuild) if is_wanted else None


def _beginning(past: PartitionPast) -> Beginning:
    """Return where to begin.

    That is the newest snapshot of the last environment that still has journal entries after it.
    """
    span, end = past.journal.spans[-1], past.journal.end
    resumed: Resumed | None = None
    sequences = {named.sequence for named in past.snapshots if named.sequence < end}
    for sequence in sorted(sequences, reverse=True):
        if (resumed := past.resumed(span, sequence)) is not None:
            return Beginning(resumed, sequence)
    if past.reaches_back():
        rebuilt = [span.first for span in past.journal.spans if span.kind == REBUILT]
        return Beginning(None, rebuilt[-1] if rebuilt else 0)
    resumed = past.resumed(span, end)
    if resumed is not None:  # nothing can be compared, but the state itself is there
        return Beginning(resumed, end)
    raise _truncated(past, "neither the log's start nor a snapshot leads to the journal's end")


def _truncated(past: PartitionPast, why: str) -> LablineError:
    return LablineError(
        "LL-LOG-TRUNCATED",
        f"{past.rerun.line}[{past.partition}]: {why}",
        "start the old versions once more and stop them with SIGTERM, which writes a snapshot at"
        " the journal's end; or re-learn the line under a new name from what is left",
    )


def _difference(past: PartitionPast, entry: Entry, emissions: Any) -> Difference:
    outputs = past.outputs(entry.sequence)
    difference = outputs.compare(entry, emissions) or outputs.journal_differs(entry)
    return replace(difference, state_before=past.state_at(_beginning(past), entry.sequence))


def _has_snapshot(past: PartitionPast, last: Entry) -> bool:
    """Tell whether the newest snapshot is one of the last environment, at the journal's end."""
    newest = past.snapshots[0] if past.snapshots else None  # a scorer takes that one
    return (
        newest is not None
        and newest.sequence == last.sequence + 1
        and past.task(past.journal.spans[-1], newest) is not None
    )


def _snapshot(task: Task, last: Entry, rebuild: bool) -> Unsealed:
    place = JournalPlace(last.sequence + 1, last.offset, last.digest)
    return snapshot(task, place, environment_digest(), "rebuilt" if rebuild else "folded")
