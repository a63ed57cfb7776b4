"""A Faust app that knows a workspace: where Kafka is, and how the catalogue's values decode.

Faust acknowledges an event before its decode hooks run, and in a ``finally`` around its body: an
agent is for what watches and reacts, never for what must not be lost. So values come as bytes
and are decoded here, where a record that is not what it should be is counted and said.
"""

from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import faust
import structlog

from labline.engine.core.kinds import KINDS
from labline.engine.workspace.workspace import Workspace
from labline.schemas.avro import Schema
from labline.schemas.engine_schemas import engine_schema
from labline.schemas.rejection import Rejection
from labline.topics.naming import line_topics

log = structlog.get_logger()

#: Which of the engine's schemas a line's topics have, beside its scores.
LINE_SCHEMAS = {"journal": "labline.Journal", "vitals": "labline.Vitals"}


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
        schema = self.schema_of(topic)
        async for event in stream.events():
            found = schema.decode(event.value)
            if isinstance(found, Rejection):
                self.rejected[found.reason] += 1
                log.warning(
                    "undecodable", topic=topic, offset=event.message.offset, reason=found.reason
                )
            else:
                yield found
