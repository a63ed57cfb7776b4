"""Reading what was written beside a re-run: where it begins, what is gone, what is too much."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from labline.engine.broker.reader import Offsets
from labline.engine.core.dead_letter import ERROR_PREFIX
from labline.engine.core.journal import Entry
from labline.engine.core.record import DEAD_LETTER, Emission, Record
from labline.engine.rerun import line_outputs as written
from labline.engine.rerun.line_outputs import LineOutputs
from labline.engine.rerun.partition_past import LineRerun, PartitionPast
from labline.lab_replay.parity import partition as parity_partition
from labline.lab_replay.parity.partition import EntryRange, check_partition
from labline.topics.naming import line_topics

INPUTS = ("events", "labels", "retry")
TOPICS = line_topics("line")


def letter(
    offset: int, value: bytes = b"v", topic: str = "events", reason: bytes = b"future"
) -> Emission:
    headers: Any = [(f"{ERROR_PREFIX}topic", topic.encode()), (f"{ERROR_PREFIX}reason", reason)]
    return DEAD_LETTER, b"k", value, [*headers, (f"{ERROR_PREFIX}offset", b"%d" % offset)]


def entry(sequence: int, first: int, until: int, kind: str = "taken") -> Entry:
    return Entry(sequence, 0, "e", (first, 0, 0), (until, 0, 0), (), b"", kind)


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> list[Emission]:
    """Give the dead letters of a partition; the other topics are empty."""
    held: list[Emission] = []

    def offsets(_: str, topics: list[str]) -> dict[str, dict[int, Offsets]]:
        start = deleted(held)
        found = {topic: {0: Offsets(0, 0, 0)} for topic in topics}
        return {**found, TOPICS.dlq: {0: Offsets(start, len(held), len(held))}}

    def read(_: str, topic: str, *__: Any) -> Iterator[list[Record]]:
        told = held[deleted(held) :] if topic == TOPICS.dlq else []
        yield [(at, 0, e[1], e[2], e[3]) for at, e in enumerate(told, deleted(held))]

    monkeypatch.setattr(written, "partition_offsets", offsets)
    monkeypatch.setattr(written, "read_range", read)
    return held


GONE = (DEAD_LETTER, None, b"gone", None)


def deleted(held: list[Emission]) -> int:
    return held.count(GONE)


def outputs() -> LineOutputs:
    return LineOutputs("broker", "line", 0)


def test_what_earlier_entries_wrote_is_passed_over(log: list[Emission]) -> None:
    log += [letter(1), letter(5), letter(6)]
    found = outputs()
    found.pass_over(entry(0, 0, 3), INPUTS)
    found.pass_over(entry(1, 3, 6), INPUTS)
    assert found.compare(entry(2, 6, 9), [letter(6)]) is None
    assert found.rest(entry(2, 6, 9), INPUTS) is None


def test_offsets_that_were_moved_back_are_written_twice(log: list[Emission]) -> None:
    """By offset alone the first time would pass for the second."""
    log += [letter(1, b"first"), letter(2, b"first"), letter(1, b"second")]
    found = outputs()
    for before in (entry(0, 0, 3), entry(1, 3, 0, "moved")):
        found.pass_over(before, INPUTS)
    assert found.compare(entry(2, 0, 3), [letter(1, b"second")]) is None


def test_what_the_journals_begin_does_not_account_for_is_passed_over(log: list[Emission]) -> None:
    log += [letter(1), letter(4)]
    found = outputs()
    found.pass_before(entry(70, 4, 9), INPUTS)
    assert found.compare(entry(70, 4, 9), [letter(4)]) is None


def test_what_retention_took_is_counted_and_the_rest_compared(log: list[Emission]) -> None:
    log += [GONE, GONE, letter(5), letter(6, b"other")]
    found = outputs()
    assert found.compare(entry(0, 0, 6), [letter(1), letter(3), letter(5)]) is None
    assert found.deleted == 2
    difference = found.compare(entry(1, 6, 9), [letter(6)])
    assert difference is not None
    assert (difference.offset, difference.field) == (3, "value")
    assert (difference.written, difference.refolded) == ("b'other'", "b'v'")


def test_a_missing_record_of_a_whole_log_is_no_retention(log: list[Emission]) -> None:
    log += [letter(5)]
    difference = outputs().compare(entry(0, 0, 6), [letter(1), letter(5)])
    assert difference is not None
    assert (difference.what, difference.sequence) == ("dead letter", 0)


def test_a_record_beyond_the_journal_is_an_intruder_unless_newer_entries_wrote_it(
    log: list[Emission],
) -> None:
    log += [letter(1), letter(9)]
    found = outputs()
    assert found.compare(entry(0, 0, 3), [letter(1)]) is None
    left = found.rest(entry(0, 0, 3), INPUTS)
    assert left is not None
    assert left.is_newer
    again = outputs()
    intruder = again.rest(entry(0, 0, 3), INPUTS)
    assert intruder is not None
    assert not intruder.is_newer
    assert intruder.difference.sequence == 1


def test_a_dead_letter_is_the_same_only_with_the_same_reason(log: list[Emission]) -> None:
    log += [letter(1), letter(2, reason=b"unknown-schema")]
    difference = outputs().compare(entry(0, 0, 3), [letter(1), letter(2)])
    assert difference is not None
    assert (difference.offset, difference.field) == (1, "labline.error.reason")
    assert (difference.written, difference.refolded) == ("b'unknown-schema'", "b'future'")


def test_other_headers_of_a_dead_letter_are_its_producers(log: list[Emission]) -> None:
    kind, key, value, headers = letter(1)
    log.append((kind, key, value, [("trace", b"7"), *(headers or ())]))
    assert outputs().compare(entry(0, 0, 3), [letter(1)]) is None


@pytest.mark.parametrize(("cut", "found"), [(False, 1), (True, 0)])
def test_outputs_of_a_partition_without_a_journal_are_intruders_unless_it_was_cut(
    log: list[Emission], monkeypatch: pytest.MonkeyPatch, cut: bool, found: int
) -> None:
    log += [letter(1)]
    monkeypatch.setattr(parity_partition, "MARKER_DEADLINE_S", 0.0)
    monkeypatch.setattr(PartitionPast, "entries", lambda *_: iter(()))
    monkeypatch.setattr(PartitionPast, "is_journal_cut", lambda _: cut)
    spec = SimpleNamespace(inputs=INPUTS)
    origin = LineRerun("broker", "line", {0: Any}, None, lambda _: spec)  # type: ignore[dict-item, arg-type, return-value]
    part, table = check_partition(origin, 0)
    assert (part.entries, len(table.totals()) if table else 0) == (0, found)
    assert (part.difference is not None) == bool(found)
    if part.difference:
        assert (part.difference.what, part.difference.sequence) == ("dead letter", 0)
    assert (
        check_partition(origin, 0, EntryRange(0, 5))[0].difference is None
    )  # only so far is asked
