"""How long a group's partitions idle after its only member was killed, by protocol and membership.

The successor starts at once, under the same instance id where there is one; what counts is the time
from the kill to its first record. Why the factory uses the classic protocol with static members.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from confluent_kafka import Consumer, Producer
from rich.console import Console
from rich.table import Table

from labline.engine.broker.clients import admin_client, consumer_config, producer_config
from labline.engine.broker.servers import embedded
from labline.topics.apply import apply, existing_topics
from labline.topics.declaration import Topic
from labline.topics.plan import declaration, plan

TOPIC, PARTITIONS, RECORDS = "takeover", 4, 400
TIMEOUT_S = 120
CLASSIC = {"partition_assignment_strategy": "range", "session_timeout_ms": 6_000}
WAYS = {
    "classic, static": {**CLASSIC, "group_instance_id": "a"},
    "classic, dynamic": CLASSIC,
    "consumer, dynamic": {"group_protocol": "consumer", "group_remote_assignor": "range"},
}


def member(bootstrap: str, way: str, group: str) -> None:
    """Join, say when the first record came, and stay: what a child process does."""
    more = {**WAYS[way], "group_id": group, "auto_offset_reset": "earliest"}
    consumer = Consumer(consumer_config(bootstrap, **more))
    consumer.subscribe([TOPIC])
    while True:
        for message in consumer.consume(1, 1.0):
            if message.error() is None:
                sys.stdout.write(f"{time.time()}\n")
                sys.stdout.flush()
                time.sleep(TIMEOUT_S)


def measure(bootstrap: str, way: str) -> float:
    """Return the seconds from a kill to the successor's first record."""
    group = way.replace(", ", "-")

    def start() -> subprocess.Popen[str]:
        told = [sys.executable, __file__, "--member", way, group, bootstrap]
        return subprocess.Popen(told, stdout=subprocess.PIPE, text=True)

    first = start()
    assert first.stdout is not None
    first.stdout.readline()
    second_started = start() if "static" not in way else None  # ready, waiting for partitions
    time.sleep(1.0)
    first.kill()
    killed = time.time()
    first.wait()
    second = second_started or start()
    assert second.stdout is not None
    seen = float(second.stdout.readline())
    second.kill()
    second.wait()
    return max(0.0, seen - killed)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--member", nargs=3, help=argparse.SUPPRESS)
    parser.add_argument("--json", action="store_true", help="figures as JSON on stdout")
    options = parser.parse_args()
    if options.member:
        way, group, bootstrap = options.member
        member(bootstrap, way, group)
        return
    with tempfile.TemporaryDirectory(prefix="labline-bench-") as folder:
        root = Path(folder) / ".labline"
        running = embedded.start(root)
        try:
            admin = admin_client(running.bootstrap)
            topic = Topic(name=TOPIC, schema="none", key="id", partitions=PARTITIONS)
            apply(admin, plan([declaration(topic)], existing_topics(admin, [TOPIC])))
            producer = Producer(producer_config(running.bootstrap))
            for number in range(RECORDS):
                producer.produce(TOPIC, b"x", str(number).encode())
            producer.flush()
            seconds = {way: round(measure(running.bootstrap, way), 1) for way in WAYS}
        finally:
            embedded.stop(root)
    if options.json:
        sys.stdout.write(json.dumps(seconds) + "\n")
        return
    table = Table("protocol, membership", "seconds without records")
    for way, taken in seconds.items():
        table.add_row(way, f"{taken:.1f}")
    Console().print(table)


if __name__ == "__main__":
    main()
