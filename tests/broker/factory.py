"""A factory to be tested: a workspace, filled topics, scorers that can be killed, what they wrote.

Nothing here knows what the right answer is: see `tests.broker.oracle`.
"""

import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date
from functools import partial
from pathlib import Path
from typing import Self

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

from labline.engine.broker.clients import admin_client, consumer_config, producer_config
from labline.engine.broker.reader import partition_offsets
from labline.engine.core.journal import Entry
from labline.engine.core.record import Record
from labline.engine.models.control.control import Control, Revision
from labline.engine.models.control.registry import Registry
from labline.engine.models.control.signing import Signer, generate, load_public_keys
from labline.engine.models.learning.snapshot_store import SnapshotStore, load_key
from labline.engine.promotion.promote import promote, read_control
from labline.engine.workspace.catalogue import catalogue
from labline.engine.workspace.example import make_workspace
from labline.engine.workspace.workspace import Workspace
from labline.topics.apply import apply, existing_topics
from labline.topics.naming import LineTopics, line_topics
from labline.topics.plan import plan
from tests.broker.history import EVENT, Sent, history
from tests.broker.process import TIMEOUT_S, Process, until
from tests.broker.written import (
    Outputs,
    line_journal,
    line_outcomes,
    line_outputs,
    newest_state_digest,
    read_topic,
)

NUMBERS = (
    "'dep_delay', 'distance', 'temp', 'humid', 'wind_speed', 'precip', 'pressure', 'visib',"
    " 'hour', 'weekday'"
)
RECIPE = (
    "(Select('carrier', 'origin', 'dest') | OneHotEncoder())"
    f" + (Select({NUMBERS}) | StandardScaler()) | LogisticRegression(optimizer=SGD({{rate!r}}))"
)
RATE = 0.01
PARTITIONS = 4  # of each topic of the example


class Factory:
    """A workspace made of the flights example with every name under a prefix.

    Parameters
    ----------
    root
        An empty folder.
    """

    def __init__(self, bootstrap: str, name: str, root: Path) -> None:
        self.bootstrap = bootstrap
        self.admin = admin_client(bootstrap)  # held: a client that goes takes its answers along
        self.line = name
        self.events, self.labels = f"{name}.departed", f"{name}.arrived"
        self._root = root / "workspace"
        self._processes: list[Process] = []
        self._groups: dict[str, Consumer] = {}
        make_workspace(self._root, "flights")
        for topic, ours in (("departed", self.events), ("arrived", self.labels)):
            path = self._root / "topics" / f"flights.{topic}.toml"
            _replace(path, f'name = "flights.{topic}"', f'name = "{ours}"')
        path = self._root / "lines" / "flights-delay.toml"
        _replace(path, 'events = "flights.departed"', f'events = "{self.events}"')
        _replace(path, 'labels = "flights.arrived"', f'labels = "{self.labels}"')
        _replace(path, 'name = "flights-delay"', f'name = "{name}"')
        self._line_file = path
        self.workspace = Workspace(self._root)
        generate(self.workspace.private_key, self.workspace.keys_dir / "operator.pub")
        self.apply_topics()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill_all()
        for consumer in self._groups.values():
            consumer.close()

    def kill_all(self) -> None:
        """Kill what still runs."""
        for process in self._processes:
            if process.is_running():
                process.kill()

    def add_line(self, name: str) -> str:
        """Declare another line on the same events and labels; return its name."""
        text = self._line_file.read_text()
        assert text.count(f'name = "{self.line}"') == 1
        path = self._line_file.with_name(f"{name}.toml")
        path.write_text(text.replace(f'name = "{self.line}"', f'name = "{name}"'))
        self.apply_topics()
        return name

    def apply_topics(self) -> None:
        """Create what is declared and not there."""
        declared = catalogue(self.workspace)
        existing = existing_topics(self.admin, [topic.name for topic in declared])
        names = apply(self.admin, plan(declared, existing))
        until("partitions that answer", partial(self._answer, names))

    def _answer(self, names: list[str]) -> bool:
        """Tell whether topics can be asked: a leader may be named a moment before it knows."""
        try:
            partition_offsets(self.bootstrap, names)
        except KafkaException:
            return False
        return True

    def publish(self, sent: Iterable[Sent]) -> None:
        """Publish records as they are."""
        producer = Producer(producer_config(self.bootstrap, linger_ms=20))
        self.produce(producer, sent)
        assert producer.flush(TIMEOUT_S) == 0

    def produce(self, producer: Producer, sent: Iterable[Sent]) -> None:
        """Hand records to a producer."""
        for kind, key, value, headers, time_ms in sent:
            topic = self.events if kind == EVENT else self.labels
            while True:
                try:
                    producer.produce(topic, value, key, headers=headers, timestamp=time_ms)
                except BufferError:
                    producer.poll(0.1)
                else:
                    break

    def publish_days(self, first: date, last: date) -> list[Sent]:
        """Publish some days of flights with the mess that the world adds; return what was sent."""
        sent = history(first, last)
        self.publish(sent)
        return sent

    def register(self, recipe: str, model: str = "delay") -> str:
        """Register a recipe; return its ``name@N``."""
        keys = load_public_keys(self.workspace.keys_dir)
        registry = Registry(self.workspace.models_dir, keys)
        return registry.register(model, recipe, {}, self.signer()).label

    def promote(self, *lines: str, rate: float = RATE, label: str | None = None) -> Revision:
        """Put a version, or the common recipe with this rate, in charge; return the revision."""
        label = label or self.register(RECIPE.format(rate=rate))
        for line in lines or (self.line,):
            revision = promote(self.workspace, self.bootstrap, label, line)
        return revision

    def signer(self) -> Signer:
        """Return the workspace's private key."""
        return Signer.load(self.workspace.private_key)

    def control(self) -> Control:
        """Return the control topic folded with the workspace's keys."""
        return read_control(self.bootstrap, load_public_keys(self.workspace.keys_dir))

    def scorer(
        self,
        line: str | None = None,
        *,
        instance: str = "0",
        batch_max: int | None = None,
        stops: tuple[str, int, str] | None = None,
        python: str = sys.executable,
        **environment: str,
    ) -> Process:
        """Start a scorer process, as the supervisor would; `stops`: see `tests.crash.dying`."""
        line = line or self.line
        arguments = ["labline.engine.factory.process"]
        if stops is not None:
            arguments = ["tests.crash.dying", *map(str, stops)]
        arguments += ["--bootstrap", self.bootstrap, "--line", line, "--instance", instance]
        arguments += ["--keys", str(self.workspace.keys_dir)]
        arguments += ["--snapshots", self.workspace.snapshots]
        arguments += ["--snapshot-key", str(self.workspace.snapshot_key)]
        if registry := self.workspace.registry():
            arguments += ["--registry", registry.url, "--known-schemas", str(registry.cache_dir)]
        if batch_max is not None:
            arguments += ["--batch-max", str(batch_max)]
        return self._start(arguments, f"{line}-{instance}.log", environment, python)

    def worker(self, *lines: str, web_port: int, batch_max: int, processes: int = 1) -> Process:
        """Start ``labline factory run``."""
        arguments = ["labline.engine.cli.main", "factory", "run", *(lines or (self.line,))]
        arguments += ["-w", str(self._root), "--bootstrap", self.bootstrap]
        arguments += ["--processes", str(processes), "--batch-max", str(batch_max)]
        arguments += ["--web-port", str(web_port)]
        return self._start(arguments, "worker.log", {})

    def _start(
        self,
        arguments: list[str],
        log: str,
        environment: Mapping[str, str],
        python: str = sys.executable,
    ) -> Process:
        process = Process(arguments, self._root / log, environment, python)
        self._processes.append(process)
        return process

    def committed(self, line: str | None = None) -> dict[tuple[str, int], int]:
        """Return the committed offsets of a line's group, without waiting for open commits."""
        group = f"labline.{line or self.line}"
        if group not in self._groups:
            # not by the AdminClient: its answer crashes the process while a coordinator loads
            config = consumer_config(self.bootstrap, group_id=group)
            config["isolation.level"] = "read_uncommitted"
            self._groups[group] = Consumer(config)
        told = until(f"commits of {group}", partial(self._commits, self._groups[group]))
        return {(p.topic, p.partition): p.offset for p in told if p.offset >= 0}

    def _commits(self, consumer: Consumer) -> list[TopicPartition]:
        topics = (self.events, self.labels)
        places = [TopicPartition(t, p) for t in topics for p in range(PARTITIONS)]
        try:
            return consumer.committed(places, TIMEOUT_S)
        except KafkaException:  # its coordinator is not there yet
            return []

    def progress(self, line: str | None = None) -> int:
        """Return how many offsets of events and labels are committed."""
        return sum(self.committed(line).values())

    def ends(self, *topics: str) -> dict[tuple[str, int], int]:
        """Return per input partition that has records the offset after its last committed one."""
        found = {}
        for topic in topics or (self.events, self.labels):
            for partition, records in self.read(topic).items():
                if records:
                    found[topic, partition] = records[-1][0] + 1
        return found

    def finish(self, *processes: Process, lines: Iterable[str] = ()) -> None:
        """Wait until all of the inputs is committed and readable; then stop the processes."""
        self.catch_up(*processes, lines=lines)
        for process in processes:
            code = process.stop()
            assert code == 0, f"exit code {code}\n{process.said()}"

    def catch_up(self, *processes: Process, lines: Iterable[str] = ()) -> None:
        """Wait until all of the inputs is committed and what was written can be read."""
        self.await_ends(*processes, lines=lines)
        for line in lines or (self.line,):
            self.at_rest(line)

    def await_ends(
        self, *processes: Process, lines: Iterable[str] = (), topics: Iterable[str] = ()
    ) -> None:
        """Wait until all of the inputs, or of these topics, is committed."""
        ends = self.ends(*topics)

        def reached(line: str) -> bool:
            for process in processes:
                assert process.is_running(), f"it ended\n{process.said()}"
            committed = self.committed(line)
            return all(committed.get(place, -1) >= end for place, end in ends.items())

        for line in lines or (self.line,):
            until(f"line {line} at its inputs' ends", partial(reached, line))

    def at_rest(self, line: str | None = None) -> None:
        """Wait for the last commit's markers on every topic that a line writes."""
        names = list(line_topics(line or self.line))

        def rests() -> bool:
            offsets = partition_offsets(self.bootstrap, names)
            return all(o.stable == o.end for topic in offsets.values() for o in topic.values())

        until(f"no open transaction on {names}", rests)

    def topics(self, line: str | None = None) -> LineTopics:
        """Return the names of the topics that a line writes."""
        return line_topics(line or self.line)

    def outputs(self, line: str | None = None) -> Outputs:
        """Return what a line wrote, made comparable with what another one wrote."""
        return line_outputs(self.bootstrap, line or self.line)

    def outcomes(self, line: str | None = None) -> Counter[str]:
        """Return the sums over a line's vitals."""
        return line_outcomes(self.bootstrap, line or self.line)

    def journal(self, line: str | None = None) -> dict[int, list[Entry]]:
        """Return a line's journal by partition."""
        return line_journal(self.bootstrap, line or self.line)

    def state_digests(self, line: str | None = None) -> dict[int, str]:
        """Return the digests of the states that a line's scorers had when they were stopped."""
        store = SnapshotStore(self.workspace.snapshots, load_key(self.workspace.snapshot_key))
        return {p: newest_state_digest(store, line or self.line, p) for p in range(PARTITIONS)}

    def read(self, topic: str) -> dict[int, list[Record]]:
        """Return a topic's committed records by partition."""
        return read_topic(self.bootstrap, topic)


def _replace(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert text.count(old) == 1, f"{path.name} has not {old!r} once"
    path.write_text(text.replace(old, new))
