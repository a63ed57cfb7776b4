"""Parity: the factory's past, folded again from its journal and compared with what it wrote.

Not only digests are compared: every answer, shadow score and dead letter that a
``read_committed`` reader sees must be the one that folding gives, byte for byte.
"""

import multiprocessing
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from itertools import chain
from typing import Any

from engine.broker.past import PastRun, read_journal, refold_partition
from engine.broker.reader import partition_offsets, read_range
from engine.core.journal import Entry
from engine.core.record import ANSWER, DEAD_LETTER, SHADOW, Emission, Record
from engine.errors import LablineError
from engine.models.configuration import CHAMPION, spec_of
from engine.models.control import Control, Revision
from engine.models.environment import environment_digest
from schemas.avro import Rejection
from schemas.engine_schemas import engine_schema
from topics.naming import line_topics

KINDS = {ANSWER: "answer", SHADOW: "shadow score", DEAD_LETTER: "dead letter"}


@dataclass(frozen=True)
class Difference:
    """The first place in a partition where the past and its re-run part.

    Attributes
    ----------
    what
        Kind of emission, or ``journal`` when it is the record of what was taken that differs.
    topic, partition, offset
        Where the written record is (-1: there is none).
    source
        Topic, partition and offset of the event, as far as it can be told.
    field, written, refolded
        The first differing field and both values.
    """

    what: str
    topic: str
    partition: int
    offset: int
    sequence: int
    source: str
    field: str
    written: str
    refolded: str

    def sentence(self) -> str:
        """Return it in words."""
        place = f"{self.topic}[{self.partition}]" + (f"@{self.offset}" if self.offset >= 0 else "")
        event = f", event {self.source}" if self.source else ""
        return (
            f"first difference in {self.what} {place}{event}, journal entry {self.sequence}:"
            f" {self.field} was written as {self.written}, folds to {self.refolded}"
        )


@dataclass(frozen=True)
class PartitionParity:
    """One partition's outcome."""

    partition: int
    entries: int
    records: int
    environments: tuple[str, ...]
    difference: Difference | None


@dataclass(frozen=True)
class Parity:
    """A line's outcome: ``equal`` or ``different``."""

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


def parity(
    bootstrap: str,
    line: str,
    control: Control,
    *,
    recipe: str | None = None,
    progress: Callable[[], None] | None = None,
) -> Parity:
    """Re-run a line's journal and compare with its topics.

    Parameters
    ----------
    recipe
        Put this in the champion's place: what would then be different?
    progress
        Told when a partition is done.

    Raises
    ------
    LablineError
        ``LL-PARITY-NOTHING`` when the line has no journal yet.
    """
    revisions = {offset: r for offset, r in control.history.items() if r.line == line}
    if not revisions:
        raise LablineError(
            "LL-PARITY-NOTHING", f"line {line} was never promoted", "labline promote NAME@N"
        )
    if recipe is not None:
        revisions = {offset: _with_recipe(r, recipe) for offset, r in revisions.items()}
    partitions = sorted(partition_offsets(bootstrap, [line_topics(line).journal]).popitem()[1])
    context = multiprocessing.get_context("spawn")
    workers = min(len(partitions), context.cpu_count())
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        futures = [
            pool.submit(check_partition, bootstrap, line, revisions, partition)
            for partition in partitions
        ]
        results = []
        for future in futures:
            results.append(future.result())
            if progress is not None:
                progress()
    if not any(result.entries for result in results):
        raise LablineError(
            "LL-PARITY-NOTHING", f"the journal of line {line} is empty", "labline factory run"
        )
    different = any(result.difference for result in results)
    return Parity(line, "different" if different else "equal", environment_digest(), tuple(results))


def _with_recipe(revision: Revision, recipe: str) -> Revision:
    champion = revision.slots[CHAMPION]._replace(recipe=recipe)
    return replace(revision, slots={**revision.slots, CHAMPION: champion})


def check_partition(
    bootstrap: str, line: str, revisions: Mapping[int, Revision], partition: int
) -> PartitionParity:
    """Compare one partition, up to its first difference."""
    inputs = spec_of(next(iter(revisions.values()))).inputs
    journal = read_journal(bootstrap, line_topics(line).journal, partition)
    written = _Written(bootstrap, line, partition)
    entries = records = 0
    environments: set[str] = set()
    difference: Difference | None = None
    past: Iterator[PastRun] = refold_partition(
        bootstrap, journal, inputs, partition, lambda offset: spec_of(revisions[offset])
    )
    for entry, run, _ in past:
        entries += 1
        records += len(run.emissions)
        environments.add(entry.environment)
        difference = written.compare(entry, run.emissions)
        if difference is None and (run.digest(), run.next_offsets) != (
            entry.digest,
            entry.next_offsets,
        ):
            difference = written.journal_differs(entry)
        if difference is not None:
            break
    else:
        difference = written.rest(entries)
        if difference is not None and _grew(bootstrap, line, partition, entries):
            difference = None  # the line is running: what is left belongs to newer entries
    return PartitionParity(partition, entries, records, tuple(sorted(environments)), difference)


def _grew(bootstrap: str, line: str, partition: int, entries: int) -> bool:
    return sum(1 for _ in read_journal(bootstrap, line_topics(line).journal, partition)) > entries


class _Written:
    """What a partition's output topics hold, read alongside the re-run."""

    def __init__(self, bootstrap: str, line: str, partition: int) -> None:
        topics = line_topics(line)
        self._partition = partition
        self._topics = {ANSWER: topics.scores, SHADOW: topics.shadow, DEAD_LETTER: topics.dlq}
        self._journal = topics.journal
        offsets = partition_offsets(bootstrap, list(self._topics.values()))
        self._records: dict[str, Iterator[Record]] = {}
        for kind, topic in self._topics.items():
            place = offsets[topic][partition]
            batches = read_range(bootstrap, topic, partition, place.start, place.stable)
            self._records[kind] = chain.from_iterable(batches)

    def compare(self, entry: Entry, emissions: Iterable[Emission]) -> Difference | None:
        """Return the first emission that is not what was written."""
        for emission in emissions:
            kind, key, value, _ = emission
            record = next(self._records[kind], None)
            if record is None or record[2] != key or record[3] != value:
                return self._difference(entry.sequence, emission, record)
        return None

    def rest(self, entries: int) -> Difference | None:
        """Return the first record that no journal entry accounts for."""
        for kind in self._topics:
            record = next(self._records[kind], None)
            if record is not None:
                return self._difference(entries, (kind, None, None, None), record)
        return None

    def journal_differs(self, entry: Entry) -> Difference:
        """Return that the outputs are as written, but not what the journal vouches for."""
        return Difference(
            "journal", self._journal, self._partition, -1, entry.sequence, "", "digest",
            entry.digest.hex(), "of the outputs as they are now: another",
        )  # fmt: skip

    def _difference(self, sequence: int, emission: Emission, record: Record | None) -> Difference:
        kind, key, value, _ = emission
        written = _fields(kind, record and record[2], record and record[3])
        refolded = _fields(kind, key, value)
        names = [*written, *(name for name in refolded if name not in written)]
        field = next((n for n in names if written.get(n) != refolded.get(n)), "value")
        known = refolded if "offset" in refolded else written
        source = f"{known.get('topic')}[{known.get('partition')}]@{known.get('offset')}"
        return Difference(
            KINDS[kind],
            self._topics[kind],
            self._partition,
            -1 if record is None else record[0],
            sequence,
            f"{source} id {known['id']}" if "id" in known else "",
            field,
            repr(written.get(field)),
            repr(refolded.get(field)),
        )


def _fields(kind: str, key: bytes | None, value: bytes | None) -> Mapping[str, Any]:
    """Return a record as named values: decoded where it is a score, raw where it is not."""
    if key is None and value is None:
        return {}
    if kind == DEAD_LETTER:
        return {"key": key, "value": value}
    name = "labline.Score" if kind == ANSWER else "labline.Shadow"
    found = engine_schema(name).decode(value)
    if isinstance(found, Rejection):
        return {"key": key, "value": value}
    scores = found.pop("scores", [])
    slots = {f"{s['slot']} {s['model']} probability": s["probability"] for s in scores}
    return {**found, **slots, "key": key}
