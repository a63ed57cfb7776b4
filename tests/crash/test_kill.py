"""Scorers and workers that are killed, frozen and moved in mid-run: nothing lost, nothing doubled.

Moments are chosen by what is committed and by where a transaction stands, never by time.
"""

import json
import random
import signal
import urllib.request
from collections import Counter
from collections.abc import Iterator
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest

from labline.engine.factory.exits import EXIT_CUT
from labline.engine.factory.worker import free_port
from tests.broker.process import Process, until
from tests.crash.dying import ONE_OF_EACH_KIND, POINTS, STOPPING
from tests.crash.pair import BATCH, Calm, Pair, calm_days
from tests.slices import part

LAST, MONTH_END = part(date(2013, 1, 4), of=date(2013, 1, 7)), date(2013, 1, 31)
GONE_S = 60.0  # in which an orphaned scorer ends: it may still be at its imports, on a busy machine
#: How one may end that is told to stop while all about it die: done, cut short, or not yet begun.
STOPPED = (0, EXIT_CUT, -signal.SIGTERM)


#: How often each point is reached before the process dies there: early enough for all of them.
TURNS = {
    "before-start": 1,
    "before-recovery": 2,
    "after-recovery": 3,
    "in-assignment": 2,
    "after-assignment": 1,
    "after-poll": 4,
    "after-fold": 7,
    "after-answer": 200,
    "after-shadow": 100,
    "after-dead-letter": 2,
    "before-snapshot": 2,
    "while-folding": 1,
    "in-temporary": 3,  # the first one's file and folder, then the second's file
    "before-rename": 2,
    "after-rename": 1,
    "before-old-ones-go": 1,
    "after-snapshot": 2,
    "snapshot-read": 1,
    "after-revision": 1,
    "at-stop": 1,
    "after-stop-snapshots": 1,
    "after-revoke": 1,
}
TURN = 4


@pytest.fixture(scope="module")
def calm(broker: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Calm]:
    """Give days in which there is enough to do for all that happens here."""
    with calm_days(broker, tmp_path_factory.mktemp("calm"), LAST) as calm:
        yield calm


@pytest.mark.slice
def test_a_scorer_killed_anywhere_loses_and_doubles_nothing(
    calm: Calm, name: str, faults: Counter[str]
) -> None:
    """A power cut comes between any two steps of a transaction; the log must not tell."""
    with Pair(calm, name) as pair:
        factory = pair.factory
        points = part(ONE_OF_EACH_KIND, of=POINTS)
        for point in points:
            kill_at(pair, point, TURNS.get(point, TURN))
        faults["SIGKILL at a named point"] += len(points)
        last = pair.start()
        factory.finish(last, lines=[pair.line])
        assert "state restored from a snapshot" in last.said()
        pair.check()


@pytest.mark.chaos
@pytest.mark.parametrize("seed", range(3))
def test_a_scorer_killed_anywhere_by_dice(
    broker: str, name: str, tmp_path: Path, seed: int, faults: Counter[str]
) -> None:
    """The same, several times, each time at another turn."""
    print(f"seed {seed}")  # noqa: T201  # pytest shows it with a failure
    dice = random.Random(seed)
    with calm_days(broker, tmp_path, MONTH_END) as calm, Pair(calm, name) as pair:
        factory = pair.factory
        for _ in range(3):
            for point in POINTS:
                kill_at(pair, point, dice.randint(1, TURNS.get(point, TURN)))
                faults["SIGKILL at a named point"] += 1
        factory.finish(pair.start(), lines=[pair.line])
        pair.check()


def kill_at(pair: Pair, point: str, turn: int) -> None:
    """Start a scorer that dies at a point, and see it dead with work left."""
    scorer = pair.start(stops=(point, turn, "SIGKILL"))
    if point == "after-revision":
        pair.promote_again(scorer)
    elif point in STOPPING:
        pair.await_share(0)
        scorer.send(signal.SIGTERM)
    assert scorer.ended() == -signal.SIGKILL, f"not at {point}\n{scorer.said()}"
    assert pair.factory.progress(pair.line) < pair.total, f"it had nothing left to do at {point}"


def test_a_killed_worker_takes_its_scorers_along_and_goes_on(
    calm: Calm, name: str, faults: Counter[str]
) -> None:
    """Scorers without a supervisor would go on unseen, and fence those of its successor."""
    with Pair(calm, name) as pair:
        factory = pair.factory
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
            faults["worker killed with its scorers"] += 1
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
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_rebalances_in_mid_run_change_nothing(calm: Calm, name: str, faults: Counter[str]) -> None:
    """Members that come, die, come back and leave move tasks while records are under way."""
    with Pair(calm, name) as pair:
        factory = pair.factory
        second = pair.ready("b")
        first = pair.start("a", stops=("after-commit", 5, "SIGSTOP"))
        pair.join(first, second)
        pair.await_share(0.3)
        second.kill()
        second = pair.start("b")
        pair.await_share(0.5)
        assert factory.progress(pair.line) < pair.total, "it had nothing left to do"
        assert first.stop() == 0
        until("the second has all", lambda: '"partitions": [0, 1, 2, 3]' in second.said())
        factory.finish(second, lines=[pair.line])
        faults["rebalance: a member came, died, came back, or left"] += 4
        pair.check()


@pytest.mark.parametrize(
    "point", ["written", pytest.param("after-offsets", marks=pytest.mark.chaos)]
)
def test_a_frozen_zombie_writes_nothing(
    calm: Calm, name: str, point: str, faults: Counter[str]
) -> None:
    """A scorer that slept past its session still believes that its tasks are its own.

    Frozen with its offsets sent, it holds its successor up until the transaction times out: that
    takes longer than a minute.
    """
    with Pair(calm, name) as pair:
        factory = pair.factory
        heir = pair.ready("b")
        zombie = pair.start("a", stops=(point, 0, "SIGSTOP"))
        pair.await_share(0.02)
        zombie.send(signal.SIGSTOP)
        pair.join(zombie, heir)
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
        faults["zombie: frozen past its session, then woken"] += 1
        pair.check()


@pytest.mark.chaos
@pytest.mark.parametrize("seed", range(3))
def test_a_long_night(
    broker: str, name: str, tmp_path: Path, seed: int, faults: Counter[str]
) -> None:
    """Three slots that are killed, stopped, frozen and started by dice, over a month of flights."""
    print(f"seed {seed}")  # noqa: T201  # pytest shows it with a failure
    dice = random.Random(seed)
    with calm_days(broker, tmp_path, MONTH_END) as calm, Pair(calm, name) as pair:
        factory = pair.factory
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
            choice = dice.choice(("kill", "stop", "freeze"))
            faults[f"by dice: {choice}"] += 1
            match choice:
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
        factory.catch_up(*slots.values(), lines=[pair.line])
        for process in slots.values():
            assert process.stop() in STOPPED
        logs += [process.said() for process in slots.values()]
        assert not [log for log in logs if "Traceback" in log]
        pair.check()
