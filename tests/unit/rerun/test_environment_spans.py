"""Who wrote which part of a journal, and which snapshot's state a stretch was in."""

from typing import Any

import pytest

from labline.engine.core.journal import Entry
from labline.engine.core.snapshot import Header
from labline.engine.rerun.environment_spans import EnvironmentSpan, JournalSummary, summarize

CARRIED_ON = [(1, 2, "b", "carried"), (2, 3, "c", "carried")]
SHORT = {"t": "taken", "c": "carried", "r": "rebuilt", "m": "moved"}


def entries(*told: str, first: int = 0) -> list[Entry]:
    """Return entries from words such as ``a`` or ``b:c``: environment and kind."""
    found = []
    for at, word in enumerate(told):
        environment, _, kind = word.partition(":")
        digest = bytes([at]) * 32
        kind = SHORT[kind or "t"]
        found.append(Entry(first + at, 0, environment, (at,), (at + 1,), (), digest, kind, 7 * at))
    return found


def header(sequence: int, environment: str, origin: Any = "folded", **more: Any) -> Header:
    told = {
        "line": "l", "partition": 0, "journal_offset": -1, "entry_digest": "",
        "next_offsets": [], "revision": 0, "state_digest": "", **more,
    }  # fmt: skip
    return Header(sequence=sequence, environment=environment, origin=origin, **told)


def shapes(told: JournalSummary) -> list[tuple[int, int, str, str]]:
    return [(s.first, s.until, s.environment, s.kind) for s in told.spans]


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ([], []),
        (["a"], [(0, 1, "a", "taken")]),
        (["a", "a:m", "a"], [(0, 3, "a", "taken")]),
        (["a", "b:c", "b"], [(0, 1, "a", "taken"), (1, 3, "b", "carried")]),
        (["a:r", "b:c", "c:c"], [(0, 1, "a", "rebuilt"), *CARRIED_ON]),
        # folded anew in the environment that wrote it before: its state is another one from there
        (["a", "a:r", "a"], [(0, 1, "a", "taken"), (1, 3, "a", "rebuilt")]),
        # a change that the journal does not explain is told apart, and nothing leads into it
        (["a", "b"], [(0, 1, "a", "taken"), (1, 2, "b", "taken")]),
    ],
)  # fmt: skip
def test_stretches_join_without_gap(
    told: list[str], expected: list[tuple[int, int, str, str]]
) -> None:
    found = summarize(entries(*told))
    assert shapes(found) == expected
    assert found.end == len(told)
    assert found.environments == tuple(sorted({word[0] for word in told}))


def test_a_journal_that_lost_its_begin_says_so() -> None:
    found = summarize(entries("a", "b:c", first=500))
    assert found.begin is not None
    assert found.begin.sequence == 500
    assert shapes(found) == [(500, 501, "a", "taken"), (501, 502, "b", "carried")]


@pytest.mark.parametrize(
    ("kind", "sequence", "environment", "origin", "expected"),
    [
        ("carried", 5, "a", "folded", True),  # that is what it was carried from
        ("carried", 5, "b", "folded", True),  # or checked in b, and equal
        ("carried", 5, "b", "rebuilt", False),  # then its entry would say so
        ("rebuilt", 5, "b", "rebuilt", True),
        ("rebuilt", 5, "a", "rebuilt", False),  # another one's: b would have folded to another
        ("rebuilt", 5, "a", "folded", False),
        ("taken", 5, "b", "folded", False),  # an unexplained change: nothing is known
        ("carried", 7, "b", "folded", True),
        ("carried", 7, "a", "folded", False),
        ("carried", 9, "b", "folded", True),
        ("carried", 9, "b", "rebuilt", False),  # of a switch that comes, or never came
        ("carried", 4, "b", "folded", False),
        ("carried", 10, "b", "folded", False),
    ],
)
def test_a_stretch_was_in_a_snapshots_state(
    kind: str, sequence: int, environment: str, origin: str, expected: bool
) -> None:
    stretch = EnvironmentSpan(5, 9, "b", kind)
    assert stretch.has_state(header(sequence, environment, origin)) is expected


def test_a_snapshot_of_another_past_does_not_stand() -> None:
    """Offsets can be the same by chance; what was emitted then is not."""
    found = summarize(entries("a", "a", "a"), {2})
    digest = (bytes([1]) * 32).hex()
    assert found.contains(header(2, "a", entry_digest=digest, next_offsets=[2]))
    assert not found.contains(header(2, "a", entry_digest=digest, next_offsets=[3]))
    assert not found.contains(header(2, "a", entry_digest="00" * 32, next_offsets=[2]))
    assert not found.contains(header(3, "a", entry_digest=digest, next_offsets=[2]))
    assert found.before[2].offset == 7
