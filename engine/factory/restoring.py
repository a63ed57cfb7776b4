"""Which snapshot a task begins from: the newest that is whole, ours, and of this very past."""

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


class Fitting(NamedTuple):
    """A task from a snapshot, how that came into its environment, and the journal from it on."""

    resumed: Resumed
    origin: str
    after: list[Entry]


class Fit(NamedTuple):
    """What a snapshot has to fit: a task, the last entry of its journal, an environment."""

    spec: Spec
    partition: int
    last: Entry
    environment: str


def newest_fitting(
    store: SnapshotStore, fit: Fit, journal: ReadJournal, spec_at: SpecAt
) -> Fitting | None:
    """Return the task of the newest snapshot that fits.

    Those that do not are refused loudly, and an older one is tried.
    """
    try:
        names = store.names(fit.spec.line.name, fit.partition)
    except Exception as error:  # fsspec's stores have errors of their own
        _refuse(fit, -1, f"the store does not answer: {type(error).__name__}: {error}")
        return None
    for named in names:
        found = _fitting(store, named, fit, journal, spec_at)
        if not isinstance(found, str):
            return found
        _refuse(fit, named.sequence, found)
    return None


def _fitting(
    store: SnapshotStore, named: Named, fit: Fit, journal: ReadJournal, spec_at: SpecAt
) -> Fitting | str:
    sealed = store.read(named)
    if isinstance(sealed, str):
        return sealed
    header = sealed.header
    if (header.line, header.partition) != (fit.spec.line.name, fit.partition):
        return "it is of another task"
    if header.sequence > fit.last.sequence + 1:
        return "it is from the future: the journal ends before it"
    entries = journal(header.journal_offset)
    why = stands_in(header, entries, fit)
    if why is not None:
        return why
    try:
        task = revived(sealed, spec_at(header.revision))
    except AbsentError as error:  # a revision; an error of the world is none of the snapshot's
        return error.message
    if isinstance(task, str):
        return task
    after = [entry for entry in entries if entry.sequence >= header.sequence]
    return Fitting(Resumed(task, header.sequence), header.origin, after)


def stands_in(header: Header, entries: list[Entry], fit: Fit) -> str | None:
    """Return why a snapshot has no place in this journal, for this environment.

    Parameters
    ----------
    entries
        The journal, from the snapshot's own last entry on or from before it.
    """
    before = [entry for entry in entries if entry.sequence == header.sequence - 1]
    if not before:
        return "the journal does not have its last entry, or not any more"
    stands = (before[0].digest.hex(), list(before[0].next_offsets))
    if stands != (header.entry_digest, header.next_offsets):
        return "it is of another past than the journal's"
    after = [entry for entry in entries if entry.sequence >= header.sequence]
    if not _leads_here(header, after, fit):
        return (
            f"it was folded under environment {header.environment}, and what follows it in the"
            f" journal does not lead from there to {fit.environment}"
        )
    return None


def _leads_here(header: Header, after: list[Entry], fit: Fit) -> bool:
    """Tell whether a state, and what followed, gives what this environment would have now."""
    rebuilt, ours = header.origin == REBUILT, header.environment == fit.environment
    if any(entry.environment != fit.environment for entry in after):
        return False
    if any(entry.kind == REBUILT for entry in after[int(rebuilt) :]):
        return False  # there the state became another one
    if rebuilt:
        return ours and (not after or after[0].kind == REBUILT)
    if ours:
        return True
    # another one's state is where ours began, or will begin
    return after[0].kind == CARRIED if after else fit.last.environment != fit.environment


def _refuse(fit: Fit, sequence: int, why: str) -> None:
    log.warning(
        "LL-SNAPSHOT-REFUSED: a snapshot is not used; an older one, or the log, is",
        line=fit.spec.line.name,
        partition=fit.partition,
        sequence=sequence,
        why=why,
    )
