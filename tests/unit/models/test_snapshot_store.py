"""The store of snapshots, and which of them fit, without a broker."""

from pathlib import Path

import pytest

from labline.engine.core.journal import Entry
from labline.engine.core.snapshot import Header, Sealed
from labline.engine.factory.restoring import Goal, why_unfit
from labline.engine.models.learning.snapshot_store import SnapshotStore

DAY_MS = 86_400_000
KEY = b"k" * 32


def header(sequence: int, written_ms: int) -> Header:
    """Return a header of which only the place and the time matter."""
    return Header(
        line="l", partition=0, sequence=sequence, journal_offset=0, entry_digest="",
        next_offsets=[1, 0, 0], revision=0, environment="e", state_digest="d",
        written_ms=written_ms,
    )  # fmt: skip


@pytest.mark.parametrize("kind", ["folder", "memory"])
def test_kept_are_the_newest_few_and_one_of_each_day(tmp_path: Path, kind: str) -> None:
    """By age: those of a past that was another one must not drive the new ones out."""
    url = str(tmp_path) if kind == "folder" else f"memory://{tmp_path.name}"
    store = SnapshotStore(url, KEY)
    now_ms = 1_000 * DAY_MS
    for day in range(12):  # of a line that was made anew since: all of it is further on
        store.write(header(9_000 + day, now_ms - (13 - day) * DAY_MS), b"old")
    left = tmp_path / "l" / "0" / ".000000000003-0000000000003.snapshot.77.partial"
    if kind == "folder":
        left.write_bytes(b"of a writer that was killed")
    for turn in range(5):
        store.write(header(1 + turn, now_ms + turn), b"new")
    kept = {named.sequence for named in store.names("l", 0)}
    assert kept == {3, 4, 5} | set(range(9_005, 9_012))
    store.write(header(6, now_ms - 99 * DAY_MS), b"with the clock set back")
    assert [n.sequence for n in store.names("l", 0) if n.sequence < 9_000] == [6, 5, 4, 3]
    found = store.read(store.names("l", 0)[-1])
    assert isinstance(found, Sealed)
    assert found.state == b"new"
    assert not left.exists()


def test_a_store_that_does_not_answer_is_told_apart(tmp_path: Path) -> None:
    """It is no reason to end: the log has everything."""
    store = SnapshotStore(str(tmp_path), KEY)
    store.write(header(1, 1), b"state")
    (named,) = store.names("l", 0)
    Path(named.path).unlink()
    Path(named.path).mkdir()
    why = store.read(named)
    assert isinstance(why, str)
    assert "cannot be read" in why


A, B, C = "environment-a", "environment-b", "environment-c"
#: environment and origin of a snapshot; kinds and environments after it; who asks; does it fit
FITS = [
    (A, "folded", [], A, True),
    (A, "folded", [("taken", A)], A, True),
    (A, "folded", [], B, True),  # to be carried over
    (A, "folded", [("taken", A)], B, False),
    (A, "folded", [("carried", B), ("taken", B)], B, True),  # killed before its own snapshot
    (A, "folded", [("rebuilt", B), ("taken", B)], B, False),
    (A, "folded", [("carried", B), ("carried", A)], A, False),
    (B, "folded", [("taken", B), ("rebuilt", B)], B, False),
    (B, "rebuilt", [], B, True),  # to be switched to
    (B, "rebuilt", [], A, False),  # the upgrade was not done
    (B, "rebuilt", [], C, False),
    (B, "rebuilt", [("rebuilt", B), ("taken", B)], B, True),
    (B, "rebuilt", [("carried", B), ("taken", B)], B, False),
    (B, "folded", [], A, False),  # what A left is in a snapshot of A's own
]


@pytest.mark.parametrize(("wrote", "origin", "after", "asks", "fits"), FITS)
def test_a_snapshot_of_other_versions_fits_where_the_journal_leads_from_it(
    wrote: str, origin: str, after: list[tuple[str, str]], asks: str, fits: bool
) -> None:
    """Carried over or rebuilt, and never the one for the other."""
    told = [("taken", A), *after]
    journal = [
        Entry(n, 0, environment, (n, 0, 0), (n + 1, 0, 0), (), b"d", kind, n)
        for n, (kind, environment) in enumerate(told)
    ]
    fields = {"entry_digest": b"d".hex(), "environment": wrote, "origin": origin}
    found = header(1, 0).model_copy(update=fields)
    fit = Goal(None, 0, journal[-1], asks)  # type: ignore[arg-type]
    assert (why_unfit(found, journal, fit) is None) == fits
