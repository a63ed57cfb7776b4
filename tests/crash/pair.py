"""Two lines on the same input: one undisturbed, one to be maltreated; in the end they are equal."""

import secrets
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Self

from confluent_kafka import KafkaException

from labline.engine.models.control.configuration import CHAMPION
from tests.broker.factory import Factory
from tests.broker.process import Process, until

FIRST, LAST = date(2013, 1, 1), date(2013, 1, 3)
BATCH = 60  # small: many transactions to die in


class Calm:
    """Some days of flights, and a line that scored them undisturbed; tests only read it."""

    def __init__(self, factory: Factory, last: date) -> None:
        self.factory = factory
        factory.publish_days(FIRST, last)
        self.champion = factory.promote().slots[CHAMPION].label
        factory.finish(factory.scorer())
        self.total = sum(factory.ends().values())
        self.outputs, self.outcomes = factory.outputs(), factory.outcomes()


@contextmanager
def calm_days(bootstrap: str, root: Path, last: date = LAST) -> Iterator[Calm]:
    """Give days that several tests share: they cost a broker and a scorer some time."""
    with Factory(bootstrap, f"t-{secrets.token_hex(4)}", root) as factory:
        yield Calm(factory, last)


class Pair:
    """Two lines on the same days: an undisturbed one, and one to be maltreated."""

    def __init__(self, calm: Calm, name: str) -> None:
        self.factory, self.total, self._calm = calm.factory, calm.total, calm
        self.calm, self.line = calm.factory.line, calm.factory.add_line(name)
        self.factory.promote(self.line, label=calm.champion)
        self._before = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.factory.kill_all()

    def start(self, instance: str = "0", stops: tuple[str, int, str] | None = None) -> Process:
        """Start a scorer of the line that is maltreated."""
        self._before = self.factory.progress(self.line)
        return self.factory.scorer(self.line, instance=instance, batch_max=BATCH, stops=stops)

    def promote_again(self, scorer: Process) -> None:
        """Put the champion in charge once more while it works: a revision, and no other scores."""
        until("it works", lambda: '"assigned"' in scorer.said())
        self.factory.promote(self.line, label=self._calm.champion)

    def await_share(self, share: float) -> None:
        """Wait until this share of the input is committed, and more than at the last start."""
        reached = max(self.total * share, self._before + 1)
        until(f"{share:.0%} done", lambda: self.factory.progress(self.line) >= reached)

    def ready(self, instance: str) -> Process:
        """Start a scorer that stops where it would join: the rest of its start takes its time."""
        process = self.start(instance, stops=("before-start", 1, "SIGSTOP"))
        process.await_freeze()
        return process

    def join(self, first: Process, second: Process) -> None:
        """Let a second scorer in while the first is frozen, or it would find nothing to do."""
        first.await_freeze()
        second.send(signal.SIGCONT)
        until("both are members", lambda: members(self.factory, self.line) == 2)
        first.send(signal.SIGCONT)
        until("the first has tasks", lambda: '"partitions": [0, 1]' in first.said())
        until("the second has tasks", lambda: '"partitions": [2, 3]' in second.said())

    def check(self) -> None:
        """Compare all that the two lines wrote."""
        factory = self.factory
        factory.at_rest(self.line)
        assert factory.outputs(self.line) == self._calm.outputs
        assert factory.outcomes(self.line) == self._calm.outcomes
        check_journal(factory, self.line)


def check_journal(factory: Factory, line: str) -> None:
    """Look at a line's journal: nothing is missing, nothing is there twice."""
    for entries in factory.journal(line).values():
        assert [entry.sequence for entry in entries] == list(range(len(entries)))
        borders = [e.first_offsets for e in entries[1:]]
        assert borders == [e.next_offsets for e in entries[:-1]]


def members(factory: Factory, line: str) -> int:
    """Return how many members a line's group has; -1: its coordinator is not there yet."""
    group = f"labline.{line}"
    asked = factory.admin.describe_consumer_groups([group])
    try:
        return len(asked[group].result(30).members)
    except KafkaException:
        return -1
