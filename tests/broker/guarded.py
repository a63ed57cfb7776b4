"""A broker with access lists and two listeners, and what it tells of itself.

One listener is everybody's. The other is the lab's: a proxy before it notes every request, and
who comes that way may read topics, write ``lab.*``, and use no group.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from confluent_kafka import ConsumerGroupState
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    ResourcePatternType,
    ResourceType,
)

from labline.engine.broker.clients import admin_client
from labline.engine.broker.reader import partition_offsets, read_range
from labline.engine.broker.servers import embedded, ports
from tests.broker.kafka_proxy import FROM, HERE, Proxy, proxy
from tests.broker.process import TIMEOUT_S


@dataclass(frozen=True)
class Broker:
    """A broker with a listener for the factory and one for the lab."""

    bootstrap: str
    lab: str
    seen: Proxy


@contextmanager
def guarded_broker(root: Path) -> Iterator[Broker]:
    """Run a broker of our own in a folder, with access lists."""
    behind = ports.choose(None, set())
    with proxy(behind) as seen:
        lab = f"{HERE}:{seen.port}"
        overrides = {
            "listeners": f"LAB://{HERE}:{behind}",
            "advertised.listeners": f"LAB://{lab}",
            "listener.security.protocol.map": "LAB:PLAINTEXT",
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "allow.everyone.if.no.acl.found": "true",
        }
        bootstrap = embedded.start(root, overrides=overrides).bootstrap
        try:
            admin = admin_client(bootstrap)  # held: its answers go with it
            for created in admin.create_acls(list(access_lists())).values():
                created.result(TIMEOUT_S)
            yield Broker(bootstrap, lab, seen)
        finally:
            embedded.stop(root)


def access_lists() -> Iterator[AclBinding]:
    """Yield what is allowed: everything to the factory's address, little to the lab's."""

    def allowed(
        kind: ResourceType, name: str, host: str, operation: AclOperation, *, prefix: bool = False
    ) -> AclBinding:
        pattern = ResourcePatternType.PREFIXED if prefix else ResourcePatternType.LITERAL
        return AclBinding(
            kind, name, pattern, "User:ANONYMOUS", host, operation, AclPermissionType.ALLOW
        )

    topic = ResourceType.TOPIC
    for kind in (topic, ResourceType.GROUP, ResourceType.TRANSACTIONAL_ID):
        yield allowed(kind, "*", HERE, AclOperation.ALL)
    yield allowed(ResourceType.BROKER, "kafka-cluster", HERE, AclOperation.ALL)
    for operation in (AclOperation.READ, AclOperation.DESCRIBE, AclOperation.DESCRIBE_CONFIGS):
        yield allowed(topic, "*", FROM, operation)
    for operation in (AclOperation.CREATE, AclOperation.WRITE):
        yield allowed(topic, "lab.", FROM, operation, prefix=True)


@dataclass(frozen=True)
class State:
    """What the broker tells of itself."""

    topics: frozenset[str]
    groups: dict[str, tuple[ConsumerGroupState, frozenset[str]]]
    control: int  # end of the control topic

    @classmethod
    def of(cls, bootstrap: str) -> Self:
        admin = admin_client(bootstrap)
        listed = admin.list_consumer_groups().result(TIMEOUT_S)
        assert not listed.errors
        names = [group.group_id for group in listed.valid]
        asked = admin.describe_consumer_groups(names)
        told = {name: future.result(TIMEOUT_S) for name, future in asked.items()}
        (control,) = partition_offsets(bootstrap, ["labline.control"])["labline.control"].values()
        return cls(
            frozenset(admin.list_topics(timeout=TIMEOUT_S).topics),
            {n: (g.state, frozenset(m.member_id for m in g.members)) for n, g in told.items()},
            control.end,
        )


def owners(bootstrap: str, topic: str) -> set[str]:
    """Return who wrote into a topic of the broker's own: its keys name groups, or transactions."""
    found = set()
    for partition, log in partition_offsets(bootstrap, [topic])[topic].items():
        for batch in read_range(bootstrap, topic, partition, log.start, log.stable):
            for record in batch:
                key = record[2] or b""
                size = int.from_bytes(key[2:4])
                found.add(key[4 : 4 + size].decode())
    return found
