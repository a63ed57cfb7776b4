"""A small workspace of one line on two topics of the broker, and the lab's commands in it."""

import json
from datetime import UTC, datetime
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

from confluent_kafka import Producer

from labline.engine.broker.clients import producer_config
from labline.engine.models.control.signing import generate
from labline.engine.workspace.workspace import Workspace
from labline.schemas.avro import Schema
from tests.broker.recorded import create
from tests.command import labline

PARTITIONS = 2
NOON_MS = 1_700_000_000_000
RECIPE = "StandardScaler() | LogisticRegression()"
EVENT = {"type": "record", "name": "Paid", "fields": [
    {"name": "id", "type": "string"},
    {"name": "event_time", "type": "long", "event_time": True},
    {"name": "shop", "type": "string"}, {"name": "amount", "type": "double"},
]}  # fmt: skip
LABEL = {"type": "record", "name": "Disputed", "fields": [
    *EVENT["fields"][:3], {"name": "fraud", "type": "boolean"},
]}  # fmt: skip
TOPIC = 'name = "{topic}"\nschema = "{schema}"\nkey = "shop"\npartitions = 2\n'
LINE = """
name = "{name}"
question = "Is it fraud?"
owner = "shop@example.com"
kind = "binary"
events = "{name}.paid"
id = "id"
labels = "{name}.disputed"
refers_to = "id"
label = "fraud"
label_horizon = "1d"
[features]
numeric = ["amount"]
[decision]
threshold = 0.5
[baselines]
rate = "BaseRate()"
"""


class Shop:
    """A workspace whose line reads two topics of the broker."""

    def __init__(self, bootstrap: str, name: str, root: Path) -> None:
        self.bootstrap, self.name, self.root = bootstrap, name, root / "shop"
        self.events, self.labels = f"{name}.paid", f"{name}.disputed"
        for folder in ("topics", "lines", "experiments", "keys"):
            (self.root / folder).mkdir(parents=True)
        (self.root / "labline.toml").write_text(f'name = "{name}"\n')
        for topic, schema in ((self.events, EVENT), (self.labels, LABEL)):
            subject = topic.rsplit(".", 1)[1]
            path = self.root / "schemas" / subject / "v1.avsc"
            path.parent.mkdir(parents=True)
            path.write_text(json.dumps(schema))
            declared = TOPIC.format(topic=topic, schema=subject)
            (self.root / "topics" / f"{subject}.toml").write_text(declared)
        self.add_line(name)
        space = Workspace(self.root)
        generate(space.private_key, space.keys_dir / "operator.pub")

    def add_line(self, name: str) -> None:
        (self.root / "lines" / f"{name}.toml").write_text(
            LINE.format(name=name).replace(f"{name}.paid", self.events)
            .replace(f"{name}.disputed", self.labels)
        )  # fmt: skip

    def create_topics(self) -> None:
        for topic in (self.events, self.labels):
            create(self.bootstrap, topic, PARTITIONS, times="CreateTime")

    def publish(self, first: int, last: int, *, labels: bool = True) -> None:
        """Publish payments, one a second, and what became of each, half a second later."""
        producer = Producer(producer_config(self.bootstrap))
        event, label = Schema.parse(EVENT), Schema.parse(LABEL)
        for n in range(first, last):
            at_ms = NOON_MS + n * 1_000
            datum = {"id": f"p{n}", "event_time": at_ms, "shop": f"s{n % 7}"}
            paid = event.encode({**datum, "amount": float(n * 37 % 101)})
            told = label.encode({**datum, "event_time": at_ms + 500, "fraud": n * 37 % 101 > 60})
            part = n % 7 % PARTITIONS
            producer.produce(self.events, paid, datum["shop"], part, timestamp=at_ms)
            if labels:
                producer.produce(self.labels, told, datum["shop"], part, timestamp=at_ms + 500)
            producer.poll(0)
        assert producer.flush(30) == 0

    def run(self, *arguments: str, code: int = 0, **environment: str) -> CompletedProcess[str]:
        """Run the command in a folder that is not the workspace."""
        environment = {"LABLINE_BOOTSTRAP_SERVERS": self.bootstrap, **environment}
        done = labline(*arguments, "-w", str(self.root), **environment)
        assert done.returncode == code, f"{arguments}: {done.returncode}\n{done.stderr}"
        return done

    def replay(self, source: str, recipe: str = RECIPE, **more: str) -> tuple[Any, str]:
        """Return the result of a replay, and what was said beside it."""
        done = self.run("lab", "replay", source, "--recipe", recipe, "--json", **more)
        return json.loads(done.stdout), done.stderr

    def refused(self, *arguments: str, **more: str) -> str:
        """Return the one line, and its remedy, with which a command is refused."""
        said = self.run(*arguments, code=1, **more).stderr
        assert said.startswith("LL-"), said
        assert said.count("\n") == 2, said
        assert "\n  remedy: " in said
        return said

    def experiment(self, **more: object) -> str:
        told = {"line": self.name, "recipes": {"linear": RECIPE}, **more}
        (self.root / "experiments" / "one.yaml").write_text(json.dumps(told))
        return "one"

    def kept(self) -> list[Path]:
        return sorted((self.root / ".labline" / "recordings").glob("[!.]*"))


def at(number: int) -> str:
    return datetime.fromtimestamp(NOON_MS / 1000 + number, UTC).isoformat()
