"""Snapshots: what makes a return short, and must never make it wrong."""

import json
import resource
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import TopicPartition

from labline.engine.core.snapshot import MAC_BYTES, Sealed, seal, unseal
from labline.engine.factory.exits import EXIT_HANDLED
from labline.engine.models.learning.snapshot_store import load_key
from tests.broker.factory import PARTITIONS, Factory
from tests.broker.process import Process, until
from tests.crash.pair import Calm, Pair, calm_days

DISK_FULL_BYTES = 16 * 1024  # less than a snapshot, more than a log
FOREIGN = b"another factory's key, 32 bytes."


def told(process: Process, what: str) -> list[dict[str, Any]]:
    """Return the facts that a process logged under these words."""
    facts = [json.loads(line) for line in process.said().splitlines() if line.startswith("{")]
    return [fact for fact in facts if what in fact["event"]]


def restored(process: Process) -> dict[int, int]:
    """Return by partition how many journal entries were folded on top of a snapshot."""
    return {f["partition"]: f["entries"] for f in told(process, "state restored from a snapshot")}


def folder(factory: Factory, line: str, partition: int = 0) -> Path:
    """Return where a task's snapshots are."""
    return Path(factory.workspace.snapshots) / line / str(partition)


def newest(factory: Factory, line: str, partition: int) -> Path:
    """Return the file of a task's newest snapshot."""
    return max(folder(factory, line, partition).glob("*.snapshot"))


def key_of(factory: Factory) -> bytes:
    """Return the factory's own key."""
    return load_key(factory.workspace.snapshot_key)


def lengths(factory: Factory, line: str) -> dict[int, int]:
    """Return by partition how many entries a line's journal has."""
    return {partition: len(entries) for partition, entries in factory.journal(line).items()}


def test_a_stop_leaves_snapshots_and_only_what_came_after_is_folded(calm: Calm, name: str) -> None:
    """The longer a line's past, the less a restart may depend on its length."""
    with Pair(calm, name) as pair:
        factory = pair.factory
        first = pair.start()
        pair.await_share(0.3)
        assert first.stop() == 0
        stopped_at = lengths(factory, pair.line)
        second = pair.start()
        pair.await_share(0.5)
        second.kill()
        assert restored(second) == dict.fromkeys(range(PARTITIONS), 0)
        factory.at_rest(pair.line)
        killed_at = lengths(factory, pair.line)
        third = pair.start()
        factory.finish(third, lines=[pair.line])
        assert restored(third) == {p: killed_at[p] - stopped_at[p] for p in killed_at}
        assert not told(third, "REFUSED")
        pair.check()


def test_a_stop_without_input_leaves_a_snapshot_where_the_line_stands(
    calm: Calm, name: str
) -> None:
    """Other versions go on from nowhere else; so the old ones are told to stop once more."""
    with Pair(calm, name) as pair:
        factory = pair.factory
        scorer = pair.start()
        factory.catch_up(scorer, lines=[pair.line])
        scorer.kill()
        again = pair.start()
        until("it is there", lambda: told(again, "assigned"))
        assert again.stop() == 0
        last = {p: entries[-1].sequence for p, entries in factory.journal(pair.line).items()}
        found = {p: int(newest(factory, pair.line, p).name[:12]) - 1 for p in last}
        assert found == last
        pair.check()


def changed(**fields: Any) -> Callable[[Sealed, bytes], bytes]:
    """Return what seals a snapshot again, with another header."""

    def seal_again(sealed: Sealed, key: bytes) -> bytes:
        return seal(sealed.header.model_copy(update=fields), sealed.state, key)

    return seal_again


def further_on(sealed: Sealed, key: bytes) -> bytes:
    """Return the snapshot of a line with this one's name that is further on."""
    header = sealed.header
    ahead = {"sequence": header.sequence + 5_000, "journal_offset": header.journal_offset + 9_999}
    return seal(header.model_copy(update=ahead), sealed.state, key)


def flipped(sealed: Sealed, key: bytes) -> bytes:
    """Return a snapshot with one bit that is not as it was."""
    content = bytearray(seal(*sealed[:2], key))
    content[len(content) // 2] ^= 1
    return bytes(content)


#: kind -> what becomes of a snapshot, and a word of the reason why it is refused
DAMAGES: dict[str, tuple[Callable[[Sealed, bytes], bytes], str]] = {
    "truncated": (lambda sealed, key: seal(*sealed[:2], key)[:-1000], "MAC"),
    "empty": (lambda *_: b"", "no snapshot of a format"),
    "without its MAC": (lambda sealed, key: seal(*sealed[:2], key)[:-MAC_BYTES], "MAC"),
    "flipped": (flipped, "MAC"),
    "of another key": (lambda sealed, _: seal(*sealed[:2], FOREIGN), "MAC"),
    "of another line": (changed(line="another"), "another task"),
    "of another partition": (changed(partition=17), "another task"),
    "from the future": (further_on, "future"),
    "of another past": (changed(entry_digest="00" * 32), "another past"),
    "at a place that the journal has not": (changed(journal_offset=1 << 40), "last entry"),
    "of another environment": (changed(environment="0123456789abcdef"), "environment"),
    "with another state": (changed(state_digest="00" * 32), "not the one"),
    "of an unknown revision": (changed(revision=1 << 40), "no trusted key"),
    "of a state that names what it must not": (
        lambda sealed, key: seal(sealed.header, b"cposix\nsystem\n(S'false'\ntR.", key), "names",
    ),
}  # fmt: skip


def damage(path: Path, kind: str, key: bytes) -> None:
    """Put a damaged snapshot in the place of a good one."""
    sealed = unseal(path.read_bytes(), key)
    assert isinstance(sealed, Sealed)
    content = DAMAGES[kind][0](sealed, key)
    path.unlink()
    found = unseal(content, key)
    sequence = found.header.sequence if isinstance(found, Sealed) else sealed.header.sequence
    path.with_name(f"{sequence:012d}{path.name[12:]}").write_bytes(content)


def test_what_is_damaged_or_foreign_is_refused_and_an_older_one_is_used(
    calm: Calm, name: str, tmp_path: Path, faults: Counter[str]
) -> None:
    """A wrong state that looks right would answer wrongly from then on."""
    with Pair(calm, name) as pair:
        factory = pair.factory
        for share in (0.2, 0.4):
            scorer = pair.start()
            pair.await_share(share)
            assert scorer.stop() == 0
        good, key = tmp_path / "good", key_of(factory)
        shutil.copytree(folder(factory, pair.line).parent, good)
        kinds = list(DAMAGES)
        while kinds:
            shutil.rmtree(folder(factory, pair.line).parent)
            shutil.copytree(good, folder(factory, pair.line).parent)
            now, kinds = kinds[:PARTITIONS], kinds[PARTITIONS:]
            for partition, kind in enumerate(now):
                damage(newest(factory, pair.line, partition), kind, key)
                faults[f"snapshot {kind}"] += 1
            if not kinds:  # and no older one: the log is used
                min(folder(factory, pair.line).glob("*.snapshot")).unlink()
            scorer = pair.start()
            until("it is there", lambda process=scorer: told(process, "assigned"))
            scorer.kill()
            check_refused(scorer, now, rebuilt=not kinds)
        factory.finish(pair.start(), lines=[pair.line])
        pair.check()


def check_refused(scorer: Process, kinds: list[str], *, rebuilt: bool) -> None:
    """Look at what a scorer said of damaged snapshots, one in each of the first partitions."""
    refused = {f["partition"]: f["why"] for f in told(scorer, "LL-SNAPSHOT-REFUSED")}
    assert refused.keys() == set(range(len(kinds))), scorer.said()
    for partition, kind in enumerate(kinds):
        assert DAMAGES[kind][1] in refused[partition]
    folded = restored(scorer)
    assert folded.keys() == set(range(PARTITIONS)) - ({0} if rebuilt else set())
    assert all(folded[p] > 0 for p in refused if p in folded)
    assert len(told(scorer, "rebuilt from the journal")) == rebuilt


def test_a_full_disk_costs_no_answer(calm: Calm, name: str, faults: Counter[str]) -> None:
    """Coming back takes longer, that is all; and the next snapshot is tried."""
    if not hasattr(resource, "prlimit"):
        pytest.skip("a running process's limits can be set on Linux only")
    with Pair(calm, name) as pair:
        factory = pair.factory
        first = pair.start()
        pair.await_share(0.3)
        assert first.stop() == 0
        before = {p: newest(factory, pair.line, p) for p in range(PARTITIONS)}
        full = pair.start()
        limits = (DISK_FULL_BYTES, DISK_FULL_BYTES)
        resource.prlimit(full.pid, resource.RLIMIT_FSIZE, limits)
        pair.await_share(0.5)
        shutil.rmtree(folder(factory, pair.line, 0))
        folder(factory, pair.line, 0).write_bytes(b"")  # a folder that is none
        assert full.stop() == 0
        assert len(told(full, "LL-SNAPSHOT-UNWRITTEN")) == PARTITIONS, full.said()
        faults["snapshot on a full disk"] += PARTITIONS
        assert {p: newest(factory, pair.line, p) for p in range(1, PARTITIONS)} == {
            p: path for p, path in before.items() if p
        }
        assert not list(folder(factory, pair.line).parent.glob("*/*.partial"))
        last = pair.start()
        factory.finish(last, lines=[pair.line])
        assert restored(last).keys() == {1, 2, 3}
        pair.check()


def test_a_state_too_old_for_the_log_stops_the_line_with_the_choices(
    broker: str, name: str, tmp_path: Path
) -> None:
    """What is gone from the log is in a snapshot, or nowhere: nobody guesses it."""
    with calm_days(broker, tmp_path) as calm, Pair(calm, name) as pair:
        factory = pair.factory
        scorer = pair.start()
        pair.await_share(0.4)
        assert scorer.stop() == 0
        here, away = folder(factory, pair.line).parent, tmp_path / "away"
        shutil.move(here, away)
        gone = [TopicPartition(*place, at) for place, at in factory.committed(pair.line).items()]
        for deleted in factory.admin.delete_records(gone).values():
            deleted.result()
        stopped = pair.start()
        assert stopped.ended() == EXIT_HANDLED
        assert '"code": "LL-LOG-TRUNCATED"' in stopped.said()
        assert "a snapshot that is newer" in stopped.said()
        shutil.move(away, here)
        factory.finish(pair.start(), lines=[pair.line])
        pair.check()
