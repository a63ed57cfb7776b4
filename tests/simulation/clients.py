"""Look-alikes of the clients, with just what the engine uses of confluent-kafka.

They prove nothing about Kafka: they let a schedule be chosen. Every call is a point at which the
world may kill the process, freeze it, let others go first or answer with an error.
"""

from collections.abc import Callable
from typing import Any, Protocol

from confluent_kafka import OFFSET_INVALID, KafkaError, TopicPartition

from labline.engine.core.record import Headers
from tests.simulation.group import FENCED, PREPARING, STABLE, UNKNOWN, Group
from tests.simulation.log import COMMITTED, OFFSETS, Broker, Item, Place, Written, failure
from tests.simulation.schedule import Schedule

COMMIT_WAITS = 100


class World(Protocol):
    """What clients know of the world they are in."""

    broker: Broker
    group: Group
    schedule: Schedule
    partitions: int

    def point(self, name: str) -> None:
        """Let something happen here: a crash, a freeze, somebody else's turn, an error."""

    def note(self, what: str) -> None:
        """Count what happened."""

    def identity(self, consumer: "Consumer") -> int:
        """Return a number for a new client, of whoever's turn it is."""


class Message:
    """A record or an event of a partition, as a consumer gives it."""

    def __init__(self, place: Place, offset: int, item: Item | None, error: Any = None) -> None:
        self._place, self._offset, self._item, self._error = place, offset, item, error

    def error(self) -> Any:
        return self._error

    def topic(self) -> str:
        return self._place.topic

    def partition(self) -> int:
        return self._place.partition

    def offset(self) -> int:
        return self._offset

    def timestamp(self) -> tuple[int, int]:
        assert self._item is not None
        return (2, self._item.time_ms)

    def key(self) -> bytes | None:
        return self._item.written.key if self._item else None

    def value(self) -> bytes | None:
        return self._item.written.value if self._item else None

    def headers(self) -> Headers:
        return self._item.written.headers if self._item else None


class Fetch:
    """What a consumer knows of one partition: as of its last answer, not as of now."""

    def __init__(self, position: int) -> None:
        self.position = position
        self.fetched_to = position
        self.high = OFFSET_INVALID
        self.told_eof = False


class Consumer:
    """A group member; `consume` gives a part of what is there, in any order of partitions."""

    def __init__(self, world: World, config: dict[str, Any]) -> None:
        self._world = world
        self.instance: str = config["group.instance.id"]
        self.number = world.identity(self)
        self._generation = 0
        self._joined = self._assigned = False
        self._fetches: dict[Place, Fetch] = {}
        self._paused: dict[Place, bool] = {}  # survives unassign and assign
        self._call: dict[str, Callable[..., None]] = {}

    def subscribe(self, topics: list[str], **callbacks: Callable[..., None]) -> None:
        self._world.point("subscribe")
        self._topics, self._call = topics, callbacks

    def consume(self, count: int, timeout_s: float) -> list[Message]:
        self._world.point("consume")
        if not count:
            return []
        fenced = self._follow_group()
        if fenced:
            return fenced
        found = self._fetch(count)
        if not found and timeout_s:
            self._world.schedule.wait(timeout_s)
        return found

    def _follow_group(self) -> list[Message]:
        group = self._world.group
        status = group.status(self.instance, self.number)
        if not self._joined:  # in a slot that somebody may have: it is replaced
            self._joined, status = True, UNKNOWN
        if status == FENCED:
            self._give_up("on_lost")
            error = KafkaError(KafkaError.FENCED_INSTANCE_ID, fatal=True)
            return [Message(Place("", -1), -1, None, error)]
        if status in (UNKNOWN, PREPARING):
            self._give_up("on_lost" if status == UNKNOWN else "on_revoke")
            group.join(self.instance, self.number)
        status = group.status(self.instance, self.number)
        if status == STABLE and self._generation != group.generation:
            self._generation, self._assigned = group.generation, True
            mine = group.assigned(self.instance)
            self._call["on_assign"](self, self._places(mine))
        return []

    def _places(self, partitions: list[int]) -> list[TopicPartition]:
        return [TopicPartition(topic, p) for topic in self._topics for p in partitions]

    def _give_up(self, callback: str) -> None:
        if self._assigned:
            self._assigned = False
            self._world.note(callback)
            self._call[callback](self, [TopicPartition(*place) for place in self._fetches])

    def _fetch(self, count: int) -> list[Message]:
        schedule, found = self._world.schedule, list[Message]()
        for place in schedule.shuffled(list(self._fetches)):
            if len(found) < count and not self._paused.get(place) and schedule.fetches():
                found += self._from(place, self._fetches[place], count - len(found))
        return found

    def _from(self, place: Place, fetch: Fetch, room: int) -> list[Message]:
        broker, schedule = self._world.broker, self._world.schedule
        log, empty = broker.log(place), fetch.position == fetch.fetched_to
        if empty:  # an answer: what it tells is old by the time it is read
            fetch.fetched_to, fetch.high = broker.stable(place), len(log)
            if schedule.fetches_later():
                return []
        found, room = list[Message](), min(room, schedule.part())
        while fetch.position < fetch.fetched_to and len(found) < room:
            item = log[fetch.position]
            if item.state == COMMITTED:
                found.append(Message(place, fetch.position, item))
                fetch.told_eof = False
            fetch.position += 1
        if not found and empty and not fetch.told_eof and room:
            fetch.told_eof = True
            eof = KafkaError(KafkaError._PARTITION_EOF)
            found.append(Message(place, fetch.position, None, eof))
        return found

    def assign(self, places: list[TopicPartition]) -> None:
        self._world.point("assign")
        self._fetches = {Place(tp.topic, tp.partition): Fetch(tp.offset) for tp in places}

    def unassign(self) -> None:
        self._fetches = {}

    def pause(self, places: list[TopicPartition]) -> None:
        for tp in places:
            place = Place(tp.topic, tp.partition)
            self._paused[place] = True
            if place in self._fetches:  # what was prefetched is thrown away
                self._fetches[place].fetched_to = self._fetches[place].position
                self._fetches[place].told_eof = False

    def resume(self, places: list[TopicPartition]) -> None:
        for tp in places:
            self._paused[Place(tp.topic, tp.partition)] = False

    def committed(self, places: list[TopicPartition], timeout_s: float) -> list[TopicPartition]:
        self._world.point("committed")
        broker = self._world.broker
        asked = [Place(tp.topic, tp.partition) for tp in places]
        for _ in range(COMMIT_WAITS):  # offsets of an open transaction are waited for
            if not any(broker.unstable(place) for place in asked):
                break
            self._world.schedule.wait(timeout_s / COMMIT_WAITS)
        else:
            raise failure(KafkaError._TIMED_OUT)
        return [TopicPartition(*p, broker.committed.get(p, OFFSET_INVALID)) for p in asked]

    def consumer_group_metadata(self) -> tuple[str, int, int]:
        return (self.instance, self.number, self._generation)

    def get_watermark_offsets(self, tp: TopicPartition, *, cached: bool) -> tuple[int, int]:
        assert cached, "the engine asks nobody in mid-run"
        fetch = self._fetches.get(Place(tp.topic, tp.partition))
        if fetch is None or fetch.high == OFFSET_INVALID:
            return (OFFSET_INVALID, OFFSET_INVALID)
        return (0, fetch.high)

    def close(self) -> None:
        """Stay in the group as static members do, until the session ends."""
        self._give_up("on_revoke")


class Producer:
    """A transactional producer: what is produced waits in its queue, or was sent, who knows."""

    def __init__(self, world: World, config: dict[str, Any]) -> None:
        self._world = world
        self._name: str = config["transactional.id"]
        self._epoch = -1
        self._queue: list[tuple[Place, Written, Any]] = []
        self._reports: list[tuple[Any, Message]] = []

    def init_transactions(self, timeout_s: float) -> None:
        del timeout_s
        self._world.point("init")
        self._epoch = self._world.broker.init(self._name)
        self._world.point("init done")

    def begin_transaction(self) -> None:
        self._world.point("begin")

    def produce(
        self,
        topic: str,
        value: bytes | None,
        key: bytes | None,
        partition: int,
        on_delivery: Any = None,
        headers: Headers = None,
    ) -> None:
        self._world.point("produce")
        if self._world.schedule.queue_is_full():
            raise BufferError
        self._queue.append((Place(topic, partition), Written(key, value, headers), on_delivery))
        if self._world.schedule.sends():
            self._send()

    def poll(self, timeout_s: float) -> None:
        self._world.point("poll")
        if timeout_s:
            self._send()
        reports, self._reports = self._reports, []
        for told, message in reports:
            told(None, message)

    def _send(self) -> None:
        queue, self._queue = self._queue, []
        for place, written, on_delivery in queue:
            offset = self._world.broker.send(self._name, self._epoch, place, written)
            if on_delivery is not None:
                self._reports.append((on_delivery, Message(place, offset, None)))

    def send_offsets_to_transaction(
        self, offsets: list[TopicPartition], member: tuple[str, int, int], timeout_s: float
    ) -> None:
        del timeout_s
        if self._world.schedule.chance(0.7):  # its thread had the time
            self._send()
        self._world.point("send_offsets")
        told = {Place(tp.topic, tp.partition): tp.offset for tp in offsets}
        assert OFFSETS not in told
        refusal = self._world.group.refusal(*member)
        if refusal is not None:
            raise failure(refusal)
        self._world.broker.send_offsets(self._name, self._epoch, told)
        self._world.point("send_offsets done")

    def commit_transaction(self, timeout_s: float) -> None:
        self._world.point("commit")
        self._send()
        broker, schedule = self._world.broker, self._world.schedule
        fate = schedule.commit()
        if fate != "well":
            self._world.note(f"commit {fate}")
        if fate == "lost":  # the request never arrives, or too late
            schedule.wait(timeout_s)
            raise failure(KafkaError._TIMED_OUT)
        if fate == "late":
            broker.end_late(self._name, self._epoch)
            raise failure(KafkaError._TIMED_OUT)
        broker.end(self._name, self._epoch, COMMITTED)
        if fate == "slow":  # it was retried below, and its twin is still on its way
            schedule.wait(timeout_s / 2)
            broker.end_late(self._name, self._epoch)
        if fate == "unknown":
            raise failure(KafkaError._TIMED_OUT)
        self._world.point("commit done")
