"""Publishing from asyncio: the same publisher, waited for without holding up the loop.

Applications with a loop of their own use it in place of `Publisher`; every wait for the client
happens in a thread, and a wait that is cancelled loses no report.
"""

import asyncio
from collections.abc import Mapping
from functools import partial
from types import TracebackType
from typing import Self

from labline.engine.errors import LablineError
from labline.engine.publish.publisher import DELIVERY_TIMEOUT_MS, FLUSH_STEP_S, Publisher
from labline.schemas.avro import Schema
from labline.topics.declaration import Topic

YIELD_EVERY = 100  # sends between two turns of the loop


class AsyncPublisher:
    """A `Publisher` for asyncio: leaving its ``async with`` block means that Kafka has them all.

    Tasks may share it; their records are sent in the order in which they called `send`. Takes
    the parameters of `Publisher`.

    Raises
    ------
    LablineError
        What `Publisher` raises, from entering and leaving the block and from the same methods.
    """

    def __init__(
        self,
        bootstrap: str,
        topic: Topic,
        schema: Schema,
        source: str | None = None,
        *,
        schema_id: int | None = None,
        delivery_timeout_ms: int = DELIVERY_TIMEOUT_MS,
    ) -> None:
        self._open = partial(
            Publisher,
            bootstrap,
            topic,
            schema,
            source,
            schema_id=schema_id,
            delivery_timeout_ms=delivery_timeout_ms,
        )
        self._opened: Publisher | None = None
        self._turn = asyncio.Lock()  # first come, first served

    @property
    def sent(self) -> int:
        """How many records were sent."""
        return self._publisher.sent

    async def send(self, datum: Mapping[str, object]) -> None:
        """Send a record; return when it is in the client's queue, waiting while that is full.

        When it is cancelled while it waits, the record is not sent.

        Raises
        ------
        SchemaViolation
            When the schema does not allow the record; nothing is sent then.
        """
        publisher = self._publisher
        async with self._turn:
            if publisher.sent % YIELD_EVERY == 0:
                await asyncio.sleep(0)
            while not publisher._offer(datum, publisher._report):
                await asyncio.to_thread(publisher._await_room)

    async def flush(self) -> None:
        """Wait until everything that was sent is acknowledged.

        When it is cancelled, the records stay on their way; a later `flush` tells of them.

        Raises
        ------
        UndeliveredError
            ``LL-PUBLISH-UNDELIVERED``, with what was not.
        """
        publisher = self._publisher
        while await asyncio.to_thread(publisher._in_queue, FLUSH_STEP_S):
            pass
        publisher._tell_undelivered()  # here, so that a cancelled wait cannot swallow it

    async def __aenter__(self) -> Self:
        self._opened = await asyncio.to_thread(self._open)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        publisher = self._publisher
        if kind is not None:
            await asyncio.to_thread(publisher.__exit__, kind, error, trace)
            return
        try:
            await self.flush()
        finally:
            publisher._close()

    @property
    def _publisher(self) -> Publisher:
        if self._opened is None:
            raise LablineError(
                "LL-PUBLISH-CLOSED", "the publisher is not open", "use it in an async with block"
            )
        return self._opened
