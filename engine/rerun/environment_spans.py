"""Which environment wrote which span of a journal, and which snapshots lead into a span.

Called by `labline.engine.rerun.partition_past`. What comes in is a journal, read once as a stream;
what goes out is a summary of it that fits in memory whatever its length. What must stay true: bits
are compared only within a span, so a span ends wherever another environment takes over or the state
was folded anew.
"""

from collections.abc import Collection, Iterable
from typing import NamedTuple

from labline.engine.core.journal import CARRIED, REBUILT, TAKEN, Entry
from labline.engine.core.snapshot import Header


class EnvironmentSpan(NamedTuple):
    """Entries `first` to before `until`, all of one environment.

    Attributes
    ----------
    first, until : int
        Sequence numbers of journal entries.
    environment : str
        Digest of the environment that wrote them.
    kind : str
        How it came to its state: ``taken``: by folding from nothing; ``carried``: from another
        environment's state, as it was; ``rebuilt``: by folding all that lies before it anew.
    """

    first: int
    until: int
    environment: str
    kind: str

    def has_state(self, header: Header) -> bool:
        """Tell whether its environment was in a snapshot's state, at this place.

        Where it begins, that is the state that it says it began from. Later, only a state that it
        folded itself.

        Examples
        --------
        >>> def header(sequence, environment, origin="folded"):
        ...     return Header(line="l", partition=0, sequence=sequence, journal_offset=-1,
        ...         entry_digest="", next_offsets=[], revision=0, environment=environment,
        ...         state_digest="", origin=origin)
        >>> span = EnvironmentSpan(5, 9, "b", "carried")
        >>> [span.has_state(header(*at)) for at in ((5, "a"), (9, "b"), (7, "a"), (10, "b"))]
        [True, True, False, False]
        >>> span.has_state(header(5, "b", "rebuilt"))
        False
        """
        ours = header.environment == self.environment
        if header.sequence == self.first and self.kind == CARRIED:
            return header.origin != REBUILT
        if header.sequence == self.first:
            return ours and self.kind == REBUILT and header.origin == REBUILT
        return ours and header.origin != REBUILT and self.first < header.sequence <= self.until


class JournalSummary(NamedTuple):
    """What is known of a journal before anything is folded.

    Attributes
    ----------
    begin : Entry or None
        Its first entry: not number 0 when retention took older ones. None: it is empty.
    last : Entry or None
        Its last entry.
    spans : list of EnvironmentSpan
        One after another, without gaps.
    before : dict of int to Entry
        By the sequence numbers of interest, the entry before each.
    """

    begin: Entry | None
    last: Entry | None
    spans: list[EnvironmentSpan]
    before: dict[int, Entry]

    @property
    def end(self) -> int:
        """Return the next entry's sequence number."""
        return self.last.sequence + 1 if self.last else 0

    @property
    def environments(self) -> tuple[str, ...]:
        """Return who wrote it."""
        return tuple(sorted({span.environment for span in self.spans}))

    def contains(self, header: Header) -> bool:
        """Tell whether a snapshot is of this past: its last entry must be this journal's."""
        entry = self.before.get(header.sequence)
        return entry is not None and (entry.digest.hex(), list(entry.next_offsets)) == (
            header.entry_digest,
            header.next_offsets,
        )


def summarize(entries: Iterable[Entry], sequences: Collection[int] = ()) -> JournalSummary:
    """Return the summary of a journal, which is read once and not kept.

    Parameters
    ----------
    entries : iterable of Entry
        The journal, from its first entry on.
    sequences : collection of int
        Sequence numbers of interest: those of snapshots, of which `contains` is asked later.

    Examples
    --------
    >>> def entry(sequence, environment, kind="taken"):
    ...     return Entry(sequence, 0, environment, (), (), (), b"", kind)
    >>> journal = [entry(0, "a"), entry(1, "b", "carried"), entry(2, "b"), entry(3, "b")]
    >>> summary = summarize(journal, {2})
    >>> summary.spans[1]
    EnvironmentSpan(first=1, until=4, environment='b', kind='carried')
    >>> summary.end, summary.before[2].sequence
    (4, 1)
    """
    spans: list[EnvironmentSpan] = []
    begin: Entry | None = None
    last: Entry | None = None
    before: dict[int, Entry] = {}
    for entry in entries:
        begin = begin or entry
        is_switch = entry.kind in (CARRIED, REBUILT)
        if last is None or is_switch or entry.environment != last.environment:
            kind = entry.kind if is_switch else TAKEN
            spans.append(EnvironmentSpan(entry.sequence, entry.sequence, entry.environment, kind))
        spans[-1] = spans[-1]._replace(until=entry.sequence + 1)
        last = entry
        if entry.sequence + 1 in sequences:
            before[entry.sequence + 1] = entry
    return JournalSummary(begin, last, spans, before)
