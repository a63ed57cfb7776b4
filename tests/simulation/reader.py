"""Stand-ins for the readers of partitions: `labline.engine.broker.reader` and `positions`."""

from collections.abc import Generator

from labline.engine.broker.reader import Offsets
from labline.engine.core.record import Record
from tests.simulation.clients import World
from tests.simulation.log import COMMITTED, Item, Place


def partition_offsets(world: World, _: str, topics: list[str]) -> dict[str, dict[int, Offsets]]:
    """Stand in for `labline.engine.broker.reader.partition_offsets`."""
    world.point("offsets")
    broker, found = world.broker, dict[str, dict[int, Offsets]]()
    for topic in topics:
        places = [Place(topic, p) for p in range(world.partitions)]
        found[topic] = {
            p.partition: Offsets(0, broker.stable(p), len(broker.log(p))) for p in places
        }
    return found


def read_range(
    world: World, _: str, topic: str, partition: int, start: int, end: int
) -> Generator[list[Record], None, None]:
    """Stand in for `labline.engine.broker.reader.read_range`."""
    log, batch = world.broker.log(Place(topic, partition)), list[Record]()
    for offset in range(start, end):
        item = log[offset]
        if item.state == COMMITTED:
            batch.append(record(offset, item))
        if len(batch) > world.schedule.part():
            world.point("read")
            yield batch
            batch = []
    if batch:
        yield batch


def record(offset: int, item: Item) -> Record:
    """Return a log's item as the fold takes it."""
    return (offset, item.time_ms, *item.written)


def start_offsets(world: World, _: str, topic: str, start: str) -> dict[int, int]:
    """Stand in for `labline.engine.broker.positions.start_offsets`."""
    del topic
    assert start == "earliest"
    return dict.fromkeys(range(world.partitions), 0)
