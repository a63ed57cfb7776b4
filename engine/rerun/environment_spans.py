"""Which environment wrote which stretch of a journal, and which snapshots lead into a stretch."""

from collections.abc import Collection, Iterable
from typing import NamedTuple

from labline.engine.core.journal import CARRIED, REBUILT, TAKEN, Entry
from labline.engine.core.snapshot import Header


class Stretch(NamedTuple):
    """Entries `first` to before `until`, all of one environment.

    Attributes
    ----------
    kind
        How it came to its state: ``taken``: by folding from nothing; ``carried``: from another
        environment's state, as it was; ``rebuilt``: by folding all that lies before it anew.
    """

    first: int
    until: int
    environment: str
    kind: str

    def has(self, header: Header) -> bool:
        """Tell whether its environment was in a snapshot's state, at this place.

        Where it begins, that is what it says it began from. Later, only what it folded itself.

        Examples
        --------
        >>> def header(sequence, environment, origin="folded"):
        ...     return Header(line="l", partition=0, sequence=sequence, journal_offset=-1,
        ...         entry_digest="", next_offsets=[], revision=0, environment=environment,
        ...         state_digest="", origin=origin)
        >>> stretch = Stretch(5, 9, "b", "carried")
        >>> [stretch.has(header(*told)) for told in ((5, "a"), (9, "b"), (7, "a"), (10, "b"))]
        [True, True, False, False]
        >>> stretch.has(header(5, "b", "rebuilt"))
        False
        """
        ours = header.environment == self.environment
        if header.sequence == self.first and self.kind == CARRIED:
            return header.origin != REBUILT
        if header.sequence == self.first:
            return ours and self.kind == REBUILT and header.origin == REBUILT
        return ours and header.origin != REBUILT and self.first < header.sequence <= self.until


class Told(NamedTuple):
    """What a journal tells before anything is folded.

    Attributes
    ----------
    begin
        Its first entry: not number 0 when retention took older ones. None: it is empty.
    last
        Its last entry.
    before
        By the sequence numbers that were asked for, the entry before each.
    """

    begin: Entry | None
    last: Entry | None
    stretches: list[Stretch]
    before: dict[int, Entry]

    @property
    def end(self) -> int:
        """Return the next entry's sequence number."""
        return self.last.sequence + 1 if self.last else 0

    @property
    def environments(self) -> tuple[str, ...]:
        """Return who wrote it."""
        return tuple(sorted({stretch.environment for stretch in self.stretches}))

    def stands(self, header: Header) -> bool:
        """Tell whether a snapshot is of this past."""
        entry = self.before.get(header.sequence)
        return entry is not None and (entry.digest.hex(), list(entry.next_offsets)) == (
            header.entry_digest,
            header.next_offsets,
        )


def tell(entries: Iterable[Entry], wanted: Collection[int] = ()) -> Told:
    """Return what a journal tells; it is read once and not held.

    Parameters
    ----------
    wanted
        Sequence numbers of snapshots: whether they are of this past is asked later.

    Examples
    --------
    >>> def entry(sequence, environment, kind="taken"):
    ...     return Entry(sequence, 0, environment, (), (), (), b"", kind)
    >>> told = tell([entry(0, "a"), entry(1, "b", "carried"), entry(2, "b"), entry(3, "b")], {2})
    >>> told.stretches[1]
    Stretch(first=1, until=4, environment='b', kind='carried')
    >>> told.end, told.before[2].sequence
    (4, 1)
    """
    found: list[Stretch] = []
    begin: Entry | None = None
    last: Entry | None = None
    before: dict[int, Entry] = {}
    for entry in entries:
        begin = begin or entry
        switched = entry.kind in (CARRIED, REBUILT)
        if last is None or switched or entry.environment != last.environment:
            kind = entry.kind if switched else TAKEN
            found.append(Stretch(entry.sequence, entry.sequence, entry.environment, kind))
        found[-1] = found[-1]._replace(until=entry.sequence + 1)
        last = entry
        if entry.sequence + 1 in wanted:
            before[entry.sequence + 1] = entry
    return Told(begin, last, found, before)
