"""A seeded world: scorers, producers and an operator take turns, and things go wrong.

The scorers are the engine's own, run one turn of their loop at a time. Wherever one of them calls
a client, the world may kill it, freeze it until others have taken over, or give others a turn.
"""

from collections import Counter
from collections.abc import Callable
from random import Random
from typing import NamedTuple

from confluent_kafka import KafkaError, KafkaException

from labline.engine.factory import scorer
from tests.simulation import clients
from tests.simulation.actors import Border, Crash, Follower, Slot, Store
from tests.simulation.clock import Clock
from tests.simulation.group import Group
from tests.simulation.inputs import MODELS, NAME, TOPICS, declared, plans, revision
from tests.simulation.log import COMMITTED, Broker, Place, failure
from tests.simulation.schedule import Schedule
from tests.simulation.writers import Writers

ROUNDS_MAX = 1_000
ROUND_S = 0.5
WEIGHTS = (73, 15, 5, 2, 2, 2, 1)
ERRORS = (KafkaError._TIMED_OUT, KafkaError._TRANSPORT, KafkaError.COORDINATOR_NOT_AVAILABLE)


class Shape(NamedTuple):
    """What a seed's run is like.

    Attributes
    ----------
    at_rest
        Whether all input is there before the start.
    """

    at_rest: bool
    scorers: int
    partitions: int
    events: int
    turns: int


class World:
    """One seed's run."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        random = Random(seed)
        self.shape = _shape(random)
        self.partitions = self.shape.partitions
        self.clock = Clock()
        self.schedule = Schedule(random, self.clock, random.choice((0.0005, 0.002, 0.006)))
        self.broker = Broker(random, self.clock)
        self.group = Group(self.clock, self.partitions)
        self.declared = declared(random, at_rest=self.shape.at_rest)
        self.revisions = [revision(0, 1)]
        self.trace: list[str] = []
        self.happened: Counter[str] = Counter()
        self.slots = [Slot(f"s{number}") for number in range(self.shape.scorers)]
        self.store = Store(self) if random.random() < 0.8 else None
        self.batch_max = random.choice((1, 7, 20, 100))
        self.writers = Writers(self.broker, plans(random, self.partitions, self.shape.events))
        self.broken: Exception | None = None
        self._stack: list[Slot] = []
        self._clients = 0
        self.clock.moved = self._moved

    # what clients ask

    def identity(self, consumer: clients.Consumer) -> int:
        self._clients += 1
        self._stack[-1].consumer = consumer
        return self._clients

    def point(self, name: str) -> None:
        slot = self._stack[-1]
        if self.schedule.calm or slot.closed:
            return
        if self.schedule.chance(0.1):
            self.broker.tick()  # what is on its way need not wait for a clock
        if self.schedule.strikes():
            self.note(f"crash at {name}")
            raise Crash
        if self.schedule.strikes():
            code = self.schedule.random.choice(ERRORS)
            self.note(f"error {KafkaError(code).name()} at {name}")
            raise failure(code)
        if self.schedule.strikes(0.7):
            self._freeze(slot, name)
        elif self.schedule.strikes(2) or self.schedule.chance(0.02):
            self._others(self.schedule.random.randint(1, 4))

    def _freeze(self, slot: Slot, name: str) -> None:
        seconds = self.schedule.random.choice((1.0, 7.0, 20.0, 70.0))
        self.note(f"frozen at {name}, for {seconds} s")
        slot.frozen = True
        for _ in range(10):
            self.clock.advance(seconds / 10)
            self._others(self.schedule.random.randint(1, 3))
        slot.frozen = False
        self.note("goes on")

    def _others(self, turns: int) -> None:
        for _ in range(turns):
            idle = [slot for slot in self.slots if not slot.busy]
            if idle:
                self.turn(self.schedule.random.choice(idle))
            self.writers.write(self.schedule.random.randint(0, 2))

    def _moved(self) -> None:
        for slot in self.slots:
            consumer = slot.consumer
            if slot.scorer is not None and consumer is not None and not slot.frozen:
                self.group.beat(consumer.instance, consumer.number)
        self.group.tick()
        self.broker.tick()

    def note(self, what: str) -> None:
        """Remember and count what happened, for whoever reads of a failed seed."""
        self.happened[what.split(" at ")[0]] += 1
        who = self._stack[-1].name if self._stack else "world"
        self.trace.append(f"{self.clock.now_s:9.2f} {'  ' * len(self._stack)}{who}: {what}")

    # what happens

    def turn(self, slot: Slot) -> None:
        """Let a scorer poll, fold and commit once; one that is dead is started anew."""
        if slot.starts_s > self.clock.now_s or slot.busy or self.broken is not None:
            return
        slot.busy = True
        self._stack.append(slot)
        try:
            if slot.scorer is None:
                self._start(slot)
            assert slot.scorer is not None
            slot.scorer.run(_once())
        except Border:
            pass
        except Crash:
            self._end(slot, "killed", closes=False)
        except KafkaException as error:  # as the process does: drop this one, make another
            self._end(slot, error.args[0].name())
        except Exception as error:  # not through the code of whoever is frozen below
            self._end(slot, str(error), closes=False)
            self.broken = self.broken or error
        finally:
            slot.busy = False
            self._stack.pop()

    def _start(self, slot: Slot) -> None:
        self.note("starts")
        slot.consumer, follower = None, Follower(self)
        newest = follower.revision(NAME)
        assert newest is not None
        slot.scorer = scorer.Scorer(
            "simulated", follower, newest, slot.name, self.batch_max, self.store,  # type: ignore[arg-type]
            self.declared.spec,
        )  # fmt: skip

    def _end(self, slot: Slot, why: str, *, closes: bool = True) -> None:
        self.note(f"ends: {why}")
        ended, slot.scorer, slot.closed = slot.scorer, None, True
        if ended is not None and closes:
            ended.close()
        slot.closed = False
        if not self.schedule.calm:
            slot.starts_s = self.clock.now_s + self.schedule.random.choice(
                (0.0, 0.0, 0.2, 3.0, 9.0)
            )

    def _stop(self, slot: Slot) -> None:
        """Stop a scorer as SIGTERM does."""
        ended = slot.scorer
        if ended is None:
            return
        slot.busy = True
        self._stack.append(slot)
        try:
            ended.run(lambda: True)
        except Crash:
            self._end(slot, "killed", closes=False)
        except KafkaException as error:
            self._end(slot, error.args[0].name())
        else:
            self._end(slot, "told to")
        finally:
            slot.busy = False
            self._stack.pop()

    # the run

    def play(self) -> None:
        """Run it: first with whatever goes wrong, then in calm until nothing is left to do."""
        if self.shape.at_rest:
            self.writers.finish()
            while self.broker.open_count():
                self.broker.tick()
        for _ in range(self.shape.turns):
            self._happen()
            self._stands()
        self.schedule.calm = True
        self.writers.finish()
        for slot in self.slots:
            slot.starts_s = 0.0
        for _ in range(ROUNDS_MAX):
            for slot in self.slots:
                self.turn(slot)
            self.clock.advance(ROUND_S)
            self._stands()
            if self._done():
                return
        raise AssertionError("it does not come to rest")

    def _stands(self) -> None:
        if self.broken is not None:  # raised here: below was somebody who is not to blame
            raise self.broken

    def _happen(self) -> None:
        schedule, luck = self.schedule, self.schedule.random
        what = luck.choices(("turn", "write", "end", "jump", "stop", "promote", "lose"), WEIGHTS)[0]
        if what == "write":
            self.writers.write(luck.randint(0, 6))
        elif what == "end":
            self.writers.end(luck.randint(0, 2))
        elif what == "jump":
            self.clock.advance(luck.choice((0.1, 1.0, 8.0, 61.0)))
        elif what == "stop":
            self._stop(luck.choice(self.slots))
        elif what == "promote" and not self.shape.at_rest:
            self.note("promotion")
            version = 1 + len(self.revisions) % len(MODELS)
            self.revisions.append(revision(10 * len(self.revisions), version))
        elif what == "lose" and self.store is not None and schedule.chance(0.3):
            self.note("snapshots lost")
            self.store.lose()
        else:
            self.turn(luck.choice(self.slots))
        self.clock.advance(0.001)

    def _done(self) -> bool:
        owned = [p for slot in self.slots if slot.scorer is not None for p in slot.scorer._tasks]
        if self.broker.open_count() or sorted(owned) != list(range(self.partitions)):
            return False
        for topic in TOPICS:
            for partition in range(self.partitions):
                place = Place(topic, partition)
                taken = max(0, self.broker.committed.get(place, 0))
                if any(item.state == COMMITTED for item in self.broker.log(place)[taken:]):
                    return False
        return True


def _once() -> Callable[[], bool]:
    """Return what lets a scorer's loop run once: the process does not end, only its turn."""
    asked = False

    def stopped() -> bool:
        nonlocal asked
        if asked:
            raise Border
        asked = True
        return False

    return stopped


def _shape(random: Random) -> Shape:
    return Shape(
        at_rest=random.random() < 0.4,
        scorers=random.choice((1, 1, 2, 2, 3)),
        partitions=random.choice((1, 2, 3)),
        events=random.randint(5, 80),
        turns=random.randint(30, 250),
    )
