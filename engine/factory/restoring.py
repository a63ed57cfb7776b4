"""Which snapshot a task begins from: the newest that is whole, ours, and of this very past.

Called by recovery. What comes in is a `Goal`: the journal's last entry and the environment in which
the task is to go on; what goes out is a task with the entries that lead from it to that goal, or
nothing. What must stay true: a snapshot is used only if this environment would have the very same
state at that entry; any other is refused, loudly, and an older one is tried. So a damaged or
foreign snapshot costs time, never correctness: the log has everything.

Theory of operation
-------------------
A snapshot is looked at in this order:

1. *Whole and ours?* The store checks its MAC before anything in it is read, and its header must
   name this task.
2. *Of this past?* The journal's entry before it must have the digest and offsets that its header
   has. Sequence numbers and offsets alone can be equal by chance, after a line was made anew.
3. *Of this environment?* What the journal says since then decides. Three kinds of states lead here:

   ============================  ============================================================
   the snapshot was              it may be begun from when
   ============================  ============================================================
   folded here                   no entry after it says ``rebuilt``
   folded by another one         it is where this environment's first entry says ``carried``,
                                 or nothing follows it and the journal will say so
   rebuilt here                  nothing follows it, or the entry that says ``rebuilt`` does
   ============================  ============================================================

   And whatever follows it is this environment's own.

4. *Does it load?* Only then is the state unpickled, by an exact list of what it may name, and its
   digest compared.
"""

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import structlog

from labline.engine.core.journal import CARRIED, REBUILT, Entry
from labline.engine.core.refold import Resumed
from labline.engine.core.snapshot import Header
from labline.engine.core.spec import Spec
from labline.engine.errors import AbsentError
from labline.engine.models.learning.snapshot_store import Named, SnapshotStore
from labline.engine.models.learning.snapshots import revived

log = structlog.get_logger()

#: From an offset of the journal topic (-1: its start) to its entries up to the committed end.
ReadJournal: TypeAlias = Callable[[int], list[Entry]]
SpecAt: TypeAlias = Callable[[int], Spec]


class SnapshotStart(NamedTuple):
    """A task from a snapshot, to be folded on.

    Attributes
    ----------
    resumed : Resumed
        The task, and where in the journal it stands.
    origin : str
        How it came to its state: ``folded`` or ``rebuilt``.
    after : list of Entry
        The journal from there on.
    """

    resumed: Resumed
    origin: str
    after: list[Entry]


class Goal(NamedTuple):
    """Where a task has to get to.

    Attributes
    ----------
    spec : Spec
        The line's configuration in force.
    partition : int
        The task's partition.
    last : Entry
        The last entry of its journal.
    environment : str
        Digest of the environment in which it goes on.
    """

    spec: Spec
    partition: int
    last: Entry
    environment: str


def newest_start(
    store: SnapshotStore, goal: Goal, journal: ReadJournal, spec_at: SpecAt
) -> SnapshotStart | None:
    """Return the task of the newest snapshot that fits.

    Those that do not are refused loudly, and an older one is tried.
    """
    try:
        names = store.names(goal.spec.line.name, goal.partition)
    except Exception as error:  # fsspec's stores have errors of their own
        _refuse(goal, -1, f"the store does not answer: {type(error).__name__}: {error}")
        return None
    for named in names:
        start = _start_at(store, named, goal, journal, spec_at)
        if not isinstance(start, str):
            return start
        _refuse(goal, named.sequence, start)
    return None


def _start_at(
    store: SnapshotStore, named: Named, goal: Goal, journal: ReadJournal, spec_at: SpecAt
) -> SnapshotStart | str:
    sealed = store.read(named)
    if isinstance(sealed, str):
        return sealed
    header = sealed.header
    if (header.line, header.partition) != (goal.spec.line.name, goal.partition):
        return "it is of another task"
    if header.sequence > goal.last.sequence + 1:
        return "it is from the future: the journal ends before it"
    entries = journal(header.journal_offset)
    why = why_unfit(header, entries, goal)
    if why is not None:
        return why
    try:
        task = revived(sealed, spec_at(header.revision))
    except AbsentError as error:  # a revision; an error of the world is none of the snapshot's
        return error.message
    if isinstance(task, str):
        return task
    after = [entry for entry in entries if entry.sequence >= header.sequence]
    return SnapshotStart(Resumed(task, header.sequence), header.origin, after)


def why_unfit(header: Header, entries: list[Entry], goal: Goal) -> str | None:
    """Return why a snapshot has no place in this journal, for this environment.

    Parameters
    ----------
    entries
        The journal, from the snapshot's own last entry on or from before it.
    """
    before = [entry for entry in entries if entry.sequence == header.sequence - 1]
    if not before:
        return "the journal does not have its last entry, or not any more"
    last = before[0]
    if (last.digest.hex(), list(last.next_offsets)) != (header.entry_digest, header.next_offsets):
        return "it is of another past than the journal's"
    after = [entry for entry in entries if entry.sequence >= header.sequence]
    if not _leads_here(header, after, goal):
        return (
            f"it was folded under environment {header.environment}, and what follows it in the"
            f" journal does not lead from there to {goal.environment}"
        )
    return None


def _leads_here(header: Header, after: list[Entry], goal: Goal) -> bool:
    """Tell whether a state, and what followed, gives what this environment would have now."""
    rebuilt, ours = header.origin == REBUILT, header.environment == goal.environment
    if any(entry.environment != goal.environment for entry in after):
        return False
    if any(entry.kind == REBUILT for entry in after[int(rebuilt) :]):
        return False  # there the state became another one
    if rebuilt:
        return ours and (not after or after[0].kind == REBUILT)
    if ours:
        return True
    # another one's state is where ours began, or will begin
    return after[0].kind == CARRIED if after else goal.last.environment != goal.environment


def _refuse(goal: Goal, sequence: int, why: str) -> None:
    log.warning(
        "LL-SNAPSHOT-REFUSED: a snapshot is not used; an older one, or the log, is",
        line=goal.spec.line.name,
        partition=goal.partition,
        sequence=sequence,
        why=why,
    )
