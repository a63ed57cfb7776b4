"""Parity: the factory's past, folded again from its journal and compared with what it wrote.

Not only digests are compared: every answer, shadow score and dead letter that a
``read_committed`` reader sees must be the one that folding gives, byte for byte. What another
environment wrote can only be compared in that environment; it is told apart.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

from engine.core.journal import REBUILT
from engine.errors import LablineError
from engine.models import configuration
from engine.models.configuration import CHAMPION, SpecOf
from engine.models.control import Control, Revision
from engine.models.environment import environment_digest
from lab_replay.partition_past import Beginning, Origin, PartitionPast
from lab_replay.partition_past import Snapshots as Snapshots
from lab_replay.partitions import each_partition
from lab_replay.stretches import Stretch
from lab_replay.written import Difference, Written

EQUAL, DIFFERENT, ELSEWHERE = "equal", "different", "elsewhere"
NOT_COMPARED = {
    "elsewhere": "journal entries of other environments; run this command there",
    "unreached": "journal entries: neither the log's start nor a snapshot leads to them any more",
    "after": "journal entries after the first difference of their partition",
    "deleted": "records that retention took; the journal's digest speaks for them",
}
MARKER_DEADLINE_S = 10.0  # commit markers are per partition: the journal's may come a moment later
MARKER_POLL_S = 0.1


@dataclass(frozen=True)
class PartitionParity:
    """One partition's outcome: of the entries asked for, what became of each.

    Attributes
    ----------
    entries, records
        Compared: journal entries, and records that they account for.
    elsewhere
        Entries that other environments wrote: to be compared there.
    unreached
        Own entries to which neither the log's start nor a snapshot leads any more.
    after
        Own entries after the first difference.
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


@dataclass(frozen=True)
class Parity:
    """A line's outcome: ``equal``, ``different``, or ``elsewhere``: nothing to compare here."""

    line: str
    verdict: str
    environment: str
    partitions: tuple[PartitionParity, ...]

    def document(self) -> dict[str, Any]:
        """Return it as JSON-able data."""
        return asdict(self)

    @property
    def first(self) -> Difference | None:
        """Return the difference of the lowest partition."""
        return next((p.difference for p in self.partitions if p.difference), None)

    def total(self, name: str) -> int:
        """Return a count's sum over the partitions."""
        return sum(getattr(part, name) for part in self.partitions)

    def sentences(self) -> Iterator[str]:
        """Yield it in words: what was compared, what was not and why, the first differences."""
        yield (
            f"{self.verdict}: {self.total('records'):,} records of {self.total('entries'):,}"
            f" journal entries in {len(self.partitions)} partitions,"
            f" under environment {self.environment}"
        )
        for name, why in NOT_COMPARED.items():
            if count := self.total(name):
                yield f"not compared: {count:,} {why}"
        for part in self.partitions:
            if part.difference:
                yield f"partition {part.partition}: {part.difference.sentence()}"


def parity(
    bootstrap: str,
    line: str,
    control: Control,
    *,
    snapshots: Snapshots | None = None,
    spec_of: SpecOf = configuration.spec_of,
    recipe: str | None = None,
    first: int = 0,
    until: int | None = None,
    progress: Callable[[], None] | None = None,
) -> Parity:
    """Re-run a line's journal and compare with its topics.

    Parameters
    ----------
    snapshots
        Of the factory, for what follows a switch that carried the state over.
    spec_of
        From a revision to its configuration.
    recipe
        Put this in the champion's place: what would then be different?
    first, until
        Compare only the journal entries from this number on, and before that one.
    progress
        Told when a partition is done.

    Raises
    ------
    LablineError
        ``LL-PARITY-NOTHING`` when the line has no journal yet, or none of these entries.
    """
    revisions = {offset: r for offset, r in control.history.items() if r.line == line}
    if not revisions:
        raise LablineError(
            "LL-PARITY-NOTHING", f"line {line} was never promoted", "labline promote NAME@N"
        )
    if recipe is not None:
        revisions = {offset: _with_recipe(r, recipe) for offset, r in revisions.items()}
        snapshots = None  # they hold what the line's own recipe has learned
    origin = Origin(bootstrap, line, revisions, snapshots, spec_of)
    results = each_partition(check_partition, origin, (first, until), progress=progress)
    compared = any(result.entries for result in results)
    if not compared and not any(r.elsewhere + r.unreached for r in results):
        raise LablineError(
            "LL-PARITY-NOTHING",
            f"the journal of line {line} has no such entry",
            "labline factory run writes it; --from and --to count its entries in each partition",
        )
    verdict = EQUAL if compared else ELSEWHERE
    if any(result.difference for result in results):
        verdict = DIFFERENT
    return Parity(line, verdict, environment_digest(), tuple(results))


def _with_recipe(revision: Revision, recipe: str) -> Revision:
    champion = revision.slots[CHAMPION]._replace(recipe=recipe)
    return replace(revision, slots={**revision.slots, CHAMPION: champion})


def check_partition(
    origin: Origin, partition: int, asked: tuple[int, int | None] = (0, None)
) -> PartitionParity:
    """Compare one partition, up to its first difference."""
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
        if check.difference is None:
            check.run(stretch, first, until)
    unread = own - check.entries - check.unreached
    return PartitionParity(
        partition, check.entries, check.records, elsewhere, check.unreached, unread,
        check.deleted, past.told.environments, check.difference,
    )  # fmt: skip


class _Check:
    """One partition's comparison."""

    def __init__(self, past: PartitionPast) -> None:
        self._past = past
        self.entries = self.records = self.unreached = self.deleted = 0
        self.difference: Difference | None = None

    def run(self, stretch: Stretch, first: int, until: int) -> None:
        """Fold and compare entries of a stretch that this environment wrote."""
        begun = self._begin(stretch, first, until)
        self.unreached += (until if begun is None else begun.comparable) - first
        if begun is None:
            return
        written = self._past.written(begun.sequence)
        for entry, run, _ in self._past.fold(begun, until):
            if entry.sequence < begun.comparable:
                written.pass_over(entry, self._past.inputs)
                continue
            self.entries += 1
            self.records += len(run.emissions)
            found = written.compare(entry, run.emissions)
            if found is None and (run.digest(), run.next_offsets) != (
                entry.digest,
                entry.next_offsets,
            ):
                found = written.journal_differs(entry)
            if found is not None:
                self._found(found, stretch, begun)
                break
        else:
            if until == self._past.told.end:
                self.difference = self._rest(written)
        self.deleted += written.deleted

    def _found(self, difference: Difference, stretch: Stretch, begun: Beginning) -> None:
        again = begun  # its task has gone on: take the snapshot's once more
        if begun.resumed is not None:
            again = begun._replace(resumed=self._past.resumed(stretch, begun.sequence))
        state = self._past.state_at(again, difference.sequence)
        self.difference = replace(difference, state_before=state)

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
        assert last is not None
        found = written.rest(last, self._past.inputs)
        while found is not None and found.newer:
            if next(self._past.entries(last.offset + 1), None) is not None:
                return None  # the line is running: what is left belongs to newer entries
            if time.monotonic() > deadline:
                break
            time.sleep(MARKER_POLL_S)
        return found and found.difference
