"""Publishing from asyncio to a real Kafka: the loop goes on; nothing lost, doubled or swapped."""

import asyncio
from collections.abc import Awaitable

import pytest

from labline.engine.broker.clients import admin_client
from labline.engine.errors import LablineError
from labline.engine.publish import publisher as publisher_module
from labline.engine.publish.async_publisher import AsyncPublisher
from labline.engine.publish.undelivered import UndeliveredError
from labline.schemas.rejection import SchemaViolation
from tests.broker.test_publisher import SCHEMA, Topic, await_gone, everything, made


def datum(number: int, key: str = "a") -> dict[str, object]:
    return {"id": str(number), "k": key, "x": 1.0}


def ids(broker: str, topic: Topic, count: int) -> list[int]:
    """Return the records' numbers, partition by partition."""
    found = sorted(everything(broker, topic, count), key=lambda m: (m.partition(), m.offset()))
    data = [SCHEMA.decode(message.value()) for message in found]
    return [int(one["id"]) for one in data if isinstance(one, dict)]


async def ticks_during(work: Awaitable[None]) -> int:
    """Return how often another task had its turn meanwhile."""
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            ticks += 1
            await asyncio.sleep(0.001)

    ticking = asyncio.create_task(tick())
    await work
    ticking.cancel()
    return ticks


def test_what_is_sent_is_there_in_order(
    broker: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publisher_module, "QUEUE_MAX_RECORDS", 100)  # full most of the time
    topic = made(broker, name)
    count = 3_000

    async def main() -> None:
        async with AsyncPublisher(broker, topic, SCHEMA, source="tests") as publisher:
            await asyncio.gather(*(publisher.send(datum(n)) for n in range(count)))
            for wrong in ({}, {**datum(0), "x": -1.0}, {**datum(0), "k": None}):
                with pytest.raises(SchemaViolation):
                    await publisher.send(wrong)
        assert publisher.sent == count

    assert asyncio.run(ticks_during(main())) > 10
    assert ids(broker, topic, count) == list(range(count))


def test_a_send_that_waits_holds_nobody_up_and_can_be_cancelled(
    broker: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publisher_module, "QUEUE_MAX_RECORDS", 50)
    monkeypatch.setattr(publisher_module, "LINGER_MS", 60_000)  # stays until it is flushed
    topic = made(broker, name)

    async def main() -> None:
        async with AsyncPublisher(broker, topic, SCHEMA) as publisher:
            for n in range(50):
                await publisher.send(datum(n))

            async def wait_in_vain() -> None:
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(publisher.send(datum(50)), 0.3)

            assert await ticks_during(wait_in_vain()) > 20
            assert publisher.sent == 50
            await publisher.flush()
            await publisher.send(datum(51))

    asyncio.run(main())
    assert ids(broker, topic, 51) == [*range(50), 51]


def test_a_cancelled_flush_loses_and_doubles_nothing(broker: str, name: str) -> None:
    topic = made(broker, name)

    async def main() -> None:
        async with AsyncPublisher(broker, topic, SCHEMA) as publisher:
            for n in range(1_000):
                await publisher.send(datum(n))
            flushing = asyncio.create_task(publisher.flush())
            await asyncio.sleep(0)
            flushing.cancel()
            with pytest.raises(asyncio.CancelledError):
                await flushing

    asyncio.run(main())
    assert ids(broker, topic, 1_000) == list(range(1_000))


def test_undelivered_records_are_told(broker: str, name: str) -> None:
    topic = made(broker, name)

    async def main() -> None:
        async with AsyncPublisher(broker, topic, SCHEMA) as publisher:
            await publisher.send(datum(0))
            await publisher.flush()
            admin = admin_client(broker)
            admin.delete_topics([topic.name])[topic.name].result()
            await_gone(broker, topic.name)
            await publisher.send(datum(1))

    with pytest.raises(UndeliveredError) as told:
        asyncio.run(main())
    assert told.value.data == [datum(1)]


def test_outside_its_block_it_is_closed(broker: str, name: str) -> None:
    topic = made(broker, name)

    async def main() -> None:
        publisher = AsyncPublisher(broker, topic, SCHEMA)
        with pytest.raises(LablineError, match="LL-PUBLISH-CLOSED"):
            await publisher.send(datum(0))
        async with publisher:
            await publisher.send(datum(0))
        with pytest.raises(LablineError, match="LL-PUBLISH-CLOSED"):
            await publisher.send(datum(1))

    asyncio.run(main())
    missing = Topic(name=f"{name}.none", schema="r", key="k")
    with pytest.raises(LablineError, match="LL-TOPIC-MISSING"):
        asyncio.run(AsyncPublisher(broker, missing, SCHEMA).__aenter__())
    everything(broker, topic, 1)
