"""Where the programs run: an embedded Kafka in a folder of its own, flights in its topics."""

import gc
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import yaml
from confluent_kafka import TopicPartition

from labline.engine.broker.clients import admin_client
from labline.engine.broker.reader import partition_offsets
from labline.engine.broker.servers import embedded
from labline.engine.demo.flights_source import DEPARTED, FIRST_DAY, timeline
from labline.engine.models.control.registry import Registry
from labline.engine.models.control.signing import Signer, generate, load_public_keys
from labline.engine.promotion.promote import promote
from labline.engine.publish.publisher import Publisher
from labline.engine.workspace.catalogue import catalogue
from labline.engine.workspace.example import make_workspace
from labline.engine.workspace.workspace import Workspace
from labline.topics.apply import apply, existing_topics
from labline.topics.plan import line_topic_declarations, plan
from labline.topics.steps import Declaration

LINE = "flights-delay"
EVENTS, LABELS = "flights.departed", "flights.arrived"


@dataclass(frozen=True)
class Stage:
    """A broker with the flights of some days, at rest.

    Attributes
    ----------
    recipe
        The champion's.
    events, labels
        How many records were published.
    """

    workspace: Workspace
    bootstrap: str
    recipe: str
    events: int
    labels: int

    @property
    def keys(self) -> Path:
        """Where the public keys lie that the scorer trusts."""
        return self.workspace.keys_dir

    @property
    def inputs(self) -> list[TopicPartition]:
        """The partitions that every program reads."""
        topics = self.workspace.topics()
        return [
            TopicPartition(name, partition)
            for name in (EVENTS, LABELS)
            for partition in range(topics[name].partitions)
        ]

    def log_end(self) -> int:
        """Return the sum of the input logs' ends: where a reader has everything."""
        offsets = partition_offsets(self.bootstrap, [EVENTS, LABELS])
        return sum(place.end for topic in offsets.values() for place in topic.values())

    def new_line(self, name: str) -> None:
        """Declare a line like the example's under another name, with one baseline, and its topics.

        A new name is a new beginning: cold models, no journal, the whole log to read.
        """
        text = (self.workspace.root / "lines" / f"{LINE}.toml").read_text()
        text = text.split("[baselines]")[0].replace(f'"{LINE}"', f'"{name}"')  # default: base rate
        (self.workspace.root / "lines" / f"{name}.toml").write_text(text)
        events, labels = (self.workspace.topics()[topic] for topic in (EVENTS, LABELS))
        wanted = line_topic_declarations(name, events, labels)
        _create(self.bootstrap, wanted)

    def promote(self, line: str) -> None:
        """Put the champion in force on a line: the scorer can start."""
        registry = Registry(self.workspace.models_dir, load_public_keys(self.keys))
        signer = Signer.load(self.workspace.private_key)
        model = registry.register("logistic", self.recipe, {}, signer)
        promote(self.workspace, self.bootstrap, model.label, line)


@contextmanager
def stage(folder: Path, days: int) -> Iterator[Stage]:
    """Start a broker, publish some days' flights, stop it at the end."""
    root = folder / "workspace"
    make_workspace(root, "flights")
    workspace = Workspace(root)
    generate(workspace.private_key, workspace.keys_dir / "operator.pub")
    running = embedded.start(workspace.state_dir)
    try:
        _create(running.bootstrap, catalogue(workspace))
        events, labels = _publish(workspace, running.bootstrap, days)
        recipe = _recipe(workspace)
        yield Stage(workspace, running.bootstrap, recipe, events, labels)
    finally:
        gc.collect()  # clients that nobody holds any more would complain that it went away
        embedded.stop(workspace.state_dir)


def _create(bootstrap: str, wanted: list[Declaration]) -> None:
    admin = admin_client(bootstrap)
    apply(admin, plan(wanted, existing_topics(admin, [topic.name for topic in wanted])))


def _publish(workspace: Workspace, bootstrap: str, days: int) -> tuple[int, int]:
    """Publish departures and landings in the order of event time; return how many of each."""
    topics = workspace.topics()
    with ExitStack() as stack:
        departed, arrived = (
            stack.enter_context(Publisher(bootstrap, topics[name], workspace.schema_of(name)))
            for name in (EVENTS, LABELS)
        )
        for _, kind, record in timeline(FIRST_DAY, FIRST_DAY + timedelta(days=days - 1)):
            (departed if kind == DEPARTED else arrived).send(record)
    return departed.sent, arrived.sent


def _recipe(workspace: Workspace) -> str:
    """Return the experiment's logistic regression: scaler, one-hot, SGD."""
    experiment: Any = yaml.safe_load(workspace.experiment_path("flights").read_text())
    return str(experiment["recipes"]["logistic"]).strip()


def days_of_year() -> int:
    """Return how many days the data has."""
    return (date(2014, 1, 1) - FIRST_DAY).days
