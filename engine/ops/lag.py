"""Lag: what a group has yet to read. Facts in, numbers out; unknown is not zero."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

#: In rising order of concern.
VERDICTS = ("caught up", "behind", "no commit", "unknown", "lost")
Verdict: TypeAlias = Literal["caught up", "behind", "no commit", "unknown", "lost"]

#: Up to so many offsets behind, a partition is looked through for what is a record.
LOOK_MAX_RECORDS = 1_000


class Look(NamedTuple):
    """What a ``read_committed`` look between the commit and the last stable offset found.

    Attributes
    ----------
    records
        How many records a reader would see; None when it did not look to the end.
    first_append_ms
        When the broker appended the first of them; None when nothing is there, or its topic
        has not the broker's own time.
    """

    records: int | None
    first_append_ms: int | None


@dataclass(frozen=True)
class PartitionFacts:
    """What was fetched about one partition of one group; None is not known.

    Attributes
    ----------
    committed
        The next offset that the group would read, as it committed it.
    start, stable, end
        Log start, last stable offset, and high watermark: where a reader of uncommitted
        records stops.
    look
        None where there was nothing to look at, or looking failed.
    member
        Who reads it now: client id and host.
    error
        Why something is not known.
    """

    topic: str
    partition: int
    committed: int | None
    start: int | None
    stable: int | None
    end: int | None
    look: Look | None = None
    member: str | None = None
    error: str | None = None


class PartitionLag(NamedTuple):
    """One row.

    Attributes
    ----------
    records
        Offsets yet to be read to the end, as ``kafka-consumer-groups`` counts them.
    visible
        Those of them below the last stable offset; the others are held by an open transaction.
    markers
        Those of the visible that are no records: ends of transactions, and aborted ones.
    behind_s
        How long ago the first unread record was appended; 0 when there is none.
    lost
        Offsets that the log dropped before the group had read them.
    """

    topic: str
    partition: int
    committed: int | None
    start: int | None
    stable: int | None
    end: int | None
    records: int | None
    visible: int | None
    markers: int | None
    behind_s: float | None
    lost: int
    member: str | None
    verdict: Verdict
    error: str | None


def lag(*, committed: int | None, start: int, end: int) -> int:
    """Return how many offsets a group has yet to read in one partition.

    Without a commit all that the log holds is yet to be read; a commit past `end` (a topic
    that was made anew) is none.

    Examples
    --------
    >>> lag(committed=None, start=10, end=30), lag(committed=31, start=0, end=30)
    (20, 0)
    >>> lag(committed=4, start=10, end=30)
    20
    """
    assert 0 <= start <= end
    return max(0, end - max(start, start if committed is None else committed))


def partition_lag(facts: PartitionFacts, *, now_ms: int) -> PartitionLag:
    """Compute the lag of one partition.

    Examples
    --------
    >>> facts = PartitionFacts("t", 0, committed=5, start=0, stable=7, end=7, look=Look(1, 1000))
    >>> row = partition_lag(facts, now_ms=3500)
    >>> row.records, row.visible, row.markers, row.behind_s, row.verdict
    (2, 2, 1, 2.5, 'behind')
    """
    start, stable, end, committed = facts.start, facts.stable, facts.end, facts.committed
    records = visible = None
    if start is not None and end is not None:
        records = lag(committed=committed, start=start, end=max(start, end))
    if start is not None and stable is not None:
        visible = lag(committed=committed, start=start, end=max(start, stable))
    lost = max(0, start - committed) if start is not None and committed is not None else 0
    seen = Look(0, None) if visible == 0 else facts.look
    markers = behind_s = None
    if visible is not None and seen is not None:
        if seen.records is not None:
            markers = max(0, visible - seen.records)
        if seen.records == 0:
            behind_s = 0.0
        elif seen.first_append_ms is not None:
            behind_s = max(0, now_ms - seen.first_append_ms) / 1000
    return PartitionLag(
        topic=facts.topic,
        partition=facts.partition,
        committed=committed,
        start=start,
        stable=stable,
        end=end,
        records=records,
        visible=visible,
        markers=markers,
        behind_s=behind_s,
        lost=lost,
        member=facts.member,
        verdict=_verdict(committed, records, visible, seen, lost),
        error=facts.error,
    )


def _verdict(
    committed: int | None, records: int | None, visible: int | None, seen: Look | None, lost: int
) -> Verdict:
    if lost:
        return "lost"
    if records is None or visible is None:
        return "unknown"
    if records == 0:
        return "caught up"
    if committed is None:
        return "no commit"
    if visible == 0 or (seen is not None and seen.records == 0):
        return "caught up"  # what is left are markers, or an open transaction's
    return "behind"


class GroupLag(NamedTuple):
    """A group and its rows, in order of topic and partition.

    Attributes
    ----------
    records, visible, behind_s
        Sums, and the greatest; None when a row's is not known: a sum of some would be a guess.
    error
        Why its commits or members are not known.
    """

    group: str
    state: str
    members: int | None
    verdict: Verdict
    records: int | None
    visible: int | None
    markers: int | None
    behind_s: float | None
    partitions: tuple[PartitionLag, ...]
    error: str | None = None


def group_lag(
    group: str,
    state: str,
    members: int | None,
    rows: Iterable[PartitionLag],
    error: str | None = None,
) -> GroupLag:
    """Put the rows of a group together: its verdict is the worst of theirs.

    Examples
    --------
    >>> facts = PartitionFacts("t", 0, committed=7, start=0, stable=7, end=7)
    >>> found = group_lag("g", "empty", 0, [partition_lag(facts, now_ms=0)])
    >>> found.verdict, found.records, found.behind_s
    ('caught up', 0, 0.0)
    >>> group_lag("g", "empty", 0, []).verdict
    'no commit'
    """
    ordered = tuple(sorted(rows, key=lambda row: (row.topic, row.partition)))
    verdicts = [row.verdict for row in ordered]
    if error is not None:
        verdicts.append("unknown")
    elif not ordered:
        verdicts.append("no commit")
    seconds = [row.behind_s for row in ordered]
    return GroupLag(
        group=group,
        state=state,
        members=members,
        verdict=max(verdicts, key=VERDICTS.index),
        records=_sum(row.records for row in ordered),
        visible=_sum(row.visible for row in ordered),
        markers=_sum(row.markers for row in ordered),
        behind_s=None
        if None in seconds
        else max((s for s in seconds if s is not None), default=None),
        partitions=ordered,
        error=error,
    )


def _sum(counts: Iterable[int | None]) -> int | None:
    total = 0
    for count in counts:
        if count is None:
            return None
        total += count
    return total


def group_as_json(found: GroupLag) -> dict[str, object]:
    """Return a group's lag under stable keys; null is not known."""
    return {
        **found._asdict(),
        "partitions": [row._asdict() for row in found.partitions],
    }
