"""Parity: the factory's past, folded again from its journal and compared with what it wrote.

Called by `labline lab parity` and the demo. What comes in is a line by name and the control topic,
folded; what goes out is a verdict with its reasons. What must stay true: not only digests are
compared. Every answer, shadow score and dead letter that a ``read_committed`` reader sees must be
the one that folding gives, byte for byte; of a dead letter also what its headers say of why.
Outputs without any journal entry are a difference. What another environment wrote can only be
compared in that environment; it is counted apart.

One difference rarely comes alone: after the first of a partition, what follows is paired by source
and counted, per field and hour (`labline.lab_replay.parity.differences`).
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from labline.engine.errors import LablineError
from labline.engine.models.control import configuration
from labline.engine.models.control.configuration import CHAMPION, SpecOf
from labline.engine.models.control.control import Control, Revision
from labline.engine.models.state.environment import environment_digest
from labline.engine.rerun.line_outputs import Difference
from labline.engine.rerun.partition_past import LineRerun, Snapshots
from labline.engine.rerun.partitions import each_partition
from labline.engine.rerun.revisions import promoted_revisions
from labline.lab_replay.parity.partition import EntryRange, PartitionParity, check_partition

if TYPE_CHECKING:
    from labline.lab_replay.parity.differences.table import DifferenceTable, FieldHour

EQUAL, DIFFERENT, ELSEWHERE = "equal", "different", "elsewhere"
NOT_COMPARED = {
    "elsewhere": "journal entries of other environments; run this command there",
    "unreached": "journal entries: neither the log's start nor a snapshot leads to them any more",
    "deleted": "records that retention took; the journal's digest speaks for them",
}


@dataclass(frozen=True)
class Parity:
    """A line's outcome: ``equal``, ``different``, or ``elsewhere``: nothing to compare here.

    Attributes
    ----------
    totals, hours
        Of what follows the first difference of each partition: a row per field, and a row per
        field and hour. Empty when equal.
    """

    line: str
    verdict: str
    environment: str
    partitions: tuple[PartitionParity, ...]
    totals: "tuple[FieldHour, ...]" = ()
    hours: "tuple[FieldHour, ...]" = ()

    def document(self) -> dict[str, Any]:
        """Return it as JSON-able data."""
        rows = {name: [_plain(row) for row in getattr(self, name)] for name in ("totals", "hours")}
        return {**asdict(replace(self, totals=(), hours=())), **rows}

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
        if after := self.total("after"):
            yield (
                f"after the first differences: {after:,} journal entries, compared record by record"
                " in the table of fields and hours"
            )
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
        Called when a partition is done.

    Raises
    ------
    LablineError
        ``LL-PARITY-NOTHING`` when the line has no journal yet, or none of these entries.
    """
    revisions = promoted_revisions(control, line)
    if recipe is not None:
        revisions = {offset: _with_recipe(r, recipe) for offset, r in revisions.items()}
        snapshots = None  # they hold what the line's own recipe has learned
    rerun = LineRerun(bootstrap, line, revisions, snapshots, spec_of)
    checks = each_partition(check_partition, rerun, EntryRange(first, until), progress=progress)
    parts = tuple(part for part, _ in checks)
    compared = any(part.entries for part in parts)
    if not compared and not any(p.elsewhere + p.unreached or p.difference for p in parts):
        raise LablineError(
            "LL-PARITY-NOTHING",
            f"the journal of line {line} has no such entry",
            "labline factory run writes it; --from and --to count its entries in each partition",
        )
    verdict = EQUAL if compared else ELSEWHERE
    if any(part.difference for part in parts):
        verdict = DIFFERENT
    totals, hours = _rows([table for _, table in checks if table is not None])
    return Parity(line, verdict, environment_digest(), parts, totals, hours)


def _rows(
    tables: "list[DifferenceTable]",
) -> "tuple[tuple[FieldHour, ...], tuple[FieldHour, ...]]":
    """Return the rows of all partitions' tables together: over all hours, and hour by hour."""
    if not tables:
        return (), ()
    together, *others = tables
    for table in others:
        together.merge(table)
    return tuple(together.totals()), tuple(together.rows())


def _plain(row: "FieldHour") -> dict[str, Any]:
    """Return a row as JSON has it: it knows no infinity."""
    endless = {name: None for name, value in row._asdict().items() if value == math.inf}
    return {**row._asdict(), **endless}


def _with_recipe(revision: Revision, recipe: str) -> Revision:
    champion = revision.slots[CHAMPION]._replace(recipe=recipe)
    return replace(revision, slots={**revision.slots, CHAMPION: champion})
