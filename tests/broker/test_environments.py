"""Other versions in mid-run: what goes on, what is refused, and what each of them can prove.

The other environment is a real one. Its river folds to the same bits; where another outcome is
wanted, the engine's code is planted with a difference of one unit in the last place.
"""

import math
import shutil
import signal
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import date
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from labline.engine.broker.members import await_no_members
from labline.engine.core.journal import Entry
from labline.engine.errors import LablineError
from labline.engine.factory.exits import EXIT_HANDLED
from tests.broker.environments import ROOT, Done, labline, make_environment
from tests.broker.factory import PARTITIONS, Factory
from tests.broker.process import Process
from tests.broker.written import Source, decoded

FIRST, LAST = date(2013, 1, 1), date(2013, 1, 3)
BATCH = 60  # small: many transactions, so that an environment writes only some of them
COMMITS = 20  # after which a scorer is stopped or killed: every partition has some, and some left
HERE = sys.executable
PACKAGES = ("engine", "labline", "lab_replay", "schemas", "topics")


@pytest.fixture(scope="session")
def there(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Give the other environment's interpreter."""
    return make_environment(tmp_path_factory.mktemp("other") / "venv")


class Line:
    """A line whose scorers come from two environments, and the snapshots that they left."""

    def __init__(self, factory: Factory) -> None:
        self.factory = factory
        self._kept = factory.workspace.root / "kept"
        factory.publish_days(FIRST, LAST)
        factory.promote()

    def stop_after_some(self, python: str) -> str:
        """Let a scorer commit some transactions and tell it to stop; return what it said."""
        scorer = self._scorer(python, "after-commit", "SIGSTOP")
        scorer.await_freeze()
        scorer.send(signal.SIGTERM)
        scorer.send(signal.SIGCONT)
        assert scorer.ended() == 0, scorer.said()
        self.keep()
        return scorer.said()

    def kill_after_some(self, python: str) -> str:
        """Let a scorer commit some transactions and die in the next; return what it said."""
        scorer = self._scorer(python, "written", "SIGKILL")
        assert scorer.ended() == -signal.SIGKILL, scorer.said()
        self.keep()
        return scorer.said()

    def _scorer(self, python: str, point: str, number: str) -> Process:
        stops = (point, COMMITS, number)
        return self.factory.scorer(python=python, batch_max=BATCH, stops=stops)

    def finish(self, python: str) -> None:
        """Let a scorer do the rest."""
        self.factory.finish(self.factory.scorer(python=python, batch_max=BATCH))
        self.keep()

    def keep(self) -> None:
        """Keep copies: of snapshots at a switch, only the newest would be left."""
        shutil.copytree(self.factory.workspace.snapshots, self._kept, dirs_exist_ok=True)

    def snapshots(self) -> list[Path]:
        """Return what snapshots there are."""
        return sorted(Path(self.factory.workspace.snapshots).rglob("*.snapshot"))

    def labline(self, python: str, *arguments: str, tree: Path = ROOT) -> Done:
        """Run a command on the line; its answer is JSON."""
        more = ("-w", str(self.factory.workspace.root), "--bootstrap", self.factory.bootstrap)
        command = (*arguments, self.factory.line, *more, "--json")
        return labline(python, *command, tree=tree)

    def parity(self, *pythons: str) -> list[dict[str, Any]]:
        """Return what parity says in each environment, with all the snapshots that ever were."""
        shutil.copytree(self._kept, self.factory.workspace.snapshots, dirs_exist_ok=True)
        return [self.labline(python, "lab", "parity").document for python in pythons]

    def journal(self) -> dict[int, list[Entry]]:
        """Return the journal, which must be gapless."""
        journal = self.factory.journal()
        for entries in journal.values():
            assert [entry.sequence for entry in entries] == list(range(len(entries)))
            borders = [entry.first_offsets for entry in entries[1:]]
            assert borders == [entry.next_offsets for entry in entries[:-1]]
        return journal

    def switches(self) -> list[list[str]]:
        """Return per partition the kind of the first entry of each environment in turn."""
        found = []
        for entries in self.journal().values():
            turns = groupby(entries, lambda entry: entry.environment)
            found.append([next(turn).kind for _, turn in turns])
        return found

    def check_answers(self) -> None:
        """Check that every event has exactly one answer or one dead letter."""
        factory, topics = self.factory, self.factory.topics()
        answered: Counter[Source] = Counter()
        for records in factory.read(topics.scores).values():
            for record in records:
                score = decoded("labline.Score", record[3])
                answered[Source(score["topic"], score["partition"], score["offset"])] += 1
        for records in factory.read(topics.dlq).values():
            for record in records:
                told = {n: (v or b"").decode() for n, v in record[4] or []}
                place = (told[f"labline.error.{n}"] for n in ("topic", "partition", "offset"))
                topic, partition, offset = place
                answered[Source(topic, int(partition), int(offset))] += 1
        events = {
            Source(factory.events, partition, record[0])
            for partition, records in factory.read(factory.events).items()
            for record in records
        }
        assert set(answered.values()) == {1}
        assert events == {place for place in answered if place.topic == factory.events}


@pytest.fixture
def line(broker: str, name: str, tmp_path: Path) -> Iterator[Line]:
    """Give a line with three days of flights to score."""
    with Factory(broker, name, tmp_path) as factory:
        yield Line(factory)


def check_parity(told: list[dict[str, Any]], journal: dict[int, list[Entry]]) -> None:
    """Check that each environment proves what it wrote, and that together it is all."""
    total = sum(map(len, journal.values()))
    written = Counter(e.environment for entries in journal.values() for e in entries)
    for found in told:
        sums = {n: sum(p[n] for p in found["partitions"]) for n in ("entries", "elsewhere")}
        own = written[found["environment"]]
        assert (found["verdict"], sums) == ("equal", {"entries": own, "elsewhere": total - own})
        gaps = [p[n] for p in found["partitions"] for n in ("unreached", "after", "deleted")]
        assert not any(gaps)
    assert sum(written[found["environment"]] for found in told) == total


def test_two_changes_of_environment_in_mid_run(line: Line, there: str) -> None:
    """Other versions go on from where a graceful stop left the state; so does the way back."""
    line.stop_after_some(HERE)
    assert "state restored from a snapshot" in line.kill_after_some(there)
    assert "state restored from a snapshot" in line.stop_after_some(there)
    line.finish(HERE)
    assert line.switches() == [["taken", "carried", "carried"]] * PARTITIONS
    line.check_answers()
    check_parity(line.parity(HERE, there), line.journal())


def test_a_stale_snapshot_is_refused_until_the_past_was_checked_or_folded_anew(
    line: Line, there: str, tmp_path: Path
) -> None:
    """After a kill no state stands at the journal's end: whether to go on is not guessed."""
    line.stop_after_some(HERE)
    line.kill_after_some(HERE)
    refused = line.factory.scorer(python=there)
    assert refused.ended() == EXIT_HANDLED
    assert "LL-ENVIRONMENT-CHANGED" in refused.said()
    before = line.snapshots()

    # different: by one unit in the last place, and then nothing is written
    other = planted(tmp_path / "tree")
    found = line.labline(there, "upgrade", "check", "--execute", tree=other)
    told = found.document
    assert (found.code, told["verdict"], told["snapshots"]) == (1, "different", 0)
    differences = [(part, part["difference"]) for part in told["partitions"] if part["difference"]]
    assert differences
    for part, difference in differences:
        assert (difference["what"], difference["field"]) == ("answer", "probability")
        nearly = math.nextafter(float(difference["written"]), 1.0)
        assert difference["refolded"] == repr(nearly)
        assert difference["sequence"] >= part["begun"]
        assert len(difference["state_before"]) == 64
    assert line.snapshots() == before

    # equal: these versions may go on
    done = line.labline(there, "upgrade", "check", "--execute")
    assert (done.code, done.document["verdict"]) == (0, "equal")
    assert 0 < done.document["snapshots"] <= PARTITIONS  # where none stood by chance
    checked, journal = done.document["partitions"], line.journal()
    assert [p["end"] for p in checked] == [len(journal[p["partition"]]) for p in checked]
    assert all(p["begun"] > 0 for p in checked)
    assert [p["entries"] for p in checked] == [p["end"] - p["begun"] for p in checked]
    line.keep()
    line.kill_after_some(there)
    assert line.switches() == [["taken", "carried"]] * PARTITIONS

    # and back, with the whole past folded anew
    done = line.labline(HERE, "upgrade", "check", "--rebuild", "--execute")
    assert (done.code, done.document["verdict"]) == (0, "rebuilt")
    assert done.document["snapshots"] == PARTITIONS
    line.finish(HERE)
    assert line.switches() == [["taken", "carried", "rebuilt"]] * PARTITIONS
    line.check_answers()
    check_parity(line.parity(HERE, there), line.journal())


def planted(tree: Path) -> Path:
    """Return a copy of the engine whose champion answers one unit in the last place too high."""
    for package in PACKAGES:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / package, tree / package, ignore=ignored, symlinks=True)
    path = tree / "engine" / "core" / "task.py"
    text, honest = path.read_text(), "answer(about, place, scores[0], "
    assert text.count(honest) == 1
    path.write_text(text.replace(honest, "answer(about, place, math.nextafter(scores[0], 1.0), "))
    return tree


def test_the_past_of_a_running_line_does_not_stand_still(line: Line) -> None:
    """A snapshot written beside a running scorer would be of a past that goes on."""
    scorer = line.factory.scorer(batch_max=BATCH)
    line.factory.catch_up(scorer)
    with pytest.raises(LablineError, match="LL-GROUP-BUSY"):
        await_no_members(line.factory.bootstrap, line.factory.line, 0)
    assert scorer.stop() == 0
    some = line.labline(HERE, "lab", "parity", "--from", "1", "--to", "3").document
    assert [(p["entries"], p["after"]) for p in some["partitions"]] == [(2, 0)] * PARTITIONS
    assert some["verdict"] == "equal"
    # and without --execute nothing is written, with it nothing where a stop left a state already
    before, journal = line.snapshots(), line.journal()
    for more in ((), ("--execute",)):
        found = line.labline(HERE, "upgrade", "check", *more).document
        assert (found["verdict"], found["snapshots"]) == ("equal", 0)
        # the only snapshot has nothing after it: the whole past was folded
        assert [p["entries"] for p in found["partitions"]] == [*map(len, journal.values())]
    assert line.snapshots() == before
