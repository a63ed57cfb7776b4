"""Scorers and workers that are killed, frozen and moved in mid-run: nothing lost, nothing doubled.

Moments are chosen by what is committed and by where a transaction stands, never by time.
"""

import json
import random
import signal
import subprocess
import urllib.request
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from engine.factory.worker import free_port
from tests.broker.factory import Factory
from tests.broker.process import Process, until
from tests.crash.dying import POINTS

FIRST, LAST = date(2013, 1, 1), date(2013, 1, 7)
BATCH = 60  # small: many transactions to die in
GONE_S = 10.0  # in which an orphaned scorer ends


#: How often each point is reached before the process dies there: early enough for all of them.
TURNS = {
    "before-recovery": 2,
    "after-recovery": 3,
    "after-poll": 4,
    "after-fold": 7,
    "after-answer": 200,
    "after-shadow": 100,
    "after-dead-letter": 2,
}
TURN = 4


class Pair:
    """Two lines on the same week: one undisturbed, one to be maltreated."""

    def __init__(self, factory: Factory, name: str, last: date = LAST) -> None:
        self.factory = factory
        self.calm, self.line = factory.add_line(f"{name}.calm"), factory.add_line(f"{name}.line")
        factory.publish_days(FIRST, last)
        factory.promote(self.calm, self.line)
        self._undisturbed = factory.scorer(self.calm)
        self.total = sum(factory.ends().values())
        self._before = 0

    def start(self, instance: str = "0", stops: tuple[str, int, str] | None = None) -> Process:
        """Start a scorer of the line that is maltreated."""
        self._before = self.factory.progress(self.line)
        return self.factory.scorer(self.line, instance=instance, batch_max=BATCH, stops=stops)

    def await_share(self, share: float) -> None:
        """Wait until this share of the input is committed, and more than at the last start."""
        reached = max(self.total * share, self._before + 1)
        until(f"{share:.0%} done", lambda: self.factory.progress(self.line) >= reached)

    def join(self, first: Process, instance: str) -> Process:
        """Start a second scorer while the first is frozen, or it would find nothing left to do."""
        first.await_freeze()
        second = self.start(instance)
        until("both are members", lambda: members(self.factory, self.line) == 2)
        first.send(signal.SIGCONT)
        until("the first has tasks", lambda: '"partitions": [0, 1]' in first.said())
        until("the second has tasks", lambda: '"partitions": [2, 3]' in second.said())
        return second

    def check(self) -> None:
        """Compare all that the two lines wrote."""
        factory = self.factory
        factory.finish(self._undisturbed, lines=[self.calm])
        factory.at_rest(self.line)
        assert factory.outputs(self.line) == factory.outputs(self.calm)
        assert factory.outcomes(self.line) == factory.outcomes(self.calm)
        for entries in factory.journal(self.line).values():
            assert [entry.sequence for entry in entries] == list(range(len(entries)))
            borders = [e.first_offsets for e in entries[1:]]
            assert borders == [e.next_offsets for e in entries[:-1]]


def test_a_scorer_killed_anywhere_loses_and_doubles_nothing(
    broker: str, name: str, tmp_path: Path
) -> None:
    """A power cut comes between any two steps of a transaction; the log must not tell."""
    with Factory(broker, name, tmp_path) as factory:
        pair = Pair(factory, name)
        for point in POINTS:
            scorer = pair.start(stops=(point, TURNS.get(point, TURN), "SIGKILL"))
            assert scorer.ended() == -signal.SIGKILL, scorer.said()
            assert factory.progress(pair.line) < pair.total, "it had nothing left to do"
        last = pair.start()
        factory.finish(last, lines=[pair.line])
        assert "state rebuilt from the journal" in last.said()
        pair.check()


def test_a_killed_worker_takes_its_scorers_along_and_goes_on(
    broker: str, name: str, tmp_path: Path
) -> None:
    """Scorers without a supervisor would go on unseen, and fence those of its successor."""
    with Factory(broker, name, tmp_path) as factory:
        pair = Pair(factory, name)
        port = free_port()

        def start() -> Process:
            return factory.worker(pair.line, web_port=port, batch_max=BATCH, processes=2)

        for share in (None, 0.3):  # once while its scorers still start
            worker = start()
            pids = until("scorers of the worker", lambda: scorer_pids(port))
            if share is not None:
                pair.await_share(share)
            assert factory.progress(pair.line) < pair.total, "it had nothing left to do"
            worker.kill()
            for pid in pids:
                until(f"scorer {pid} gone", partial(is_gone, pid), GONE_S)
        worker = start()
        factory.finish(worker, lines=[pair.line])
        pair.check()


def scorer_pids(port: int) -> list[int]:
    """Return the pids that the worker's web page tells, once both scorers run."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/scorers", timeout=5) as answer:
            slots: list[dict[str, Any]] = json.load(answer)
    except OSError:
        return []
    pids = [slot["pid"] for slot in slots if slot["running"]]
    return pids if len(pids) == 2 else []


def is_gone(pid: int) -> bool:
    """Tell whether a process has ended, be it that nobody has taken note yet."""
    done = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return done.stdout.strip()[:1] in ("", "Z")


def test_rebalances_in_mid_run_change_nothing(broker: str, name: str, tmp_path: Path) -> None:
    """Members that come, die, come back and leave move tasks while records are under way."""
    with Factory(broker, name, tmp_path) as factory:
        pair = Pair(factory, name)
        first = pair.start("a", stops=("after-commit", 5, "SIGSTOP"))
        second = pair.join(first, "b")
        pair.await_share(0.3)
        second.kill()
        second = pair.start("b")
        pair.await_share(0.5)
        assert factory.progress(pair.line) < pair.total, "it had nothing left to do"
        assert first.stop() == 0
        factory.finish(second, lines=[pair.line])
        assert '"partitions": [0, 1, 2, 3]' in second.said()
        pair.check()


def members(factory: Factory, line: str) -> int:
    """Return how many members a line's group has."""
    group = f"labline.{line}"
    asked = factory.admin.describe_consumer_groups([group])
    return len(asked[group].result(30).members)


@pytest.mark.parametrize(
    "point", ["written", pytest.param("after-offsets", marks=pytest.mark.chaos)]
)
def test_a_frozen_zombie_writes_nothing(broker: str, name: str, tmp_path: Path, point: str) -> None:
    """A scorer that slept past its session still believes that its tasks are its own.

    Frozen with its offsets sent, it holds its successor up until the transaction times out: that
    takes longer than a minute.
    """
    with Factory(broker, name, tmp_path) as factory:
        pair = Pair(factory, name)
        zombie = pair.start("a", stops=(point, 0, "SIGSTOP"))
        pair.await_share(0.02)
        zombie.send(signal.SIGSTOP)
        heir = pair.join(zombie, "b")
        zombie.send(signal.SIGUSR1)
        zombie.await_freeze()
        assert factory.progress(pair.line) < pair.total, "it had nothing left to do"
        factory.await_ends(heir, lines=[pair.line])
        assert '"partitions": [0, 1, 2, 3]' in heir.said()
        assignments = zombie.said().count('"assigned"')
        zombie.send(signal.SIGCONT)
        # it must come back as a new member, or end; before that its transaction is still open
        until(
            "the zombie was told",
            lambda: not zombie.is_running() or zombie.said().count('"assigned"') > assignments,
        )
        assert heir.stop() == 0
        assert not zombie.is_running() or zombie.stop() == 0
        pair.check()


@pytest.mark.chaos
@pytest.mark.parametrize("seed", range(3))
def test_a_long_night(broker: str, name: str, tmp_path: Path, seed: int) -> None:
    """Three slots that are killed, stopped, frozen and started by dice, over a month of flights."""
    dice = random.Random(seed)
    with Factory(broker, name, tmp_path) as factory:
        pair = Pair(factory, name, date(2013, 1, 31))
        slots: dict[str, Process] = {}
        logs: list[str] = []
        while factory.progress(pair.line) < pair.total * 0.95:
            slot = dice.choice("abc")
            process = slots.get(slot)
            if process is None or not process.is_running():
                slots[slot] = pair.start(slot)
                if dice.random() < 0.7:
                    pair.await_share(0)
                continue
            match dice.choice(("kill", "stop", "freeze")):
                case "kill":
                    process.kill()
                case "stop":
                    assert process.stop() in (0, -signal.SIGTERM)  # the latter: it still started
                case "freeze":
                    process.send(signal.SIGSTOP)
                    factory.progress(pair.line)  # for as long as that takes
                    process.send(signal.SIGCONT)
            logs.append(process.said())
        for slot, process in slots.items():
            if not process.is_running():
                slots[slot] = pair.start(slot)
        factory.finish(*slots.values(), lines=[pair.line])
        logs += [process.said() for process in slots.values()]
        assert not [log for log in logs if "Traceback" in log]
        pair.check()
