"""A scorer process that dies, or freezes, at a named point: ``python -m tests.crash.dying``.

The first arguments are the point, the how-manieth time (0: the first one after SIGUSR1), and the
signal that the process sends to itself there; the others are those of `engine.factory.process`,
which runs otherwise unchanged.
"""

import os
import signal
import sys
from typing import Any

from confluent_kafka import Producer

from engine.factory import process, recovery, scorer, transactions

#: Where a scorer can be stopped, in the order in which it gets there.
POINTS = (
    "before-recovery",
    "after-recovery",
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
)
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
    _around(death, scorer, "recover", "before-recovery", "after-recovery")
    _around(death, scorer.Scorer, "_poll", None, "after-poll")
    _around(death, recovery.Task, "feed", None, "after-fold")


_POINT_OF = {
    "scores": "after-answer",
    "shadow": "after-shadow",
    "dlq": "after-dead-letter",
    "journal": "after-journal",
    "vitals": "after-vitals",
}


def _around(death: Death, owner: Any, name: str, before: str | None, after: str) -> None:
    inner = getattr(owner, name)

    def called(*arguments: Any, **more: Any) -> Any:
        if before is not None:
            death.at(before)
        result = inner(*arguments, **more)
        death.at(after)
        return result

    setattr(owner, name, called)


def main() -> None:
    """Run a scorer until it dies."""
    point, turn, number, *rest = sys.argv[1:]
    arm(Death(point, int(turn), signal.Signals[number]))
    sys.argv[1:] = rest
    process.main()


if __name__ == "__main__":
    main()
