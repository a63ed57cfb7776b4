"""Who writes a run's inputs: record by record, some in transactions that end later, or never."""

from contextlib import suppress
from typing import Any

from confluent_kafka import KafkaException

from tests.simulation.inputs import Plan
from tests.simulation.log import ABORTED, COMMITTED, Broker, Place


class Writers:
    """Producers of events, labels and retries.

    Attributes
    ----------
    said
        What each record says; None: nothing that can be read.
    """

    def __init__(self, broker: Broker, plans: list[Plan]) -> None:
        self._broker, self._plans = broker, plans
        self._open: list[tuple[str, int, bool]] = []
        self._names = 0
        self.said: dict[tuple[Place, int], dict[str, Any] | None] = {}

    def write(self, count: int) -> None:
        """Write the next records of the plan."""
        for plan in self._plans[:count]:
            self.said[plan.place, self._append(plan)] = plan.datum
        del self._plans[:count]

    def _append(self, plan: Plan) -> int:
        if plan.commits is None:
            return self._broker.append(plan.place, plan.written)
        self._names += 1
        name = f"writer-{self._names}"
        epoch = self._broker.init(name)
        self._open.append((name, epoch, plan.commits))
        return self._broker.send(name, epoch, plan.place, plan.written)

    def end(self, count: int) -> None:
        """End the transactions that are open for longest."""
        for name, epoch, commits in self._open[:count]:
            with suppress(KafkaException):  # it was open for too long
                self._broker.end(name, epoch, COMMITTED if commits else ABORTED)
        del self._open[:count]

    def finish(self) -> None:
        """Write all that is left, and end every transaction."""
        self.write(len(self._plans))
        self.end(len(self._open))
