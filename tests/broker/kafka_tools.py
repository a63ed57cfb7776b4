"""Kafka's own command line tools: what labline says is checked against them."""

import os
import re
import subprocess
from typing import NamedTuple

from labline.engine.broker.servers.jars import KAFKA_VERSION, java
from tests.broker.jars import fetched

COORDINATE = f"org.apache.kafka:kafka-tools:{KAFKA_VERSION}"
GROUPS = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand"
CONSOLE_CONSUMER = "org.apache.kafka.tools.consumer.ConsoleConsumer"
GET_OFFSETS = "org.apache.kafka.tools.GetOffsetShell"
TIMEOUT_S = 120


class GroupRow(NamedTuple):
    """A row of ``kafka-consumer-groups --describe``; None is its dash."""

    group: str
    topic: str
    partition: int
    committed: int | None
    end: int | None
    lag: int | None
    consumer_id: str | None


def run_tool(main_class: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run one of Kafka's tools to its end."""
    jars = os.pathsep.join(map(str, fetched(f"kafka-tools-{KAFKA_VERSION}", COORDINATE)))
    command = [str(java()), "-Xmx256m", "-XX:TieredStopAtLevel=1", "-cp", jars]
    done = subprocess.run(
        [*command, main_class, *arguments],
        capture_output=True, text=True, check=False, timeout=TIMEOUT_S, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 0, f"{main_class} {arguments}\n{done.stdout}\n{done.stderr}"
    return done


def consumer_groups_describe(bootstrap: str, group: str) -> list[GroupRow]:
    """Return what ``kafka-consumer-groups --describe --group`` prints."""
    done = run_tool(GROUPS, "--bootstrap-server", bootstrap, "--describe", "--group", group)
    return parse_groups(done.stdout)


def parse_groups(text: str) -> list[GroupRow]:
    """Read the table by its header's names."""
    rows, names = [], []
    for line in text.splitlines():
        cells = line.split()
        if cells[:2] == ["GROUP", "TOPIC"]:
            names = cells
        elif names and len(cells) >= len(names):
            cell = dict(zip(names, cells, strict=False))
            rows.append(
                GroupRow(
                    cell["GROUP"],
                    cell["TOPIC"],
                    int(cell["PARTITION"]),
                    _number(cell["CURRENT-OFFSET"]),
                    _number(cell["LOG-END-OFFSET"]),
                    _number(cell["LAG"]),
                    None if cell["CONSUMER-ID"] == "-" else cell["CONSUMER-ID"],
                )
            )
    return sorted(rows)


def console_consumer_count(
    bootstrap: str,
    topic: str,
    *,
    isolation: str = "read_committed",
    max_messages: int | None = None,
    idle_ms: int = 15_000,
) -> int:
    """Return how many records Kafka's console consumer reads from a topic's beginning.

    It stops after `max_messages`, or when nothing came for `idle_ms`.
    """
    done = run_tool(
        CONSOLE_CONSUMER,
        *("--bootstrap-server", bootstrap, "--topic", topic, "--from-beginning"),
        *("--isolation-level", isolation, "--timeout-ms", str(idle_ms)),
        *("--formatter-property", "print.value=false"),
        *(("--max-messages", str(max_messages)) if max_messages is not None else ()),
    )
    told = re.search(r"Processed a total of (\d+) messages", done.stderr + done.stdout)
    assert told, done.stderr
    return int(told[1])


def get_offsets(bootstrap: str, topic: str, time: str = "latest") -> dict[int, int]:
    """Return a topic's offsets by partition, as ``kafka-get-offsets`` prints them."""
    done = run_tool(
        GET_OFFSETS, "--bootstrap-server", bootstrap, "--topic", re.escape(topic), "--time", time
    )
    found = {}
    for line in done.stdout.splitlines():
        name, _, rest = line.partition(":")
        if name == topic:
            partition, _, offset = rest.partition(":")
            found[int(partition)] = int(offset)
    return found


def _number(cell: str) -> int | None:
    return None if cell == "-" else int(cell)
