"""The `kafka` service of compose.yaml, brought up for real: the same round trip as embedded."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from confluent_kafka import KafkaException, Producer
from confluent_kafka.admin import NewTopic

from labline.engine.broker.clients import admin_client, producer_config
from labline.engine.broker.reader import partition_offsets, read_range

pytestmark = [
    pytest.mark.containers,
    # testcontainers leaves sockets of its own to the collector, and warns about itself
    pytest.mark.filterwarnings("default::ResourceWarning", "default::DeprecationWarning"),
]

SERVICE: dict[str, Any] = yaml.safe_load((Path(__file__).parents[2] / "compose.yaml").read_text())[
    "services"
]["kafka"]
READY_TIMEOUT_S = 120


def no_engine() -> str | None:
    """Return why there is no container engine, or None when there is one."""
    # in a process of its own: a refused client leaves its socket to the collector
    code = "from testcontainers.core.docker_client import DockerClient as C; C().client.ping()"
    asked = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    return "no container engine answers" if asked.returncode else None


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def kafka() -> Iterator[tuple[str, Any]]:
    reason = no_engine()
    if reason:
        pytest.skip(reason)
    from testcontainers.core.container import DockerContainer

    port = free_port()
    environment = dict(SERVICE["environment"])
    environment["KAFKA_ADVERTISED_LISTENERS"] = environment["KAFKA_ADVERTISED_LISTENERS"].replace(
        "localhost:9092", f"localhost:{port}"
    )
    container: Any = DockerContainer(SERVICE["image"]).with_kwargs(hostname="kafka")
    container.ports["9092/tcp"] = ("127.0.0.1", port)  # loopback, as in compose.yaml
    for key, value in environment.items():
        container = container.with_env(key, value)
    with container:
        bootstrap = f"localhost:{port}"
        await_answer(bootstrap)
        yield bootstrap, container
    container.get_docker_client().client.close()


def await_answer(bootstrap: str) -> None:
    admin = admin_client(bootstrap)
    deadline = time.monotonic() + READY_TIMEOUT_S
    while True:
        try:
            if admin.list_topics(timeout=5).brokers:
                return
        except KafkaException:
            if time.monotonic() > deadline:
                raise


def test_records_come_back_as_they_were_sent(kafka: tuple[str, Any], name: str) -> None:
    bootstrap, _ = kafka
    admin = admin_client(bootstrap)
    topic = NewTopic(name, 1, 1, config={"message.timestamp.type": "LogAppendTime"})
    for made in admin.create_topics([topic]).values():
        made.result()
    sent = [(f"k{i}".encode(), f"v{i}".encode()) for i in range(100)]

    producer = Producer(producer_config(bootstrap, transactional_id=name))
    producer.init_transactions(30)
    producer.begin_transaction()
    for key, value in sent:
        producer.produce(name, value, key)
    producer.commit_transaction(30)

    offsets = partition_offsets(bootstrap, [name])[name][0]
    read = [r for batch in read_range(bootstrap, name, 0, 0, offsets.end) for r in batch]
    assert [(record[2], record[3]) for record in read] == sent
    assert offsets.end == len(sent) + 1  # the marker of the transaction takes an offset


def test_the_health_check_says_healthy(kafka: tuple[str, Any]) -> None:
    _, container = kafka
    probe = SERVICE["healthcheck"]["test"]
    assert probe[0] == "CMD"
    assert container.exec(probe[1:]).exit_code == 0
    closed = [part.replace("9092", "1") for part in probe[1:]]
    assert container.exec(closed).exit_code != 0
