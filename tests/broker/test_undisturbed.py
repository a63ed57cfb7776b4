"""The lab beside a factory at work: it reads, and the broker sees nothing else of it."""

import json
import os
import shutil
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from itertools import islice
from pathlib import Path
from typing import Any, Self

import pytest
from confluent_kafka import Producer

from labline.engine.broker.clients import producer_config
from labline.engine.broker.reader import BATCH_RECORDS, partition_offsets, read_range
from labline.lab_replay.recordings.recording import Recording
from tests.broker.factory import Factory
from tests.broker.guarded import Broker, State, guarded_broker, owners
from tests.broker.history import EVENT, LABEL, history
from tests.broker.kafka_proxy import Request
from tests.broker.process import TIMEOUT_S, Process, until
from tests.broker.recorded import create

pytestmark = pytest.mark.broker

FIRST, LAST = date(2013, 1, 1), date(2013, 1, 14)
BEFORE = 1_000  # records that are published before the lab begins
PIECE = 10  # and then at once; the next ones when the factory has taken some
RECIPE = "Select('dep_delay') | StandardScaler() | LogisticRegression()"
READING = {"ApiVersions", "Metadata", "ListOffsets", "Fetch", "OffsetForLeaderEpoch",
           "DescribeCluster", "DescribeConfigs"}  # fmt: skip
# librdkafka asks who coordinates the group that it must be configured with. It is a question and
# no more: the access lists refuse even the answer, and nothing is missed.
COORDINATOR = "FindCoordinator"
WRITING = {"CreateTopics", "InitProducerId", "Produce"}


class Stream:
    """Events and labels that go on being published while the block runs, and its factory works."""

    def __init__(self, factory: Factory, scorer: Process) -> None:
        self._factory, self._scorer = factory, scorer
        self._left = iter(history(FIRST, LAST))
        self._stopped = threading.Event()
        self._failed: list[BaseException] = []
        self._thread = threading.Thread(target=self._publish)
        self.published: Counter[str] = Counter()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()

    def _publish(self) -> None:
        try:
            size = BEFORE
            while not self._stopped.is_set() and (piece := list(islice(self._left, size))):
                before, size = self._factory.progress(), PIECE
                self._factory.publish(piece)
                self.published.update(sent.kind for sent in piece)
                until("the factory takes it", lambda before=before: self._moved(before))
        except BaseException as error:  # told by `check`, in the test's own thread
            self._failed.append(error)

    def _moved(self, before: int) -> bool:
        assert self._scorer.is_running(), self._scorer.said()
        return self._stopped.is_set() or self._factory.progress() > before

    def check(self) -> None:
        """See to it that it still goes on."""
        assert not self._failed, self._failed
        assert self._thread.is_alive(), "there was nothing left to publish"


class Lab:
    """Another principal: a workspace of its own, and the lab's listener."""

    def __init__(self, broker: Broker, factory: Factory, root: Path, stream: Stream) -> None:
        self._broker, self._factory, self._stream = broker, factory, stream
        self.root = root / "lab"
        shutil.copytree(factory.workspace.root, self.root)
        shutil.rmtree(self.root / ".labline" / "snapshots", ignore_errors=True)
        self.asked: list[tuple[tuple[str, ...], list[Request]]] = []

    def run(self, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        """Run a command to its end; the factory gets on meanwhile."""
        before = self._factory.progress()
        self._broker.seen.taken()
        done = subprocess.run(
            [sys.executable, "-m", "labline.engine.cli.main", *arguments, "-w", str(self.root)],
            env={**os.environ, "LABLINE_BOOTSTRAP_SERVERS": self._broker.lab},
            stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
            timeout=TIMEOUT_S,
        )  # fmt: skip
        assert done.returncode == code, f"{arguments}: {done.returncode}\n{done.stderr}"
        assert "Traceback" not in done.stderr
        self.asked.append((arguments, self._broker.seen.taken()))
        until("the factory got on", lambda: self._factory.progress() > before)
        self._stream.check()
        return done

    def take(self) -> list[tuple[tuple[str, ...], list[Request]]]:
        """Return the commands since the last time, with what each asked of the broker."""
        taken, self.asked = self.asked, []
        return taken

    def experiment(self, since: str, to: str) -> str:
        """Declare an experiment over a stretch of history; return its name."""
        told = {"line": self._factory.line, "history": {"from": since, "to": to},
                "recipes": {"linear": RECIPE}}  # fmt: skip
        (self.root / "experiments" / "stretch.yaml").write_text(json.dumps(told))
        return "stretch"


@pytest.fixture
def at_work(guarded: Broker, name: str, tmp_path: Path) -> Iterator[tuple[Factory, Lab]]:
    """Give a factory that works through a stream, and a lab beside it; in the end all is right."""
    with Factory(guarded.bootstrap, name, tmp_path) as factory:
        factory.promote()
        scorer = factory.scorer()
        with Stream(factory, scorer) as stream:
            until("the factory is at work", lambda: factory.progress() > BEFORE / 2)
            yield factory, Lab(guarded, factory, tmp_path, stream)
            stream.check()
        factory.finish(scorer)
        check_factory(factory, stream)


def check_factory(factory: Factory, stream: Stream) -> None:
    """Compare all that is in the factory's topics with what was published and journalled."""
    for topic, kind in ((factory.events, EVENT), (factory.labels, LABEL)):
        ends = partition_offsets(factory.bootstrap, [topic])[topic].values()
        assert sum(o.end - o.start for o in ends) == stream.published[kind] > BEFORE / 4
    command = [
        sys.executable,
        "-m",
        "labline.engine.cli.main",
        "lab",
        "parity",
        factory.line,
        "--json",
    ]
    command += ["-w", str(factory.workspace.root), "--bootstrap", factory.bootstrap]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=TIMEOUT_S)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    assert found["verdict"] == "equal"
    topics, outcomes = factory.topics(), factory.outcomes()
    answers, letters = (
        sum(map(len, factory.read(topic).values())) for topic in (topics.scores, topics.dlq)
    )
    assert (answers, letters) == (outcomes["answers"], outcomes["dead_letters"])
    assert outcomes["events"] + outcomes["labels"] >= stream.published[EVENT]


def apis(asked: list[Request]) -> set[str]:
    return {request.api for request in asked}


def middle(recording: Recording, topic: str) -> tuple[str, str]:
    """Return the append times between which the middle half of a recorded topic is."""
    times = sorted(
        record[1] for p in recording.partitions(topic)
        for batch in recording.records(topic, p) for record in batch
    )  # fmt: skip
    quarter = len(times) // 4
    since, to = (datetime.fromtimestamp(ms / 1000, UTC) for ms in times[quarter :: 2 * quarter][:2])
    return since.isoformat(), to.isoformat()


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """Give a broker of our own."""
    with guarded_broker(tmp_path_factory.mktemp("guarded") / ".labline") as broker:
        yield broker


def test_a_factory_at_work_is_undisturbed(
    guarded: Broker, at_work: tuple[Factory, Lab], tmp_path: Path
) -> None:
    factory, lab = at_work
    before = State.of(guarded.bootstrap)
    assert set(before.groups) == {f"labline.{factory.line}"}
    out = tmp_path / "recorded"
    only_reads(factory, lab, out)
    assert State.of(guarded.bootstrap) == before
    target = f"lab.{factory.line}"
    writes_to_the_lab_alone(factory, lab, out, target)
    after = State.of(guarded.bootstrap)
    assert after == replace(before, topics=before.topics | {target})
    check_owners(guarded.bootstrap, factory.line)


def only_reads(factory: Factory, lab: Lab, out: Path) -> None:
    """Record, replay, and run the past again."""
    lab.run("record", factory.events, factory.labels, "--out", str(out))
    recording = Recording.open(out)
    assert recording.manifest.records > BEFORE / 2
    lab.run("lab", "replay", factory.events, "--recipe", RECIPE)
    stretch = lab.experiment(*middle(recording, factory.events))
    lab.run("lab", "run", stretch, "--no-mlflow")
    lab.run("lab", "parity", factory.line)
    lab.run("lab", "whatif", factory.line, "--threshold", "0.3")
    lab.run("report", factory.line)
    for command, asked in lab.take():
        assert apis(asked) >= {"Metadata", "ListOffsets", "Fetch"}, command
        assert apis(asked) <= READING | {COORDINATOR}, command


def writes_to_the_lab_alone(factory: Factory, lab: Lab, out: Path, target: str) -> None:
    """Republish where the lab may, where it must be forced to, and where the broker says no."""
    again = ("republish", str(out), "--topic", factory.events, "--speed", "max", "--to")
    lab.run(*again, target)
    ((_, asked),) = lab.take()
    assert apis(asked) <= READING | WRITING
    assert {topic for request in asked for topic in request.topics} == {target}
    told = Recording.open(out).manifest.topics[factory.events]
    assert sum(map(len, factory.read(target).values())) == sum(f.records for f in told.values())
    done = lab.run(*again, factory.events, code=1)
    assert done.stderr.startswith("LL-REPUBLISH-TARGET: ")
    ((_, asked),) = lab.take()
    assert asked == [], "it asked the broker for something"
    done = lab.run(*again, factory.events, "--force", "--append", code=1)
    assert "LL-REPUBLISH-FAILED: " in done.stderr
    ((_, asked),) = lab.take()
    assert {topic for request in asked for topic in request.topics} == {factory.events}


def check_owners(bootstrap: str, line: str) -> None:
    """See whose commits and transactions the broker keeps: the factory's."""
    assert owners(bootstrap, "__consumer_offsets") == {f"labline.{line}"}
    writers = owners(bootstrap, "__transaction_state")
    assert writers
    assert all(line in writer for writer in writers), writers


def test_reading_needs_no_right_to_a_group(guarded: Broker, name: str) -> None:
    """The broker refuses to tell who coordinates a group that is never joined: so be it."""
    create(guarded.bootstrap, name, 1)
    producer = Producer(producer_config(guarded.bootstrap))
    for n in range(4 * BATCH_RECORDS):
        producer.produce(name, b"%d" % n)
        producer.poll(0)
    assert producer.flush(TIMEOUT_S) == 0
    guarded.seen.taken()
    asked: list[Request] = []

    def refused() -> bool:
        asked.extend(guarded.seen.taken())
        return sum(request.api == COORDINATOR for request in asked) > 2

    read = 0
    for batch in read_range(guarded.lab, name, 0, 0, 4 * BATCH_RECORDS):
        until("it was refused, and asked again", refused)
        read += len(batch)
    assert read == 4 * BATCH_RECORDS
