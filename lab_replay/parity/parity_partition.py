"""Parity of one partition: folded beside what was written; then what follows a difference."""

import time
from dataclasses import dataclass, replace

from labline.engine.core.journal import REBUILT, Entry
from labline.engine.core.run import Run
from labline.engine.models.state.environment import environment_digest
from labline.engine.rerun.environment_spans import Stretch
from labline.engine.rerun.line_outputs import Difference, Written
from labline.engine.rerun.partition_past import Beginning, Origin, PartitionPast
from labline.lab_replay.parity.alignment import Alignment
from labline.lab_replay.parity.consistency import Consistency

MARKER_DEADLINE_S = 10.0  # commit markers are per partition: the journal's may come a moment later
MARKER_POLL_S = 0.1


@dataclass(frozen=True)
class PartitionParity:
    """One partition's outcome: of the entries asked for, what became of each.

    Attributes
    ----------
    entries, records
        Compared up to the first difference: journal entries, and records that they account for.
    elsewhere
        Entries that other environments wrote: to be compared there.
    unreached
        Own entries to which neither the log's start nor a snapshot leads any more.
    after
        Own entries after the first difference: their records are in the table.
    deleted
        Records that retention took: only the journal's digest speaks for them.
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
    origin: Origin, partition: int, asked: tuple[int, int | None] = (0, None)
) -> tuple[PartitionParity, Consistency]:
    """Compare one partition; the table holds what follows its first difference."""
    past = PartitionPast(origin, partition)
    check = _Check(past)
    elsewhere = own = 0
    for stretch in past.told.stretches:
        first = max(stretch.first, asked[0])
        until = stretch.until if asked[1] is None else min(stretch.until, asked[1])
        if first >= until:
            continue
        if stretch.environment != environment_digest():
            elsewhere += until - first
            continue
        own += until - first
        check.run(stretch, first, until)
    if past.told.last is None and asked[1] is None:
        check.run_empty()
    unread = own - check.entries - check.unreached
    found = PartitionParity(
        partition, check.entries, check.records, elsewhere, check.unreached, unread,
        check.deleted, past.told.environments, check.difference,
    )  # fmt: skip
    return found, check.table


class _Check:
    """One partition's comparison."""

    def __init__(self, past: PartitionPast) -> None:
        self._past = past
        self.entries = self.records = self.unreached = self.deleted = 0
        self.difference: Difference | None = None
        self.table = Consistency()

    def run(self, stretch: Stretch, first: int, until: int) -> None:
        """Fold and compare entries of a stretch that this environment wrote."""
        begun = self._begin(stretch, first, until)
        self.unreached += (until if begun is None else begun.comparable) - first
        if begun is None:
            return
        written, before = self._past.written(begun.sequence), self.difference
        alignment: Alignment | None = None
        last: Entry | None = None
        for last, run, _ in self._past.fold(begun, until):
            if last.sequence < begun.comparable:
                written.pass_over(last, self._past.inputs)
            elif self.difference is None:
                alignment = self._compare(written, last, run)
            else:
                alignment = alignment or self._alignment(written, last)
                alignment.add(run.emissions)
        if last is not None and until == self._past.told.end and self.difference is None:
            self.difference = self._rest(written)
            alignment = self._alignment(written) if self.difference else None
        if alignment is not None and last is not None:
            alignment.rest(self._ends(last, until), read_on=until == self._past.told.end)
        self.deleted += written.deleted
        if self.difference is not None and before is None:
            self._find_state(stretch, begun)

    def run_empty(self) -> None:
        """See that there are no outputs where there is no journal entry, nor ever was one."""
        if self._past.journal_was_cut():
            return
        written = self._past.written(0)
        self.difference = self._rest(written)
        if self.difference is not None:
            self._alignment(written).rest({}, read_on=True)

    def _compare(self, written: Written, entry: Entry, run: Run) -> Alignment | None:
        """Compare in step; from a first difference on, by source."""
        self.entries += 1
        self.records += len(run.emissions)
        at, found = written.same_until(entry, run.emissions)
        if found is None and (run.digest(), run.next_offsets) != (entry.digest, entry.next_offsets):
            found = written.journal_differs(entry)
        if found is None:
            return None
        self.difference = found
        alignment = self._alignment(written)
        alignment.add(run.emissions[at:])
        return alignment

    def _alignment(self, written: Written, since: Entry | None = None) -> Alignment:
        floor = zip(self._past.inputs, since.first_offsets, strict=True) if since else ()
        return Alignment(written, self.table, {topic: at for topic, at in floor if topic})

    def _ends(self, last: Entry, until: int) -> dict[str, int]:
        """Return up to which source offsets something may be missing; none: all that is there."""
        if until == self._past.told.end and not self._goes_on():
            return {}
        ends = zip(self._past.inputs, last.next_offsets, strict=True)
        return {topic: at for topic, at in ends if topic}

    def _goes_on(self) -> bool:
        """Tell whether the line has written newer entries since its journal was read."""
        last = self._past.told.last
        return next(self._past.entries(last.offset + 1 if last else None), None) is not None

    def _find_state(self, stretch: Stretch, begun: Beginning) -> None:
        assert self.difference is not None
        if self.difference.sequence >= self._past.told.end:
            return  # beyond the journal: no entry has a state before it
        again = begun  # its task has gone on: take the snapshot's once more
        if begun.resumed is not None:
            again = begun._replace(resumed=self._past.resumed(stretch, begun.sequence))
        state = self._past.state_at(again, self.difference.sequence)
        self.difference = replace(self.difference, state_before=state)

    def _begin(self, stretch: Stretch, first: int, until: int) -> Beginning | None:
        """Return where to begin: as early as can be, but not earlier than is asked for."""
        # a stretch that says nothing began from nothing, or who knows
        foldable = stretch.first == 0 or stretch.kind == REBUILT
        from_start = foldable and self._past.reaches_back()
        places = sorted({named.sequence for named in self._past.names}, reverse=True)
        if not from_start or first > stretch.first:
            for place in (place for place in places if stretch.first <= place <= first):
                if (resumed := self._past.resumed(stretch, place)) is not None:
                    return Beginning(resumed, first)
        if from_start:
            return Beginning(None, first)
        for place in reversed([place for place in places if first < place < until]):
            if (resumed := self._past.resumed(stretch, place)) is not None:
                return Beginning(resumed, place)
        return None

    def _rest(self, written: Written) -> Difference | None:
        """Return the first record that no journal entry accounts for."""
        last, deadline = self._past.told.last, time.monotonic() + MARKER_DEADLINE_S
        found = written.rest(last, self._past.inputs)
        while found is not None and found.newer:
            if self._goes_on():
                return None  # the line is running: what is left belongs to newer entries
            if time.monotonic() > deadline:
                break
            time.sleep(MARKER_POLL_S)
        return found and found.difference
