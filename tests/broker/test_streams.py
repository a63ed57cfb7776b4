"""Agents of one's own read what lines read: every framing, every version, every format."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer

from labline.engine.broker.clients import producer_config
from labline.engine.broker.servers import apicurio
from labline.engine.publish.publisher import Publisher
from labline.engine.workspace.workspace import Workspace
from labline.schemas.avro import Schema
from labline.schemas.framing import ID_HEADER, confluent_head
from tests.broker.process import Process, until
from tests.broker.recorded import create

pytestmark = pytest.mark.broker

V1: dict[str, Any] = {"type": "record", "name": "Seen", "fields": [
    {"name": "id", "type": "string"}, {"name": "x", "type": "double"}]}  # fmt: skip
V2 = {**V1, "fields": [*V1["fields"], {"name": "gate", "type": "string", "default": "?"}]}
UNSEEN = {**V1, "fields": [*V2["fields"], {"name": "seat", "type": "int", "default": 0}]}
TOPIC = 'name = "{topic}"\nschema = "seen"\nkey = "id"\npartitions = 1\nformat = "{form}"\n'
AGENT = """
import json
from pathlib import Path
from labline import StreamsApp, Workspace

here, topic, bootstrap = Path("{here}"), "{topic}", "{bootstrap}"
app = StreamsApp(topic, Workspace.find(here), bootstrap, web_enabled=False)


@app.agent(app.source(topic))
async def write_down(stream):
    async for record in app.records(stream, topic):
        with (here / "read.jsonl").open("a") as file:
            print(json.dumps(record), file=file)
        (here / "rejected.json").write_text(json.dumps(app.rejected))


app.main()
"""


@pytest.fixture
def registry_root(tmp_path: Path) -> Iterator[Path]:
    """Give the folder of a registry that this test may stop."""
    root = tmp_path / "registry" / ".labline"
    apicurio.start(root)
    yield root
    apicurio.stop(root)


class Watched:
    """A workspace of one topic with an agent on it, and what that has read."""

    def __init__(self, bootstrap: str, topic: str, root: Path, form: str, settings: str) -> None:
        self.bootstrap, self.topic, self.root = bootstrap, topic, root / "workspace"
        for folder in ("topics", "schemas/seen"):
            (self.root / folder).mkdir(parents=True)
        (self.root / "labline.toml").write_text(f'name = "watched"\n{settings}')
        (self.root / "topics" / "seen.toml").write_text(TOPIC.format(topic=topic, form=form))
        for number, document in enumerate((V1, V2), start=1):
            (self.root / f"schemas/seen/v{number}.avsc").write_text(json.dumps(document))
        self.workspace = Workspace(self.root)
        create(bootstrap, topic, 1)
        script = AGENT.format(here=self.root, topic=topic, bootstrap=bootstrap)
        (root / "watcher.py").write_text(script)
        self.log = root / "agent.log"
        more = {"PYTHONPATH": str(root)}
        self.process = Process(["watcher", "worker", "-l", "info"], self.log, more)

    def publish(self, *values: tuple[bytes, Any]) -> None:
        """Publish values with their headers, as they are."""
        producer = Producer(producer_config(self.bootstrap))
        for value, headers in values:
            producer.produce(self.topic, value, b"k", headers=headers)
        assert producer.flush(30) == 0

    def records(self, count: int) -> list[dict[str, Any]]:
        """Return what the agent has read, once it is so much."""
        path = self.root / "read.jsonl"

        def lines() -> list[str]:
            assert self.process.is_running(), self.process.said()
            return path.read_text().splitlines() if path.exists() else []

        until(f"{count} records at the agent", lambda: len(lines()) >= count)
        return [json.loads(line) for line in lines()]

    def rejected(self) -> dict[str, int]:
        """Return how many values the agent did not read, by reason."""
        found: dict[str, int] = json.loads((self.root / "rejected.json").read_text())
        return found


def test_an_agent_reads_every_framing_and_version_with_a_registry(
    broker: str, name: str, tmp_path: Path, registry_root: Path
) -> None:
    """The schema registry goes away in the midst: what only it knows is waited for, not lost."""
    url = apicurio.last_url(registry_root)
    watched = Watched(broker, name, tmp_path, "avro", f'schema_registry = "{url}"\n')
    try:
        registry = watched.workspace.registry()
        assert registry is not None
        ids = [registry.register(name, document) for document in (V1, V2, UNSEEN)]
        old, new, unseen = map(Schema.parse, (V1, V2, UNSEEN))
        datum = {"id": "a", "x": 1.0}
        watched.publish(
            (old.encode(datum), None),
            (new.encode({**datum, "gate": "B"}), None),
            (old.encode(datum, confluent_head(ids[0])), [("h", b"x")]),
            (new.encode({**datum, "gate": "C"}, confluent_head(ids[1])), None),
            (b"no record", None),
            (new.encode({**datum, "gate": "D"}, b""), [(ID_HEADER, b"\x02")]),
            (old.encode({**datum, "id": "last"}), None),
        )
        gates = [(record["id"], record["gate"]) for record in watched.records(5)]
        assert gates == [("a", "?"), ("a", "B"), ("a", "?"), ("a", "C"), ("last", "?")]
        assert watched.rejected() == {"unknown-framing": 2}

        apicurio.stop(registry_root)
        seated = unseen.encode({**datum, "gate": "E", "seat": 3}, confluent_head(ids[2]))
        watched.publish((seated, None), (old.encode({**datum, "id": "after"}), None))
        until("it waits", lambda: "waiting for the schema registry" in watched.process.said())
        assert len(watched.records(5)) == 5
        apicurio.start(registry_root)
        later = watched.records(7)[5:]
        assert later == [{**datum, "gate": "E"}, {"id": "after", "x": 1.0, "gate": "?"}]
        assert watched.rejected() == {"unknown-framing": 2}
    finally:
        watched.process.kill()


@pytest.mark.parametrize("form", ["avro", "json"])
def test_an_agent_reads_a_topic_in_its_format(
    broker: str, name: str, tmp_path: Path, form: str
) -> None:
    watched = Watched(broker, name, tmp_path, form, "")
    try:
        topic = watched.workspace.topics()[name]
        old = Schema.parse(V1)
        with Publisher(broker, topic, old) as publisher:
            publisher.send({"id": "old", "x": 1})
        with Publisher(broker, topic, watched.workspace.schema_of(topic)) as publisher:
            publisher.send({"id": "new", "x": 2.5, "gate": "B"})
        assert watched.records(2) == [
            {"id": "old", "x": 1.0, "gate": "?"}, {"id": "new", "x": 2.5, "gate": "B"},
        ]  # fmt: skip
        assert watched.rejected() == {}
    finally:
        watched.process.kill()
