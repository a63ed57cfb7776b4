"""Parity of one partition: folded beside what was written; then what follows a difference.

Called by `labline.lab_replay.parity.parity`, in a process for each partition. What comes in is a
line's re-run and a range of journal entries; what goes out are counts, the first difference, and a
table of what follows it. What must stay true: each entry asked for is counted once, as compared,
written elsewhere, out of reach, or behind the first difference; nothing passes in silence.
"""

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from labline.engine.core.journal import REBUILT, Entry
from labline.engine.core.run import Run
from labline.engine.models.state.environment import environment_digest
from labline.engine.rerun.environment_spans import EnvironmentSpan
from labline.engine.rerun.kafka_refold import MARKER_DEADLINE_S
from labline.engine.rerun.line_outputs import Difference, LineOutputs
from labline.engine.rerun.partition_past import Beginning, LineRerun, PartitionPast

if TYPE_CHECKING:
    from labline.lab_replay.parity.differences.alignment import Alignment
    from labline.lab_replay.parity.differences.table import DifferenceTable

MARKER_POLL_S = 0.1


class EntryRange(NamedTuple):
    """The journal entries of each partition that are compared, to before `until` (None: all)."""

    first: int = 0
    until: int | None = None

    def of_span(self, span: EnvironmentSpan) -> range:
        """Return which entries of a span these are."""
        until = span.until if self.until is None else min(span.until, self.until)
        return range(max(span.first, self.first), until)


WHOLE_JOURNAL = EntryRange()


@dataclass(frozen=True)
class PartitionParity:
    """One partition's outcome: what became of each journal entry.

    Attributes
    ----------
    entries, records : int
        Compared up to the first difference: journal entries, and records that they account for.
    elsewhere : int
        Entries that other environments wrote: to be compared there.
    unreached : int
        Own entries to which neither the log's start nor a snapshot leads any more.
    after : int
        Own entries after the first difference: their records are in the table.
    deleted : int
        Records that retention took: only the journal's digest speaks for them.
    environments : tuple of str
        All that wrote the partition's journal.
    difference : Difference or None
        The first one.
    """

    partition: int
    entries: int
    records: int
    elsewhere: int
    unreached: int
    after: int
    deleted: int
    environments: tuple[str, ...]
    difference: Difference | None


def check_partition(
    rerun: LineRerun, partition: int, entries: EntryRange = WHOLE_JOURNAL
) -> "tuple[PartitionParity, DifferenceTable | None]":
    """Compare one partition; the table holds what follows its first difference."""
    past = PartitionPast(rerun, partition)
    check = _Check(past)
    elsewhere = own = 0
    for span in past.journal.spans:
        chosen = entries.of_span(span)
        if span.environment != environment_digest():
            elsewhere += len(chosen)
        elif chosen:
            own += len(chosen)
            check.run(span, chosen.start, chosen.stop)
    if past.journal.last is None and entries.until is None:
        check.run_empty()
    parity = PartitionParity(
        partition=partition,
        entries=check.entries,
        records=check.records,
        elsewhere=elsewhere,
        unreached=check.unreached,
        after=own - check.entries - check.unreached,
        deleted=check.deleted,
        environments=past.journal.environments,
        difference=check.difference,
    )
    return parity, check.table


class _Check:
    """One partition's comparison."""

    def __init__(self, past: PartitionPast) -> None:
        self._past = past
        self.entries = self.records = self.unreached = self.deleted = 0
        self.difference: Difference | None = None
        self.table: DifferenceTable | None = None

    def run(self, span: EnvironmentSpan, first: int, until: int) -> None:
        """Fold and compare entries of a span that this environment wrote."""
        beginning = self._beginning(span, first, until)
        self.unreached += (until if beginning is None else beginning.comparable) - first
        if beginning is None:
            return
        outputs, before = self._past.outputs(beginning.sequence), self.difference
        alignment: Alignment | None = None
        last: Entry | None = None
        for last, run, _ in self._past.fold(beginning, until):
            if last.sequence < beginning.comparable:
                outputs.pass_over(last, self._past.inputs)
            elif self.difference is None:
                alignment = self._compare(outputs, last, run)
            else:
                alignment = alignment or self._alignment(outputs, last)
                alignment.add(run.emissions)
        is_end = until == self._past.journal.end
        if last is not None and is_end and self.difference is None:
            self.difference = self._rest(outputs)
            alignment = self._alignment(outputs) if self.difference else None
        if alignment is not None and last is not None:
            alignment.finish(self._ends(last, until), read_on=is_end)
        self.deleted += outputs.deleted
        if self.difference is not None and before is None:
            self._find_state(span, beginning)

    def run_empty(self) -> None:
        """See that there are no outputs where there is no journal entry, nor ever was one."""
        if self._past.is_journal_cut():
            return
        outputs = self._past.outputs(0)
        self.difference = self._rest(outputs)
        if self.difference is not None:
            self._alignment(outputs).finish({}, read_on=True)

    def _compare(self, outputs: LineOutputs, entry: Entry, run: Run) -> "Alignment | None":
        """Compare in step; from a first difference on, by source."""
        self.entries += 1
        self.records += len(run.emissions)
        same, difference = outputs.same_until(entry, run.emissions)
        is_as_journaled = (run.digest(), run.next_offsets) == (entry.digest, entry.next_offsets)
        if difference is None and not is_as_journaled:
            difference = outputs.journal_differs(entry)
        if difference is None:
            return None
        self.difference = difference
        alignment = self._alignment(outputs)
        alignment.add(run.emissions[same:])
        return alignment

    def _alignment(self, outputs: LineOutputs, since: Entry | None = None) -> "Alignment":
        from labline.lab_replay.parity.differences.alignment import Alignment
        from labline.lab_replay.parity.differences.table import DifferenceTable

        self.table = self.table or DifferenceTable()
        floor = zip(self._past.inputs, since.first_offsets, strict=True) if since else ()
        return Alignment(outputs, self.table, {topic: at for topic, at in floor if topic})

    def _ends(self, last: Entry, until: int) -> dict[str, int]:
        """Return up to which source offsets something may be missing; none: all that is there."""
        if until == self._past.journal.end and not self._goes_on():
            return {}
        ends = zip(self._past.inputs, last.next_offsets, strict=True)
        return {topic: at for topic, at in ends if topic}

    def _goes_on(self) -> bool:
        """Tell whether the line has written newer entries since its journal was read."""
        last = self._past.journal.last
        return next(self._past.entries(last.offset + 1 if last else None), None) is not None

    def _find_state(self, span: EnvironmentSpan, beginning: Beginning) -> None:
        assert self.difference is not None
        if self.difference.sequence >= self._past.journal.end:
            return  # beyond the journal: no entry has a state before it
        again = beginning  # its task has gone on: take the snapshot's once more
        if beginning.resumed is not None:
            again = beginning._replace(resumed=self._past.resumed(span, beginning.sequence))
        state = self._past.state_at(again, self.difference.sequence)
        self.difference = replace(self.difference, state_before=state)

    def _beginning(self, span: EnvironmentSpan, first: int, until: int) -> Beginning | None:
        """Return where to begin: as late as can be, but not behind the first entry to compare.

        Only a span that starts at entry 0, or is rebuilt, can be folded from the log's start: the
        state of any other was another environment's. Where nothing leads to the first entry, the
        earliest snapshot behind it is the beginning.
        """
        is_foldable = span.first == 0 or span.kind == REBUILT
        from_start = is_foldable and self._past.reaches_back()
        sequences = sorted({named.sequence for named in self._past.snapshots}, reverse=True)
        if not from_start or first > span.first:
            for sequence in (at for at in sequences if span.first <= at <= first):
                if (resumed := self._past.resumed(span, sequence)) is not None:
                    return Beginning(resumed, first)
        if from_start:
            return Beginning(None, first)
        for sequence in reversed([at for at in sequences if first < at < until]):
            if (resumed := self._past.resumed(span, sequence)) is not None:
                return Beginning(resumed, sequence)
        return None

    def _rest(self, outputs: LineOutputs) -> Difference | None:
        """Return the first record that no journal entry accounts for."""
        last, deadline = self._past.journal.last, time.monotonic() + MARKER_DEADLINE_S
        rest = outputs.rest(last, self._past.inputs)
        while rest is not None and rest.is_newer:
            if self._goes_on():
                return None  # the line is running: what is left belongs to newer entries
            if time.monotonic() > deadline:
                break
            time.sleep(MARKER_POLL_S)
        return rest and rest.difference
