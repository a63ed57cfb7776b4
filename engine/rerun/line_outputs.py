"""What a partition of a line's topics holds, read alongside a re-run and compared with it.

Called by parity, what-if and the check before an upgrade. What comes in are the emissions of a
fold, in order; what goes out is the first `Difference`. What must stay true: each record that was
written is looked at once, in the order of its log; and what retention took is no difference, as
long as nothing of its kind was found: a journal's digest speaks for it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple

from labline.engine.broker.reader import partition_offsets, read_range
from labline.engine.core.journal import Entry
from labline.engine.core.record import ANSWER, DEAD_LETTER, SHADOW, Emission, Record
from labline.engine.rerun.output_records import OUTPUTS, emission_source, fields, is_same, source_of
from labline.topics.naming import line_topics

NO_RECORD: Record = (-1, -1, None, None, None)


@dataclass(frozen=True)
class Difference:
    """The first place in a partition where the past and its re-run part.

    Attributes
    ----------
    what : str
        Kind of emission, or ``journal`` when it is the journal's entry that differs.
    topic, partition, offset
        Where the written record is (-1: there is none).
    sequence : int
        Of the journal entry.
    source : str
        Topic, partition and offset of the event, as far as they are known.
    field, written, refolded : str
        The first differing field and both values.
    state_before : str
        Digest of the task's state before the entry ("": not computed).
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
    state_before: str = ""

    def sentence(self) -> str:
        """Return it in words."""
        place = f"{self.topic}[{self.partition}]" + (f"@{self.offset}" if self.offset >= 0 else "")
        event = f", event {self.source}" if self.source else ""
        return (
            f"first difference in {self.what} {place}{event}, journal entry {self.sequence}:"
            f" {self.field} was written as {self.written}, folds to {self.refolded}"
            + (f"; the state before it is {self.state_before[:16]}" if self.state_before else "")
        )


class Unaccounted(NamedTuple):
    """A record beyond the last journal entry.

    Attributes
    ----------
    difference : Difference
        What it is, if nothing accounts for it.
    is_newer : bool
        Whether it answers a record that was not taken yet then: a newer entry may account for it.
    """

    difference: Difference
    is_newer: bool


class LineOutputs:
    """What a partition's output topics hold, in the order of their logs.

    Attributes
    ----------
    deleted : int
        Records that retention took: only the journal's digest speaks for them.
    """

    def __init__(self, bootstrap: str, line: str, partition: int) -> None:
        topics = line_topics(line)
        self._partition = partition
        self._topics = {ANSWER: topics.scores, SHADOW: topics.shadow, DEAD_LETTER: topics.dlq}
        self._journal = topics.journal
        offsets = partition_offsets(bootstrap, list(self._topics.values()))
        self._records: dict[str, Iterator[Record]] = {}
        self._unread: dict[str, Record] = {}  # by kind a record that is next once more
        self._cut: set[str] = set()  # kinds whose log may begin later than the journal
        self.deleted = 0
        for kind, topic in self._topics.items():
            log = offsets[topic][partition]
            batches = read_range(bootstrap, topic, partition, log.start, log.stable)
            self._records[kind] = chain.from_iterable(batches)
            if log.start > 0:
                self._cut.add(kind)

    def pass_over(self, entry: Entry, inputs: Sequence[str | None]) -> None:
        """Pass over what was written for the records that an entry took."""
        ranges = zip(entry.first_offsets, entry.next_offsets, strict=True)
        self._pass_ranges(dict(zip(inputs, ranges, strict=True)))

    def pass_before(self, entry: Entry, inputs: Sequence[str | None]) -> None:
        """Pass over what was written before an entry, the first that the journal still has."""
        self._pass_ranges(
            {topic: (0, first) for topic, first in zip(inputs, entry.first_offsets, strict=True)}
        )

    def _pass_ranges(self, ranges: Mapping[str | None, tuple[int, int]]) -> None:
        for kind in self._topics:
            ahead = dict(ranges)
            while (record := self.next(kind)) is not None:
                topic, _, offset = source_of(kind, record)
                first, until = ahead.get(topic, (0, 0))
                if not first <= offset < until:
                    self._unread[kind] = record
                    break
                ahead[topic] = (offset + 1, until)  # once only: offsets can be moved back
                self._cut.discard(kind)

    def next(self, kind: str) -> Record | None:
        """Return the next record of a kind; None: that was all."""
        return self._unread.pop(kind, None) or next(self._records[kind], None)

    def compare(self, entry: Entry, emissions: Iterable[Emission]) -> Difference | None:
        """Return the first emission that is not what was written."""
        return self.same_until(entry, emissions)[1]

    def same_until(
        self, entry: Entry, emissions: Iterable[Emission]
    ) -> tuple[int, Difference | None]:
        """Return how many emissions are what was written, and how the next one is not.

        What retention took is counted as deleted: the journal's digest alone speaks for it.
        """
        same = 0
        for emission in emissions:
            kind = emission[0]
            record = self.next(kind)
            if kind in self._cut:
                if record is None or _place(source_of(kind, record)) != _place(
                    emission_source(emission)
                ):
                    self.deleted += 1
                    same += 1
                    if record is not None:
                        self._unread[kind] = record
                    continue
                self.end_cut(kind)
            if record is None or not is_same(record, emission):
                if record is not None:
                    self._unread[kind] = record
                return same, self._difference(entry.sequence, emission, record)
            same += 1
        return same, None

    def is_cut(self, kind: str) -> bool:
        """Tell whether a missing record of a kind may be one that retention took."""
        return kind in self._cut

    def end_cut(self, kind: str) -> None:
        """Note that the first surviving record of a kind was found.

        From here on a missing one is a difference, not retention.
        """
        self._cut.discard(kind)

    def rest(self, last: Entry | None, inputs: Sequence[str | None]) -> Unaccounted | None:
        """Return the first record that no entry up to the last one accounts for.

        One that can only be an intruder comes before one that newer entries may account for.

        Parameters
        ----------
        last : Entry or None
            The journal's last entry; None: it has none.
        inputs : sequence of str
            Topics of events, labels and retries.
        """
        ends = dict(zip(inputs, last.next_offsets if last else [0] * len(inputs), strict=True))
        sequence = last.sequence + 1 if last else 0
        rest: list[Unaccounted] = []
        for kind in self._topics:
            record = self.next(kind)
            if record is not None:
                self._unread[kind] = record
                topic, _, offset = source_of(kind, record)
                difference = self._difference(sequence, (kind, None, None, None), record)
                rest.append(Unaccounted(difference, offset >= ends.get(topic, offset + 1)))
        return min(rest, key=lambda record: record.is_newer, default=None)

    def journal_differs(self, entry: Entry) -> Difference:
        """Return that the outputs are as written, but not what the journal vouches for."""
        return Difference(
            what="journal",
            topic=self._journal,
            partition=self._partition,
            offset=-1,
            sequence=entry.sequence,
            source="",
            field="digest",
            written=entry.digest.hex(),
            refolded="of the outputs as they are now: another",
        )

    def _difference(self, sequence: int, emission: Emission, record: Record | None) -> Difference:
        kind, key, value, headers = emission
        written = fields(kind, *(record or NO_RECORD)[2:])
        refolded = fields(kind, key, value, headers)
        names = [*written, *(name for name in refolded if name not in written)]
        field = next((n for n in names if written.get(n) != refolded.get(n)), "value")
        known = refolded if "offset" in refolded else written
        source = f"{known.get('topic')}[{known.get('partition')}]@{known.get('offset')}"
        return Difference(
            what=OUTPUTS[kind],
            topic=self._topics[kind],
            partition=self._partition,
            offset=-1 if record is None else record[0],
            sequence=sequence,
            source=f"{source} id {known['id']}" if "id" in known else "",
            field=field,
            written=repr(written.get(field)),
            refolded=repr(refolded.get(field)),
        )


def _place(source: tuple[str, int, int]) -> tuple[str, int]:
    """Return a source without its partition, which is this one for all of them."""
    topic, _, offset = source
    return topic, offset
