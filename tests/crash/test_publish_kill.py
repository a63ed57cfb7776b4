"""The broker dies while events are published: what was acknowledged is there, the rest is told.

The moment of death is chosen by what was acknowledged, never by time.
"""

import os
import signal
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path

import pytest
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    ResourcePatternType,
    ResourceType,
)

from labline.engine.broker.clients import admin_client
from labline.engine.broker.reader import partition_offsets, read_range
from labline.engine.broker.servers import embedded
from labline.engine.broker.servers.ports import is_free
from labline.engine.errors import LablineError
from labline.engine.publish.publisher import Publisher
from labline.engine.publish.undelivered import KEPT_MAX_RECORDS, UndeliveredError
from labline.schemas.avro import Schema
from labline.topics.apply import apply
from labline.topics.declaration import Topic
from labline.topics.plan import declaration, plan
from tests.broker.process import until

pytestmark = pytest.mark.broker

KEYS = 100
SCHEMA = Schema.parse(
    {
        "type": "record",
        "name": "Small",
        "fields": [{"name": "id", "type": "long"}, {"name": "k", "type": "string"}],
    }
)
# access lists, which allow what nothing forbids
AUTHORIZER = {
    "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    "allow.everyone.if.no.acl.found": "true",
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Give the folder of a broker that may be killed."""
    root = tmp_path_factory.mktemp("killed") / ".labline"
    embedded.start(root, overrides=AUTHORIZER)
    yield root
    embedded.stop(root)


def restarted(root: Path, before: embedded.Running) -> str:
    """Start the broker again, where its clients look for it."""
    return embedded.start(root, port=port_of(before), overrides=AUTHORIZER).bootstrap


def made(bootstrap: str, name: str) -> Topic:
    topic = Topic(name=name, schema="small", key="k", partitions=3)
    apply(admin_client(bootstrap), plan([declaration(topic)], {}))
    return topic


def kill(running: embedded.Running) -> None:
    os.kill(running.pid, signal.SIGKILL)
    until("the broker is dead", lambda: is_free(port_of(running)))


def port_of(running: embedded.Running) -> int:
    return int(running.bootstrap.split(":")[1])


def datum(number: int) -> dict[str, object]:
    return {"id": number, "k": f"k{number % KEYS}"}


def published(bootstrap: str, topic: Topic) -> dict[str, list[int]]:
    """Return the numbers of the events in the topic, by key and in the log's order."""
    found: dict[str, list[int]] = defaultdict(list)
    for partition, place in partition_offsets(bootstrap, [topic.name])[topic.name].items():
        for batch in read_range(bootstrap, topic.name, partition, place.start, place.end):
            for record in batch:
                one = SCHEMA.decode(record[3])
                assert isinstance(one, dict)
                found[one["k"]].append(one["id"])
    return found


PUBLISH = """
import sys
from labline.engine.errors import LablineError
from labline.engine.publish.publisher import Publisher
from tests.crash.test_publish_kill import SCHEMA, Topic, datum
bootstrap, name, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
topic = Topic(name=name, schema="small", key="k", partitions=3)
acknowledged = open(sys.argv[4], "w", buffering=1 << 16)
done = 0
try:
    with Publisher(bootstrap, topic, SCHEMA) as publisher:
        for number in range(count):
            def note(partition, offset, number=number):
                global done
                done += 1
                acknowledged.write(f"{number}\\n")
                if done == count // 4:
                    print("a quarter", flush=True)
            publisher.send(datum(number), note)
except LablineError as error:
    print(error, file=sys.stderr)
acknowledged.close()
"""


@pytest.mark.parametrize("events", [100_000, pytest.param(500_000, marks=pytest.mark.chaos)])
def test_a_killed_broker_loses_and_doubles_nothing(
    root: Path, name: str, tmp_path: Path, events: int
) -> None:
    running = embedded.start(root)
    topic = made(running.bootstrap, name)
    log = tmp_path / "acknowledged"
    child = subprocess.Popen(
        [sys.executable, "-c", PUBLISH, running.bootstrap, name, str(events), str(log)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    try:
        assert child.stdout is not None
        assert child.stdout.readline() == "a quarter\n"
        kill(running)
        assert child.poll() is None, "it had nothing left to do"
        bootstrap = restarted(root, running)
        _, said = child.communicate(timeout=240)
    finally:
        child.kill()
        child.communicate()
    assert child.returncode == 0
    acknowledged = [int(line) for line in log.read_text().split()]
    found = published(bootstrap, topic)
    there = Counter(number for numbers in found.values() for number in numbers)
    assert max(there.values()) == 1
    assert len(set(acknowledged)) == len(acknowledged)
    assert set(acknowledged) <= there.keys()
    for numbers in found.values():
        assert numbers == sorted(numbers)
    if len(acknowledged) < events:  # what is missing is told, to the last one
        assert f"LL-PUBLISH-UNDELIVERED: {events - len(acknowledged)} of {events}" in said
    else:
        assert "LL-PUBLISH" not in said


def test_what_no_broker_took_is_told_and_can_be_sent_again(root: Path, name: str) -> None:
    running = embedded.start(root)
    topic = made(running.bootstrap, name)
    with Publisher(running.bootstrap, topic, SCHEMA, delivery_timeout_ms=3_000) as publisher:
        for number in range(100):
            publisher.send(datum(number))
        publisher.flush()
        kill(running)
        for number in range(100, 2_000):
            publisher.send(datum(number))
        with pytest.raises(UndeliveredError, match="1900 of 2000 records") as told:
            publisher.flush()
        bootstrap = restarted(root, running)
        for again in told.value.data:
            publisher.send(again)
    assert told.value.count == len(told.value.data) == 1_900
    wanted = {f"k{key}": list(range(key, 2_000, KEYS)) for key in range(KEYS)}
    assert published(bootstrap, topic) == wanted


def rule(kind: ResourceType, operation: AclOperation, allowed: bool) -> AclBinding:
    return AclBinding(
        kind, "kafka-cluster" if kind is ResourceType.BROKER else "*", ResourcePatternType.LITERAL,
        "User:*", "*", operation, AclPermissionType.ALLOW if allowed else AclPermissionType.DENY,
    )  # fmt: skip


def test_a_client_that_has_given_up_says_so(root: Path, name: str) -> None:
    """Kafka refuses idempotent writing: for such a client that is the end."""
    running = embedded.start(root)
    topic = made(running.bootstrap, name)
    rules = [
        rule(kind, operation, allowed)
        for kind, refused in (
            (ResourceType.BROKER, AclOperation.IDEMPOTENT_WRITE),
            (ResourceType.TOPIC, AclOperation.WRITE),
        )
        for operation, allowed in ((AclOperation.ALL, True), (refused, False))
    ]
    admin = admin_client(running.bootstrap)
    for future in admin.create_acls(rules).values():
        future.result()
    publisher = until("some sent before the end", lambda: send_to_the_end(running, topic))
    with pytest.raises(UndeliveredError) as told:
        publisher.flush()
    assert told.value.count == publisher.sent
    ids = {one["id"] for one in told.value.data}
    assert len(ids) == len(told.value.data) == min(publisher.sent, KEPT_MAX_RECORDS)
    assert max(ids) < publisher.sent
    assert "of no more use" in told.value.remedy, told.value
    with pytest.raises(LablineError, match="LL-PUBLISH-FAILED"):
        publisher.send(datum(1))
    publisher.flush()  # said once


def send_to_the_end(running: embedded.Running, topic: Topic) -> Publisher | None:
    """Send until the client has given up, which may be before the first record."""
    publisher = Publisher(running.bootstrap, topic, SCHEMA)
    with suppress(LablineError):
        for number in count(0):
            publisher.send(datum(number))
    return publisher if publisher.sent else None
