"""Committed offsets that somebody moved, or that expired: never followed blindly."""

import json
import shutil
from collections import Counter
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from labline.engine.broker.members import await_no_members
from labline.engine.core.journal import MOVED
from labline.engine.errors import LablineError
from labline.engine.factory import offsets
from labline.engine.factory.exits import EXIT_HANDLED
from labline.lab_replay.parity.parity import parity
from tests.broker.factory import PARTITIONS, Factory
from tests.broker.kafka_tools import GROUPS, run_tool
from tests.broker.process import until
from tests.broker.written import decoded
from tests.command import labline
from tests.crash.pair import Calm, Pair, check_journal, members

SHIFT = 20


def move(factory: Factory, line: str, to: dict[tuple[str, int], int]) -> None:
    """Move committed offsets with Kafka's own tool, as somebody would."""
    until("a group without members", lambda: members(factory, line) == 0)
    file = factory.workspace.root / "offsets.csv"
    file.write_text("".join(f"{topic},{at},{offset}\n" for (topic, at), offset in to.items()))
    run_tool(
        GROUPS,
        *("--bootstrap-server", factory.bootstrap, "--group", f"labline.{line}"),
        *("--reset-offsets", "--from-file", str(file), "--execute"),
    )


def command(factory: Factory, line: str, *more: str) -> tuple[int, str]:
    """Run ``labline factory offsets``; return its exit code and what it printed."""
    place = ["-w", str(factory.workspace.root), "--bootstrap", factory.bootstrap]
    done = labline("factory", "offsets", line, *place, *more)
    return done.returncode, done.stdout + done.stderr


def shown(factory: Factory, line: str, *more: str) -> tuple[int, list[dict[str, Any]]]:
    """Return exit code and partitions that the command told as JSON."""
    code, printed = command(factory, line, "--json", *more)
    return code, json.loads(printed)["partitions"]


def stopped_at(pair: Pair, share: float) -> None:
    """Let a line score a share of its input and stop."""
    scorer = pair.start()
    pair.await_share(share)
    assert scorer.stop() == 0
    pair.factory.at_rest(pair.line)


def test_moved_offsets_stop_the_line_until_they_are_restored(
    calm: Calm, name: str, monkeypatch: pytest.MonkeyPatch, faults: Counter[str]
) -> None:
    """Followed, they would leave events unanswered, or answer them twice."""
    with Pair(calm, name) as pair:
        factory = pair.factory
        stopped_at(pair, 0.3)
        code, partitions = shown(factory, pair.line)
        assert (code, {p["verdict"] for p in partitions}) == (0, {"equal"})
        before = factory.committed(pair.line)[factory.events, 1]
        move(factory, pair.line, {(factory.events, 1): before - SHIFT})
        faults["offsets moved by Kafka's own tool"] += 1
        scorer = pair.start()
        assert scorer.ended() == EXIT_HANDLED
        assert '"code": "LL-OFFSETS-MOVED"' in scorer.said()
        assert f"committed offsets are [{before - SHIFT}, " in scorer.said()
        assert f"the journal ends at [{before}, " in scorer.said()
        code, partitions = shown(factory, pair.line)
        assert code == 1
        assert [p["partition"] for p in partitions if p["verdict"] == "moved"] == [1]
        code, printed = command(factory, pair.line, "--restore")
        assert code == 0, printed
        assert factory.committed(pair.line)[factory.events, 1] == before
        scorer = pair.start()
        until("it is there", lambda: '"assigned"' in scorer.said())
        monkeypatch.setattr(offsets, "await_no_members", partial(await_no_members, deadline_s=0.0))
        with pytest.raises(LablineError, match="LL-GROUP-BUSY"):
            offsets.restore(factory.bootstrap, factory.workspace.line(pair.line))
        factory.finish(scorer, lines=[pair.line])
        pair.check()


def test_accepted_offsets_are_in_the_journal_and_the_line_goes_on_from_there(
    calm: Calm, name: str, faults: Counter[str]
) -> None:
    """Forwards skips and backwards repeats: what a person said, every later fold repeats."""
    with Pair(calm, name) as pair:
        factory = pair.factory
        stopped_at(pair, 0.3)
        before = factory.committed(pair.line)
        by = {
            (factory.events, 0): SHIFT, (factory.events, 1): -SHIFT, (factory.labels, 2): -SHIFT
        }  # fmt: skip
        move(factory, pair.line, {place: before[place] + by[place] for place in by})
        faults["offsets moved by Kafka's own tool"] += 3
        code, partitions = shown(factory, pair.line, "--accept")
        assert (code, [p["partition"] for p in partitions]) == (0, [0, 1, 2])
        assert shown(factory, pair.line)[0] == 0
        stopped_at(pair, 0.5)
        shutil.rmtree(factory.workspace.snapshots)  # now from the log, through those entries
        last = pair.start()
        factory.finish(last, lines=[pair.line])
        assert last.said().count("state rebuilt from the journal") == PARTITIONS
        check_journal(factory, pair.line)
        journal = factory.journal(pair.line)
        kinds = {p: [e.kind for e in entries].count(MOVED) for p, entries in journal.items()}
        assert kinds == {0: 1, 1: 1, 2: 1, 3: 0}
        found = parity(factory.bootstrap, pair.line, factory.control())
        assert (found.verdict, found.first) == ("equal", None)
        check_answered(factory, pair, before)


def check_answered(factory: Factory, pair: Pair, before: dict[tuple[str, int], int]) -> None:
    """Look how often events were answered or dead-lettered: as the undisturbed line, but moved."""
    calm, line = (answered(factory, which) for which in (pair.calm, pair.line))
    for partition in range(PARTITIONS):
        at = before[factory.events, partition]
        skipped = set(range(at, at + SHIFT)) if partition == 0 else set()
        again = set(range(at - SHIFT, at)) if partition == 1 else set()
        expected = {
            offset: 2 if offset in again else 1
            for offset in calm[partition]
            if offset not in skipped
        }
        assert line[partition] == expected


def answered(factory: Factory, line: str) -> dict[int, dict[int, int]]:
    """Return by partition how often each event's offset was answered."""
    scores = factory.read(factory.topics(line).scores)
    return {
        partition: dict(Counter(decoded("labline.Score", r[3])["offset"] for r in records))
        for partition, records in scores.items()
    }


def test_expired_offsets_are_taken_from_the_journal_and_it_is_said(
    calm: Calm, name: str, faults: Counter[str]
) -> None:
    """A line that rested for a week has none: Kafka forgets them."""
    with Pair(calm, name) as pair:
        factory = pair.factory
        stopped_at(pair, 0.3)
        group = f"labline.{pair.line}"
        until("a group without members", lambda: members(factory, pair.line) == 0)
        factory.admin.delete_consumer_groups([group])[group].result(30)
        assert not factory.committed(pair.line)
        faults["offsets expired"] += 1
        code, partitions = shown(factory, pair.line)
        assert code == 0
        assert all(p["verdict"].startswith("expired") for p in partitions)
        last = pair.start()
        factory.finish(last, lines=[pair.line])
        assert last.said().count("committed offsets are gone") == PARTITIONS
        pair.check()


def test_offsets_of_a_task_that_has_taken_nothing_are_removed_or_accepted(
    broker: str, name: str, tmp_path: Path
) -> None:
    """A reset of a whole group commits for every partition, also where nothing was ever taken."""
    with Factory(broker, name, tmp_path) as factory:
        line = factory.workspace.line(factory.line)
        sent = factory.publish_days(date(2013, 1, 1), date(2013, 1, 1))
        assert sent
        revision = factory.promote()
        move(factory, factory.line, {(factory.events, 3): 5})
        assert [s.partition for s in offsets.standings(broker, line) if s.is_moved] == [3]
        assert [s.partition for s in offsets.restore(broker, line)] == [3]
        assert not factory.committed()
        move(factory, factory.line, {(factory.events, 3): 5})
        assert [s.partition for s in offsets.accept(broker, line, revision.offset)] == [3]
        factory.finish(factory.scorer())
        entries = factory.journal()[3]
        assert entries[0].kind == MOVED
        assert entries[1].first_offsets == entries[0].next_offsets == (5, 0, 0)
        check_journal(factory, factory.line)
        assert parity(broker, factory.line, factory.control()).verdict == "equal"
