"""What a line has written, read back into plain lists."""

from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

from labline.engine.broker.reader import partition_offsets, read_range
from labline.engine.core.journal import Entry, decode_entry
from labline.engine.core.record import Headers, Record
from labline.engine.core.snapshot import Sealed
from labline.engine.models.learning.snapshot_store import SnapshotStore
from labline.schemas.engine_schemas import engine_schema
from labline.schemas.rejection import Rejection
from labline.topics.naming import line_topics

Written = tuple[bytes | None, bytes | None, Headers]  # key, value, headers
Outputs = dict[str, dict[int, list[Written]]]


class Source(NamedTuple):
    """An input record's place."""

    topic: str
    partition: int
    offset: int


def read_topic(bootstrap: str, topic: str) -> dict[int, list[Record]]:
    """Return a topic's committed records by partition."""
    offsets = partition_offsets(bootstrap, [topic])[topic]
    return {
        partition: [
            record
            for batch in read_range(bootstrap, topic, partition, place.start, place.stable)
            for record in batch
        ]
        for partition, place in sorted(offsets.items())
    }


def decoded(schema: str, value: bytes | None) -> dict[str, Any]:
    """Return a record of an engine's topic, which must be readable."""
    found = engine_schema(schema).decode(value)
    assert not isinstance(found, Rejection), found
    return found


def line_outputs(bootstrap: str, line: str) -> Outputs:
    """Return what a line wrote, per kind and partition, in order.

    What legitimately differs from line to line is made the same: the revision in scores, the
    line's name in dead letters.
    """
    topics, read = line_topics(line), partial(read_topic, bootstrap)
    return {
        "scores": _each(read(topics.scores), partial(_unrevised, "labline.Score")),
        "shadow": _each(read(topics.shadow), partial(_unrevised, "labline.Shadow")),
        "dlq": _each(read(topics.dlq), _unnamed),
    }


def line_outcomes(bootstrap: str, line: str) -> Counter[str]:
    """Return the sums over a line's vitals: totals, and what became of labels."""
    found: Counter[str] = Counter()
    for records in read_topic(bootstrap, line_topics(line).vitals).values():
        for record in records:
            vitals = decoded("labline.Vitals", record[3])
            found.update(vitals["outcomes"])
            found.update({n: vitals[n] for n in ("events", "answers", "dead_letters", "labels")})
    return found


def line_journal(bootstrap: str, line: str) -> dict[int, list[Entry]]:
    """Return a line's journal by partition."""
    journal = read_topic(bootstrap, line_topics(line).journal)
    return {p: [decode_entry(r[3]) for r in records] for p, records in journal.items()}


def _each(
    records: Mapping[int, list[Record]], normal: Callable[[Record], Written]
) -> dict[int, list[Written]]:
    return {partition: [normal(record) for record in records[partition]] for partition in records}


def _unrevised(schema: str, record: Record) -> Written:
    datum = decoded(schema, record[3])
    # the engine writes these bytes without fastavro: they must be what fastavro writes
    assert engine_schema(schema).encode(datum) == record[3]
    return record[2], engine_schema(schema).encode({**datum, "revision": 0}), record[4]


def _unnamed(record: Record) -> Written:
    return record[2], record[3], [h for h in record[4] or [] if h[0] != "labline.error.line"]


def newest_state_digest(store: SnapshotStore, line: str, partition: int) -> str:
    """Return the digest of the state in a task's newest snapshot."""
    sealed = store.read(store.names(line, partition)[0])
    assert isinstance(sealed, Sealed), sealed
    return sealed.header.state_digest
