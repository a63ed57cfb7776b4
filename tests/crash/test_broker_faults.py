"""A broker that is killed, stopped and frozen in mid-run: scorers come back by themselves."""

import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

import pytest

from labline.engine.broker.reader import partition_offsets
from labline.engine.broker.servers import embedded, ports
from labline.engine.factory.exits import EXIT_CUT
from tests.broker.factory import PARTITIONS
from tests.broker.process import Process, until
from tests.crash.pair import Calm, Pair, calm_days

pytestmark = pytest.mark.broker
LAST = date(2013, 1, 5)


class Broker:
    """An embedded broker to be maltreated."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._running = embedded.start(root)
        self.bootstrap = self._running.bootstrap

    def start(self) -> None:
        """Start it again: the same data at the same address."""
        port = int(self.bootstrap.rpartition(":")[2])
        until("nobody listens there", lambda: not ports.answers(port))
        self._running = embedded.start(self._root, port=port)

    def stop(self) -> None:
        """Stop it as an administrator would."""
        assert embedded.stop(self._root)

    def send(self, number: signal.Signals) -> None:
        """Send its process a signal."""
        os.kill(self._running.pid, number)


@pytest.fixture(scope="module")
def apart(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """Give a broker that no other module uses."""
    root: Path = tmp_path_factory.mktemp("own") / ".labline"
    yield Broker(root)
    embedded.stop(root)


@pytest.fixture(scope="module")
def calm(apart: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Calm]:
    """Give days on that broker in which there is enough to do for all that happens to it."""
    with calm_days(apart.bootstrap, tmp_path_factory.mktemp("calm"), LAST) as calm:
        yield calm


@pytest.fixture
def own(apart: Broker) -> Iterator[Broker]:
    """Give that broker; whatever a test did to it, the next one finds it awake."""
    yield apart
    apart.send(signal.SIGCONT)


def recoveries(scorer: Process) -> int:
    """Return how often a scorer dropped its memory to recover."""
    return scorer.said().count('"recovering"')


def ask_at_once(bootstrap: str, topic: str) -> None:
    """Ask again and again for offsets, each time as somebody new, while leaders come back."""

    def ask(after_s: float) -> int:
        time.sleep(after_s)  # no test knows which moments are without leaders
        return len(partition_offsets(bootstrap, [topic])[topic])

    with ThreadPoolExecutor(40) as pool:
        assert set(pool.map(ask, (n * 0.03 for n in range(40)))) == {PARTITIONS}


def test_a_broker_killed_stopped_and_frozen_costs_nothing_but_time(
    own: Broker, calm: Calm, name: str, faults: Counter[str]
) -> None:
    """Errors of the world are waited out: no answer is lost or doubled, nobody has to look."""
    with Pair(calm, name) as pair:
        factory = pair.factory
        scorer = pair.start()
        pair.await_share(0.1)
        own.send(signal.SIGKILL)
        faults["broker killed"] += 1
        own.start()
        pair.await_share(0.3)
        own.stop()
        faults["broker stopped"] += 1
        own.start()
        pair.await_share(0.5)
        before = recoveries(scorer)
        own.send(signal.SIGSTOP)
        faults["broker frozen"] += 1
        until("its patience is over", lambda: recoveries(scorer) > before)
        own.send(signal.SIGCONT)
        ask_at_once(own.bootstrap, factory.events)
        factory.finish(scorer, lines=[pair.line])
        pair.check()


@pytest.mark.parametrize("point", ["written", "after-offsets"])
def test_a_scorer_told_to_stop_does_not_wait_for_a_broker_that_is_away(
    own: Broker, calm: Calm, name: str, point: str, faults: Counter[str]
) -> None:
    """It ends within its grace, as if killed: what its transaction came to is seen later."""
    with Pair(calm, name) as pair:
        factory = pair.factory
        scorer = pair.start(stops=(point, 6, "SIGSTOP"))
        scorer.await_freeze()
        own.send(signal.SIGSTOP)
        faults["broker frozen"] += 1
        scorer.send(signal.SIGCONT)
        scorer.send(signal.SIGTERM)
        code = scorer.ended()
        own.send(signal.SIGCONT)
        # 0: the call's own patience, a little longer than the grace, was over first
        assert code in (0, EXIT_CUT), scorer.said()
        assert ("LL-SCORER-CUT" in scorer.said()) == (code == EXIT_CUT)
        factory.finish(pair.start(), lines=[pair.line])
        pair.check()


def test_an_idle_scorer_stops_with_its_snapshots_while_the_broker_is_away(
    own: Broker, calm: Calm, name: str, faults: Counter[str]
) -> None:
    """Between two transactions nothing is open: all that it knows is written down."""
    with Pair(calm, name) as pair:
        factory = pair.factory
        scorer = pair.start()
        factory.catch_up(scorer, lines=[pair.line])
        own.send(signal.SIGSTOP)
        faults["broker frozen"] += 1
        scorer.send(signal.SIGTERM)
        code = scorer.ended()
        own.send(signal.SIGCONT)
        assert code in (0, EXIT_CUT)  # the latter: leaving the group was in its way
        assert scorer.said().count('"snapshot"') == 4
        again = pair.start()
        until("it is there", lambda: '"assigned"' in again.said())
        assert again.said().count("state restored from a snapshot") == 4
        factory.finish(again, lines=[pair.line])
        pair.check()
