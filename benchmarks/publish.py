"""``make bench``: validated publishing beside a produce loop of ready bytes, in turn.

Each program sends the same flights to the same topics of one embedded broker and waits until all
are acknowledged. See ``benchmarks/README.md``.
"""

import argparse
import itertools
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any, TypeAlias

from confluent_kafka import KafkaError, Message, Producer
from fastavro import parse_schema, schemaless_writer
from rich.console import Console
from rich.table import Table

from labline.engine.broker.clients import admin_client, producer_config
from labline.engine.broker.servers import embedded
from labline.engine.demo.flights_source import DEPARTED, FIRST_DAY, timeline
from labline.engine.models.state.environment import environment
from labline.engine.publish.publisher import POLL_EVERY, Publisher
from labline.engine.workspace.catalogue import catalogue
from labline.engine.workspace.example import make_workspace
from labline.engine.workspace.workspace import Workspace
from labline.schemas.avro import Schema
from labline.schemas.types import model_of
from labline.topics.apply import apply, existing_topics
from labline.topics.declaration import Topic
from labline.topics.plan import plan

DAYS, EVENTS, ROUNDS = 14, 100_000, 4
TARGET = 0.5
FULL_WAIT_S, FLUSH_S = 0.05, 0.5

RAW, MINE = "ready bytes, with callbacks", "labline's Publisher"
IDIOM = "the same, polled at each record"  # as the client's own documentation writes it
PYDANTIC, CONFLUENT = "pydantic model, fastavro", "Confluent's AvroSerializer"
BARE = "ready bytes, no callbacks"  # only to see what the callbacks cost

Data: TypeAlias = list[dict[str, Any]]
Send: TypeAlias = Callable[[Data], None]


@dataclass(frozen=True)
class Kind:
    """Events of one kind, and where they go."""

    bootstrap: str
    topic: Topic
    schema: Schema
    data: Data

    @property
    def title(self) -> str:
        """What a table calls it."""
        size = sum(len(self.schema.encode(datum)) for datum in self.data) / len(self.data)
        fields = len(self.schema.field_names)
        return f"{self.topic.name}: {fields} fields, {size:.0f} bytes"


@dataclass(frozen=True)
class Result:
    """One run of one program."""

    kind: str
    program: str
    cpu_us: float  # of this process, all threads, per event
    wall_us: float


@contextmanager
def stage(folder: Path, events: int) -> Iterator[list[Kind]]:
    """Start a broker; give events of two kinds, many fields and few."""
    root = folder / "workspace"
    make_workspace(root, "flights")
    workspace = Workspace(root)
    bootstrap = embedded.start(workspace.state_dir).bootstrap
    try:
        admin, wanted = admin_client(bootstrap), catalogue(workspace)
        apply(admin, plan(wanted, existing_topics(admin, [topic.name for topic in wanted])))
        found: dict[bool, Data] = {True: [], False: []}
        for _, kind, record in timeline(FIRST_DAY, FIRST_DAY + timedelta(days=DAYS)):
            found[kind == DEPARTED].append(record)
        topics = workspace.topics()
        yield [
            Kind(
                bootstrap,
                topics[name],
                workspace.schema_of(name),
                list(itertools.islice(itertools.cycle(found[departed]), events)),
            )
            for name, departed in (("flights.departed", True), ("flights.arrived", False))
        ]
    finally:
        embedded.stop(workspace.state_dir)


def producing(
    kind: Kind,
    encode: Callable[[dict[str, Any]], bytes] | None,
    *,
    callbacks: bool = True,
    poll_every: int = POLL_EVERY,
) -> Send:
    """Return a plain produce loop, with the values made beforehand or one by one."""
    producer = Producer(producer_config(kind.bootstrap))
    producer.list_topics(timeout=30)  # connected
    produce, topic, key_field, lost = producer.produce, kind.topic.name, kind.topic.key, []

    def delivered(error: KafkaError | None, message: Message) -> None:
        del message
        if error is not None:
            lost.append(error)

    report = delivered if callbacks else None
    ready = [] if encode else [kind.schema.encode(datum) for datum in kind.data]
    keys = [datum[key_field].encode() for datum in kind.data]

    def send(data: Data) -> None:
        values = map(encode, data) if encode else iter(ready)
        for number, (value, key) in enumerate(zip(values, keys, strict=True)):
            while True:
                try:
                    produce(topic, value, key, -1, report)
                    break
                except BufferError:
                    producer.poll(FULL_WAIT_S)
            if number % poll_every == 0:
                producer.poll(0)
        while producer.flush(FLUSH_S):
            pass
        assert not lost

    return send


def publishing(kind: Kind) -> Send:
    """Return what labline's users write."""
    publisher = Publisher(kind.bootstrap, kind.topic, kind.schema)

    def send(data: Data) -> None:
        for datum in data:
            publisher.send(datum)
        publisher.flush()

    return send


def by_pydantic(kind: Kind) -> Callable[[dict[str, Any]], bytes]:
    """Return what validates with the model of the schema, and writes with fastavro."""
    model, parsed, head = model_of(kind.schema), parse_schema(kind.schema.document), b"head"

    def encode(datum: dict[str, Any]) -> bytes:
        out = BytesIO(head)
        out.seek(len(head))
        schemaless_writer(out, parsed, model.model_validate(datum).model_dump())
        return out.getvalue()

    return encode


def by_confluent(kind: Kind) -> Callable[[dict[str, Any]], bytes] | None:
    """Return Confluent's serializer, which checks types only; None where it is not installed."""
    try:
        from confluent_kafka.schema_registry import (
            SchemaRegistryClient,
            topic_subject_name_strategy,
        )
        from confluent_kafka.schema_registry.avro import AvroSerializer
        from confluent_kafka.serialization import MessageField, SerializationContext
    except ImportError:
        return None
    client = SchemaRegistryClient.new_client({"url": "mock://bench"})  # in memory
    serialize: Any = AvroSerializer(
        client,
        json.dumps(kind.schema.document),
        conf={"subject.name.strategy": topic_subject_name_strategy},
    )
    context = SerializationContext(kind.topic.name, MessageField.VALUE)
    return lambda datum: serialize(datum, context)  # type: ignore[no-any-return]


def programs(kind: Kind) -> dict[str, Send]:
    """Return the programs by name, ready to send."""
    found = {
        RAW: producing(kind, None),
        MINE: publishing(kind),
        IDIOM: producing(kind, None, poll_every=1),
        BARE: producing(kind, None, callbacks=False),
        PYDANTIC: producing(kind, by_pydantic(kind)),
    }
    if confluent := by_confluent(kind):
        found[CONFLUENT] = producing(kind, confluent)
    return found


def measure(kind: Kind, program: str, send: Send) -> Result:
    """Run a program once."""
    cpu, wall = time.process_time(), time.perf_counter()
    send(kind.data)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    scale = 1e6 / len(kind.data)
    return Result(kind.topic.name, program, cpu * scale, wall * scale)


def per_event_us(kind: Kind, work: Callable[[dict[str, Any]], object]) -> float:
    """Return what a call costs, the best of some rounds."""
    found = []
    for _ in range(ROUNDS):
        before = time.process_time()
        for datum in kind.data:
            work(datum)
        found.append(time.process_time() - before)
    return min(found) * 1e6 / len(kind.data)


def report(kind: Kind, results: list[Result]) -> dict[str, Any]:
    """Return the figures of a kind of events: of each program its cheapest run."""
    mine = [result for result in results if result.kind == kind.topic.name]
    names = dict.fromkeys(result.program for result in mine)
    cpu = {n: min(r.cpu_us for r in mine if r.program == n) for n in names}
    wall = {n: min(r.wall_us for r in mine if r.program == n) for n in names}
    key = kind.topic.key
    parts = {
        "check and encode": per_event_us(kind, kind.schema.encode),
        "key": per_event_us(kind, lambda datum: str(datum[key]).encode()),
        "produce, client's threads": cpu[BARE],
        "delivery callback": cpu[RAW] - cpu[BARE],
    }
    parts["the rest of the Publisher"] = cpu[MINE] - sum(parts.values())
    return {
        "events": kind.title,
        "cpu_us_per_event": {n: round(cpu[n], 2) for n in names},
        "events_per_s": {n: round(1e6 / wall[n]) for n in names},
        "ratio_cpu": {n: round(cpu[RAW] / cpu[n], 2) for n in names},
        "ratio_rate": {n: round(wall[RAW] / wall[n], 2) for n in names},
        "cpu_us_of_the_publisher": {part: round(us, 2) for part, us in parts.items()},
    }


def show(figures: dict[str, Any], console: Console) -> None:
    """Print the figures for people."""
    table = Table(title=figures["events"])
    table.add_column("program")
    for head in ("CPU µs per event", "ratio", "events/s acknowledged", "ratio"):
        table.add_column(head, justify="right")
    for name, cpu in figures["cpu_us_per_event"].items():
        rate = figures["events_per_s"][name]
        ratios = figures["ratio_cpu"][name], figures["ratio_rate"][name]
        table.add_row(name, f"{cpu:.2f}", f"{ratios[0]:.2f}", f"{rate:,}", f"{ratios[1]:.2f}")
    console.print(table)
    parts = figures["cpu_us_of_the_publisher"].items()
    console.print("the Publisher's CPU: " + ", ".join(f"{part} {us:.2f} µs" for part, us in parts))


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=EVENTS, help="a run (default 100,000)")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="runs of each program")
    parser.add_argument("--json", action="store_true", help="figures as JSON on stdout")
    options = parser.parse_args()
    results: list[Result] = []
    with (
        tempfile.TemporaryDirectory(prefix="labline-bench-") as folder,
        stage(Path(folder), options.events) as kinds,
    ):
        for kind in kinds:
            ready = programs(kind)
            for turn in range(options.rounds):
                for name, send in ready.items():
                    results.append(measure(kind, name, send))
                print(f"{kind.topic.name}: round {turn + 1} of {options.rounds}", file=sys.stderr)
            del ready, send  # clients that nobody holds would complain that the broker went away
        figures = [report(kind, results) for kind in kinds]
    if options.json:
        runs = [vars(result) for result in results]
        document = {"environment": environment(), "kinds": figures, "runs": runs}
        print(json.dumps(document, indent=2))
        return
    for one in figures:
        show(one, Console())
    print(f"ratio: to {RAW}; the target is {TARGET}")


if __name__ == "__main__":
    main()
