"""A Faust app that knows a workspace: where Kafka is, and how the catalogue's values decode.

Users make one and write agents over topics of the workspace. Values come as bytes and leave as
records, read as lines read them: in the topic's format, whichever version of its schema wrote them,
with what the schema registry knows. Faust acknowledges an event before its decode hooks run, and in
a ``finally`` around its body: an agent is for what watches and reacts, never for what must not be
lost. So decoding happens here, where a value that is no record is counted and logged, and where a
registry that does not answer is waited for.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import faust
import structlog

from labline.engine.broker.registry.schema_registry import Writers
from labline.engine.core.kinds import KINDS
from labline.engine.errors import PassingError
from labline.engine.workspace.workspace import Workspace
from labline.schemas.avro import Schema
from labline.schemas.engine_schemas import engine_schema
from labline.schemas.framing import Headers
from labline.schemas.rejection import Rejection
from labline.schemas.values.formats import reader_of
from labline.schemas.values.value_format import ValueReader
from labline.topics.naming import line_topics

log = structlog.get_logger()

#: Which of the engine's schemas a line's topics have, beside its scores.
LINE_SCHEMAS = {"journal": "labline.Journal", "vitals": "labline.Vitals"}
REGISTRY_RETRY_S = 1.0  # between two questions to a registry that does not answer


class StreamsApp(faust.App):
    """A Faust app over the topics of a workspace.

    Parameters
    ----------
    name
        Faust's app id, and so the consumer group.
    workspace
        Whose topics and schemas it knows.
    bootstrap
        The Kafka cluster; the workspace's own unless given.
    settings
        Further settings of Faust's.
    """

    def __init__(
        self, name: str, workspace: Workspace, bootstrap: str | None = None, **settings: Any
    ) -> None:
        self.workspace = workspace
        self.rejected: Counter[str] = Counter()
        super().__init__(
            name,
            broker=f"kafka://{workspace.bootstrap(bootstrap)}",
            datadir=str(workspace.state_dir / "faust" / name),
            topic_disable_leader=True,
            **{"web_host": "127.0.0.1", "web_bind": "127.0.0.1", **settings},
        )

    async def on_first_start(self) -> None:
        """Make the state folder where there is none yet: Faust makes only its own in it."""
        Path(self.conf.datadir).parent.mkdir(parents=True, exist_ok=True)
        await super().on_first_start()

    def source(self, topic: str) -> Any:
        """Return a topic of the catalogue as a channel of raw bytes, for an agent."""
        return self.topic(
            topic, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw"
        )

    def json_topic(self, topic: str) -> Any:
        """Return a topic of the app's own, made when it starts, for JSON keyed by text."""
        made = self.topic(
            topic,
            internal=True,  # Faust makes only these
            partitions=self.conf.topic_partitions,
            replicas=1,
            key_type=str,
            value_serializer="json",
        )
        self.task(made.maybe_declare)  # also where it is only written to
        return made

    def schema_of(self, topic: str) -> Schema:
        """Return the schema of a declared topic, or of one that a line writes."""
        for line in self.workspace.lines().values():
            kind = KINDS[line.kind]
            schemas = {
                **LINE_SCHEMAS, "scores": kind.schemas.answer, "shadow": kind.schemas.shadow,
            }  # fmt: skip
            for what, name in line_topics(line.name)._asdict().items():
                if name == topic and what in schemas:
                    return engine_schema(schemas[what])
        return self.workspace.schema_of(topic)

    async def records(self, stream: Any, topic: str) -> AsyncIterator[dict[str, Any]]:
        """Yield what a stream's values decode to; the others are counted in `rejected`."""
        registry = self.workspace.registry()
        reader = reader_of(self.schema_of(topic), Writers(self.workspace.schemas(), registry))
        async for event in stream.events():
            value, headers = event.value, list(event.message.headers or ()) or None
            if registry is None:
                datum = reader.decode(value, headers)
            else:
                datum = await self._decoded(reader, value, headers)
            if isinstance(datum, Rejection):
                self.rejected[datum.reason] += 1
                log.warning(
                    "undecodable", topic=topic, offset=event.message.offset, reason=datum.reason
                )
            else:
                yield datum

    async def _decoded(
        self, reader: ValueReader, value: bytes | None, headers: Headers
    ) -> dict[str, Any] | Rejection:
        """Decode where a registry may have to be asked: beside the loop, until it answers."""
        silent = False
        while True:
            try:
                return await asyncio.to_thread(reader.decode, value, headers)
            except PassingError as error:
                if not silent:
                    log.warning("waiting for the schema registry", reason=str(error))
                silent = True
                await self.sleep(REGISTRY_RETRY_S)
