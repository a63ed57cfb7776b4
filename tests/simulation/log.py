"""An in-memory Kafka: logs with transaction markers, a transaction coordinator, offsets.

A look-alike proves nothing about Kafka, and this one is not meant to: it is here so that
thousands of schedules can be searched in seconds. What Kafka itself does is proved by the tests
that run on a real broker.
"""

from random import Random
from typing import NamedTuple

from confluent_kafka import KafkaError, KafkaException

from labline.engine.core.record import Headers
from tests.simulation.clock import Clock

OPEN, COMMITTED, ABORTED, MARKER = "open", "committed", "aborted", "marker"
TRANSACTION_TIMEOUT_S = 60.0


class Place(NamedTuple):
    """A topic's partition."""

    topic: str
    partition: int


OFFSETS = Place("__consumer_offsets", 0)


class Written(NamedTuple):
    """What a producer writes."""

    key: bytes | None
    value: bytes | None
    headers: Headers = None


class Item:
    """One offset of a log: a record in its transaction's state, or a marker."""

    __slots__ = ("state", "time_ms", "transaction", "written")

    def __init__(
        self, state: str, time_ms: int, written: Written, transaction: "Transaction | None" = None
    ) -> None:
        self.state, self.time_ms, self.written = state, time_ms, written
        self.transaction = transaction


class Transaction:
    """What one transaction wrote, and which of its markers are still to be written."""

    def __init__(self, started_s: float) -> None:
        self.started_s = started_s
        self.places: dict[Place, int] = {}  # in order of their first write, with its offset
        self.offsets: dict[Place, int] = {}
        self.outcome = ""
        self.markers: list[Place] = []


class Owner:
    """A transactional id as its coordinator knows it."""

    def __init__(self) -> None:
        self.epoch = 0
        self.transaction: Transaction | None = None


def failure(code: int, *, fatal: bool = False) -> KafkaException:
    """Return what a client raises for this error."""
    return KafkaException(KafkaError(code, fatal=fatal))


class Broker:
    """Logs, transactions and committed offsets of one group.

    Attributes
    ----------
    torn
        Scorers' transactions that were committed without the offsets of what they answer.
    """

    def __init__(self, random: Random, clock: Clock) -> None:
        self._random, self._clock = random, clock
        self.logs: dict[Place, list[Item]] = {}
        self.committed: dict[Place, int] = {}
        self._owners: dict[str, Owner] = {}
        self._open: dict[Place, list[Transaction]] = {}
        self.torn: list[str] = []
        self._late: list[tuple[str, int]] = []  # commits that are still on their way

    def log(self, place: Place) -> list[Item]:
        """Return a partition's log."""
        return self.logs.setdefault(place, [])

    def stable(self, place: Place) -> int:
        """Return the last stable offset: before the first record of an open transaction."""
        open_here = self._open.get(place)
        if not open_here:
            return len(self.log(place))
        return min(transaction.places[place] for transaction in open_here)

    def unstable(self, place: Place) -> bool:
        """Tell whether an open transaction would commit an offset here."""
        return any(place in transaction.offsets for transaction in self._open.get(OFFSETS, ()))

    def append(self, place: Place, written: Written) -> int:
        """Write a record outside of transactions; return its offset."""
        self.log(place).append(Item(COMMITTED, self._clock.time_ms(), written))
        return len(self.log(place)) - 1

    def init(self, name: str) -> int:
        """End what a predecessor left open; return the new epoch."""
        owner = self._owners.setdefault(name, Owner())
        self._settle(owner)
        if owner.transaction is not None:
            self._end(owner, ABORTED)
            self._settle(owner)
        owner.epoch += 1
        return owner.epoch

    def send(self, name: str, epoch: int, place: Place, written: Written) -> int:
        """Write a record in a transaction; return its offset."""
        transaction = self._begun(name, epoch)
        log = self.log(place)
        if place not in transaction.places:
            transaction.places[place] = len(log)
            self._open.setdefault(place, []).append(transaction)
        log.append(Item(OPEN, self._clock.time_ms(), written, transaction))
        return len(log) - 1

    def send_offsets(self, name: str, epoch: int, offsets: dict[Place, int]) -> None:
        """Make offsets a part of a transaction."""
        transaction = self._begun(name, epoch)
        if OFFSETS not in transaction.places:
            transaction.places[OFFSETS] = 0
            self._open.setdefault(OFFSETS, []).append(transaction)
        transaction.offsets.update(offsets)

    def end(self, name: str, epoch: int, outcome: str) -> None:
        """Decide a transaction; its markers are written one by one, some of them later."""
        owner = self._checked(name, epoch)
        if owner.transaction is None or owner.transaction.outcome:
            return
        if outcome == COMMITTED and name.startswith("labline.") and not owner.transaction.offsets:
            self.torn.append(name)
        self._end(owner, outcome)
        if self._random.random() < 0.6:
            self._settle(owner)

    def end_late(self, name: str, epoch: int) -> None:
        """Let a commit be on its way: it may arrive at any time, under whatever it finds."""
        self._late.append((name, epoch))

    def open_count(self) -> int:
        """Return how many transactions are not ended, with all their markers."""
        return sum(owner.transaction is not None for owner in self._owners.values())

    def tick(self) -> None:
        """Let something arrive, and time out what is open for too long."""
        for owner in self._owners.values():
            transaction = owner.transaction
            if transaction is None:
                continue
            if transaction.outcome:
                if self._random.random() < 0.5:
                    self._mark(owner, transaction.markers[0])
            elif self._clock.now_s - transaction.started_s > TRANSACTION_TIMEOUT_S:
                owner.epoch += 1  # as the coordinator does: whoever began it is fenced
                self._end(owner, ABORTED)
        if self._late and self._random.random() < 0.3:
            name, epoch = self._late.pop(self._random.randrange(len(self._late)))
            if self._owners[name].epoch == epoch:
                self.end(name, epoch, COMMITTED)

    def _checked(self, name: str, epoch: int) -> Owner:
        owner = self._owners[name]
        if owner.epoch != epoch:
            raise failure(KafkaError.INVALID_PRODUCER_EPOCH, fatal=True)
        return owner

    def _begun(self, name: str, epoch: int) -> Transaction:
        owner = self._checked(name, epoch)
        if owner.transaction is not None and owner.transaction.outcome:
            self._settle(owner)  # a client that is told CONCURRENT_TRANSACTIONS tries again
        if owner.transaction is None:
            owner.transaction = Transaction(self._clock.now_s)
        return owner.transaction

    def _end(self, owner: Owner, outcome: str) -> None:
        transaction = owner.transaction
        assert transaction is not None
        transaction.outcome, transaction.markers = outcome, list(transaction.places)
        self._random.shuffle(transaction.markers)
        if not transaction.markers:
            owner.transaction = None

    def _settle(self, owner: Owner) -> None:
        while owner.transaction is not None and owner.transaction.outcome:
            self._mark(owner, owner.transaction.markers[0])

    def _mark(self, owner: Owner, place: Place) -> None:
        """Write a transaction's marker into one of its partitions."""
        transaction = owner.transaction
        assert transaction is not None
        transaction.markers.remove(place)
        self._open[place].remove(transaction)
        if place == OFFSETS:
            if transaction.outcome == COMMITTED:
                self.committed.update(transaction.offsets)
        else:
            log = self.log(place)
            for item in log[transaction.places[place] :]:
                if item.transaction is transaction:
                    item.state = transaction.outcome
            log.append(Item(MARKER, self._clock.time_ms(), Written(None, None)))
        if not transaction.markers:
            owner.transaction = None
