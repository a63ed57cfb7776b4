"""A scorer process that dies, or freezes, at a named point: ``python -m tests.crash.dying``.

The first arguments are the point, the how-manieth time (0: the first one after SIGUSR1), and the
signal that the process sends to itself there; the others are those of `engine.factory.process`,
which runs otherwise unchanged.
"""

import os
import signal
import sys
from pathlib import Path
from typing import Any

from confluent_kafka import Producer

from labline.engine.factory import process, recovery, scorer, snapshotting, transactions
from labline.engine.models.learning import snapshot_store

#: Where a scorer can be stopped. Their order is one in which a test can stop it once at each:
#: what a restoring start needs was left there by the one before it.
POINTS = (
    "before-start",
    "before-recovery",
    "after-recovery",
    "in-assignment",  # a task has come back, and its partitions are not assigned
    "after-assignment",
    "after-poll",
    "after-fold",
    "before-begin",
    "after-begin",
    "after-answer",
    "after-shadow",
    "after-dead-letter",
    "after-journal",
    "after-vitals",
    "written",  # and flushed: the broker has the records, and not yet the offsets
    "after-offsets",
    "after-commit",
    "before-snapshot",
    "while-folding",  # the journal, at a start
    "in-temporary",  # a snapshot's bytes are there, and not yet on the disk
    "before-rename",
    "after-rename",
    "before-old-ones-go",
    "after-snapshot",
    "snapshot-read",
    "after-revision",  # a control record came and is in force
    "at-stop",
    "after-stop-snapshots",
    "after-revoke",
)
#: Of neighbours between which nothing is written or read that another start would see, one.
ONE_OF_EACH_KIND = (
    "before-recovery",
    "in-assignment",
    "after-fold",
    "after-begin",
    "after-answer",
    "after-journal",
    "written",
    "after-offsets",
    "after-commit",
    "while-folding",
    "before-rename",
    "after-rename",
    "snapshot-read",
    "after-revision",
    "after-stop-snapshots",
)
#: Reached only when the process is told to stop.
STOPPING = frozenset({"at-stop", "after-stop-snapshots", "after-revoke"})
SNAPSHOT_RECORDS = 150  # of a task between two snapshots: a few transactions
FLUSH_S = 30.0


class Death:
    """Counts how often points are reached; at the wanted one it sends the signal."""

    def __init__(self, point: str, turn: int, number: signal.Signals) -> None:
        assert point in POINTS, point
        self.point, self._turns_left, self._number = point, turn, number
        if turn == 0:
            signal.signal(signal.SIGUSR1, self._arm)

    def _arm(self, *_: object) -> None:
        self._turns_left = 1

    def at(self, point: str) -> None:
        """Die here, if this is the point."""
        if point == self.point:
            self._turns_left -= 1
            if self._turns_left == 0:
                os.kill(os.getpid(), self._number)


def arm(death: Death) -> None:
    """Put the points into the modules that a scorer is made of."""

    class DyingProducer(Producer):
        def begin_transaction(self, *arguments: Any) -> None:
            death.at("before-begin")
            super().begin_transaction(*arguments)
            death.at("after-begin")

        def produce(self, topic: str, *arguments: Any, **more: Any) -> None:
            super().produce(topic, *arguments, **more)
            death.at(_POINT_OF[topic.rpartition(".")[2]])

        def send_offsets_to_transaction(self, *arguments: Any) -> None:
            if death.point == "written":
                super().flush(FLUSH_S)
            death.at("written")
            super().send_offsets_to_transaction(*arguments)
            death.at("after-offsets")

        def commit_transaction(self, *arguments: Any) -> None:
            super().commit_transaction(*arguments)
            death.at("after-commit")

    transactions.Producer = DyingProducer  # type: ignore[misc]
    snapshotting.EVERY_RECORDS = SNAPSHOT_RECORDS
    stop, store = snapshotting.Snapshotting, snapshot_store.SnapshotStore
    _around(death, scorer, "recover", "before-recovery", "after-recovery")
    _around(death, scorer, "TaskInputs", "in-assignment", None)
    _around(death, scorer.Scorer, "_take_over", None, "after-assignment")
    _around(death, scorer.Scorer, "_poll", None, "after-poll")
    _around(death, scorer.Scorer, "_revoked", None, "after-revoke")
    _around(death, recovery.Task, "feed", None, "after-fold")
    _around(death, recovery.Task, "refeed", None, "while-folding")
    _around(death, store, "write", "before-snapshot", "after-snapshot")
    _around(death, store, "read", None, "snapshot-read")
    _around(death, store, "_tidy", "before-old-ones-go", None)
    _around(death, os, "fsync", "in-temporary", None)
    _around(death, Path, "replace", "before-rename", "after-rename")
    _around(death, stop, "stop", "at-stop", "after-stop-snapshots")
    _revisions(death)


_POINT_OF = {
    "scores": "after-answer",
    "shadow": "after-shadow",
    "dlq": "after-dead-letter",
    "journal": "after-journal",
    "vitals": "after-vitals",
}


def _revisions(death: Death) -> None:
    inner = scorer.Scorer._apply_control

    def applied(held: scorer.Scorer) -> None:
        before = held._revision.offset
        inner(held)
        if held._revision.offset != before:
            death.at("after-revision")

    scorer.Scorer._apply_control = applied  # type: ignore[method-assign]


def _around(death: Death, owner: Any, name: str, before: str | None, after: str | None) -> None:
    inner = getattr(owner, name)

    def called(*arguments: Any, **more: Any) -> Any:
        if before is not None:
            death.at(before)
        result = inner(*arguments, **more)
        if after is not None:
            death.at(after)
        return result

    setattr(owner, name, called)


def main() -> None:
    """Run a scorer until it dies."""
    point, turn, number, *rest = sys.argv[1:]
    death = Death(point, int(turn), signal.Signals[number])
    arm(death)
    sys.argv[1:] = rest
    death.at("before-start")
    process.main()


if __name__ == "__main__":
    main()
