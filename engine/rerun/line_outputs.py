"""What a partition of a line's topics holds, read alongside a re-run and compared with it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, NamedTuple, TypeAlias

from labline.engine.broker.reader import partition_offsets, read_range
from labline.engine.core.dead_letter import ERROR_PREFIX
from labline.engine.core.journal import Entry
from labline.engine.core.kinds import CLASS_SCORES, SCORES
from labline.engine.core.record import ANSWER, DEAD_LETTER, SHADOW, Emission, Record
from labline.schemas.avro import Rejection
from labline.schemas.engine_schemas import engine_schema
from labline.schemas.framing import Headers
from labline.topics.naming import line_topics

#: Topic, partition and offset of an input record.
Source: TypeAlias = tuple[str, int, int]

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
    state_before
        Digest of the task's state before the entry ("": not asked for).
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


#: What scores may be written as, whatever the kind of the line.
SCHEMAS = dict(zip((ANSWER, SHADOW), zip(SCORES, CLASS_SCORES, strict=True), strict=True))

EMPTY: Record = (-1, -1, None, None, None)


class Left(NamedTuple):
    """A record beyond the last journal entry.

    Attributes
    ----------
    newer
        It answers a record that was not taken yet then: a newer entry may account for it.
    """

    difference: Difference
    newer: bool


class Written:
    """What a partition's output topics hold, read alongside the re-run."""

    def __init__(self, bootstrap: str, line: str, partition: int) -> None:
        topics = line_topics(line)
        self._partition = partition
        self._topics = {ANSWER: topics.scores, SHADOW: topics.shadow, DEAD_LETTER: topics.dlq}
        self._journal = topics.journal
        offsets = partition_offsets(bootstrap, list(self._topics.values()))
        self._records: dict[str, Iterator[Record]] = {}
        self._held: dict[str, Record] = {}
        self._cut: set[str] = set()  # kinds whose log may begin later than the journal
        self.deleted = 0
        for kind, topic in self._topics.items():
            place = offsets[topic][partition]
            batches = read_range(bootstrap, topic, partition, place.start, place.stable)
            self._records[kind] = chain.from_iterable(batches)
            if place.start > 0:
                self._cut.add(kind)

    def pass_over(self, entry: Entry, inputs: Sequence[str | None]) -> None:
        """Pass over what was written for the records that an entry took."""
        taken = zip(entry.first_offsets, entry.next_offsets, strict=True)
        self._pass_while(dict(zip(inputs, taken, strict=True)))

    def pass_before(self, entry: Entry, inputs: Sequence[str | None]) -> None:
        """Pass over what was written before an entry, the first that the journal still has."""
        self._pass_while(
            {topic: (0, first) for topic, first in zip(inputs, entry.first_offsets, strict=True)}
        )

    def _pass_while(self, taken: Mapping[str | None, tuple[int, int]]) -> None:
        for kind in self._topics:
            left = dict(taken)
            while (record := self.next(kind)) is not None:
                topic, offset = _source(kind, record)
                first, until = left.get(topic, (0, 0))
                if not first <= offset < until:
                    self._held[kind] = record
                    break
                left[topic] = (offset + 1, until)  # once only: offsets can be moved back
                self._cut.discard(kind)

    def next(self, kind: str) -> Record | None:
        """Return the next record of a kind; None: that was all."""
        return self._held.pop(kind, None) or next(self._records[kind], None)

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
            kind, key, value, headers = emission
            record = self.next(kind)
            if kind in self._cut:
                wanted = _source(kind, (-1, -1, key, value, headers))
                if record is None or _source(kind, record) != wanted:
                    self.deleted += 1
                    same += 1
                    if record is not None:
                        self._held[kind] = record
                    continue
                self._cut.discard(kind)
            if record is None or not is_same(record, emission):
                if record is not None:
                    self._held[kind] = record
                return same, self._difference(entry.sequence, emission, record)
            same += 1
        return same, None

    def is_cut(self, kind: str) -> bool:
        """Tell whether retention may have taken what is looked for."""
        return kind in self._cut

    def begins(self, kind: str) -> None:
        """Note that what retention left of a kind has begun."""
        self._cut.discard(kind)

    def rest(self, last: Entry | None, inputs: Sequence[str | None]) -> Left | None:
        """Return the first record that no entry up to the last one accounts for.

        One that can only be an intruder comes before one that newer entries may account for.

        Parameters
        ----------
        last
            None: there is no entry.
        """
        ends = dict(zip(inputs, last.next_offsets if last else [0] * len(inputs), strict=True))
        sequence = last.sequence + 1 if last else 0
        found: list[Left] = []
        for kind in self._topics:
            record = self.next(kind)
            if record is not None:
                self._held[kind] = record
                topic, offset = _source(kind, record)
                difference = self._difference(sequence, (kind, None, None, None), record)
                found.append(Left(difference, offset >= ends.get(topic, offset + 1)))
        return min(found, key=lambda left: left.newer, default=None)

    def journal_differs(self, entry: Entry) -> Difference:
        """Return that the outputs are as written, but not what the journal vouches for."""
        return Difference(
            "journal", self._journal, self._partition, -1, entry.sequence, "", "digest",
            entry.digest.hex(), "of the outputs as they are now: another",
        )  # fmt: skip

    def _difference(self, sequence: int, emission: Emission, record: Record | None) -> Difference:
        kind, key, value, headers = emission
        written = fields(kind, *(record or EMPTY)[2:])
        refolded = fields(kind, key, value, headers)
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


def source_of(kind: str, record: Record) -> Source:
    """Return from which input topic, partition and offset a written record comes."""
    if kind == DEAD_LETTER:
        told = dict(record[4] or ())
        topic, partition, offset = (
            told.get(ERROR_PREFIX + name) or b"" for name in ("topic", "partition", "offset")
        )
        return topic.decode(errors="replace"), _number(partition), _number(offset)
    found = fields(kind, record[2], record[3])
    return str(found.get("topic")), int(found.get("partition", -1)), int(found.get("offset", -1))


def _number(text: bytes) -> int:
    return int(text) if text.isdigit() else -1  # an intruder's may say anything


def _source(kind: str, record: Record) -> tuple[str, int]:
    topic, _, offset = source_of(kind, record)
    return topic, offset


def is_same(record: Record, emission: Emission) -> bool:
    """Tell whether a written record is what folding gives, a dead letter's reasons included.

    Its other headers are its producer's.
    """
    kind, key, value, headers = emission
    if (record[2], record[3]) != (key, value):
        return False
    return kind != DEAD_LETTER or reasons(record[4]) == reasons(headers)


def reasons(headers: Headers) -> dict[str, bytes | None]:
    """Return what a dead letter says of why it is one.

    Examples
    --------
    >>> reasons([("mine", b"1"), ("labline.error.reason", b"future")])
    {'labline.error.reason': b'future'}
    """
    return {name: told for name, told in headers or () if name.startswith(ERROR_PREFIX)}


def fields(
    kind: str, key: bytes | None, value: bytes | None, headers: Headers = None
) -> Mapping[str, Any]:
    """Return a record as named values: decoded where it is a score, raw where it is not."""
    if key is None and value is None and not headers:
        return {}
    if kind == DEAD_LETTER:
        return {"key": key, "value": value, **reasons(headers)}
    decoded = [engine_schema(name).decode(value) for name in SCHEMAS[kind]]
    found = next((datum for datum in decoded if not isinstance(datum, Rejection)), None)
    if found is None:
        return {"key": key, "value": value}
    scores = found.pop("scores", [])
    slots = {
        f"{s['slot']} {s['model']} {name}": s[name]
        for s in scores
        for name in s
        if name not in ("slot", "model")
    }
    return {**found, **slots, "key": key}
