"""The inbox of a line: its dead letters, read and put into groups."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from labline.engine.broker.reader import partition_offsets, read_range
from labline.engine.core.dead_letter import ERROR_PREFIX
from labline.engine.core.record import Headers, Record
from labline.engine.errors import LablineError
from labline.topics.naming import line_topics

UNKNOWN = "unknown"


class DeadLetter(NamedTuple):
    """One dead letter: where it lies, what its headers say, and the original bytes.

    What a foreign writer left out is ``unknown``, or None for numbers.
    """

    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: Headers
    stage: str
    reason: str
    message: str
    model: str
    schema: str
    topic: str
    source_partition: int | None
    source_offset: int | None
    attempt: int | None

    @property
    def source(self) -> str:
        """Where the record came from: ``topic/partition/offset``."""
        at = (self.source_partition, self.source_offset)
        return "/".join((self.topic, *("?" if number is None else str(number) for number in at)))


class Group(NamedTuple):
    """Dead letters with one stage, reason, model and schema.

    Attributes
    ----------
    first, last
        Sources of the first and the last to be written: ``topic/partition/offset``.
    sample
        A letter to look at (the first), by its own partition and offset.
    """

    stage: str
    reason: str
    model: str
    schema: str
    letters: int
    first: str
    last: str
    first_ms: int
    last_ms: int
    message: str
    sample: tuple[int, int]


def read_letters(bootstrap: str, line: str) -> Iterator[DeadLetter]:
    """Yield the dead letters of a line, partition by partition, as far as they are stable."""
    topic = line_topics(line).dlq
    for partition, (start, stable, _) in sorted(
        partition_offsets(bootstrap, [topic])[topic].items()
    ):
        for batch in read_range(bootstrap, topic, partition, start, stable):
            for record in batch:
                yield parse_letter(partition, record)


def read_letter(bootstrap: str, line: str, partition: int, offset: int) -> DeadLetter:
    """Return one dead letter.

    Raises
    ------
    LablineError
        ``LL-DLQ-ABSENT`` when no letter is there.
    """
    topic = line_topics(line).dlq
    there = partition_offsets(bootstrap, [topic])[topic].get(partition)
    if there is not None and there.start <= offset < there.stable:
        for batch in read_range(bootstrap, topic, partition, offset, offset + 1):
            return parse_letter(partition, batch[0])
    raise LablineError(
        "LL-DLQ-ABSENT",
        f"{topic} has no dead letter at partition {partition}, offset {offset}",
        f"labline dlq list {line} names one of each kind",
    )


def parse_letter(partition: int, record: Record) -> DeadLetter:
    r"""Read what a dead letter's headers say.

    Examples
    --------
    >>> headers = [("labline.error.stage", b"decode"), ("labline.error.offset", b"7")]
    >>> letter = parse_letter(0, (3, 99, b"k", b"\x00", headers))
    >>> letter.stage, letter.reason, letter.source
    ('decode', 'unknown', 'unknown/?/7')
    """
    offset, timestamp_ms, key, value, headers = record
    said = {
        name.removeprefix(ERROR_PREFIX): (content or b"").decode(errors="replace")
        for name, content in headers or ()
        if name.startswith(ERROR_PREFIX)
    }

    def text(name: str) -> str:
        return said.get(name) or UNKNOWN

    def number(name: str) -> int | None:
        digits = said.get(name, "")
        return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 20 else None

    return DeadLetter(
        partition=partition,
        offset=offset,
        timestamp_ms=timestamp_ms,
        key=key,
        value=value,
        headers=headers,
        stage=text("stage"),
        reason=text("reason"),
        message=text("message"),
        model=text("model"),
        schema=text("schema"),
        topic=text("topic"),
        source_partition=number("partition"),
        source_offset=number("offset"),
        attempt=number("attempt"),
    )


def group_letters(letters: Iterable[DeadLetter]) -> list[Group]:
    """Put dead letters into groups, the largest first.

    Examples
    --------
    >>> headers = [("labline.error.stage", b"decode"), ("labline.error.reason", b"truncated")]
    >>> letters = [parse_letter(0, (n, n, None, b"", headers)) for n in range(3)]
    >>> [(g.stage, g.reason, g.letters, g.sample) for g in group_letters(letters)]
    [('decode', 'truncated', 3, (0, 0))]
    """
    spans: dict[tuple[str, str, str, str], tuple[int, DeadLetter, DeadLetter]] = {}
    for letter in letters:
        kind = (letter.stage, letter.reason, letter.model, letter.schema)
        count, first, last = spans.get(kind, (0, letter, letter))
        spans[kind] = (count + 1, min(first, letter, key=_when), max(last, letter, key=_when))
    groups = [
        Group(
            *kind,
            count,
            first.source,
            last.source,
            first.timestamp_ms,
            last.timestamp_ms,
            first.message,
            (first.partition, first.offset),
        )
        for kind, (count, first, last) in spans.items()
    ]
    return sorted(groups, key=lambda group: (-group.letters, group[:4]))


def _when(letter: DeadLetter) -> tuple[int, int, int]:
    return letter.timestamp_ms, letter.partition, letter.offset
