"""Fetching what the doctor judges: read-only, in no group, bounded in time and records."""

import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType

from labline.engine.broker.clients import admin_client, consumer_config, reason
from labline.engine.broker.reader import Offsets, Place, partition_offsets
from labline.engine.errors import LablineError
from labline.engine.ops.health import Broker, Facts, Held, Inputs, Replicas, Sample
from labline.engine.workspace.catalogue import catalogue
from labline.engine.workspace.check import check_workspace
from labline.engine.workspace.releasing import check_schemas
from labline.engine.workspace.workspace import Workspace
from labline.schemas.values.formats import value_formats
from labline.topics.apply import existing_topics
from labline.topics.declaration import Topic
from labline.topics.partitioning import partition_of
from labline.topics.steps import Declaration

TIMEOUT_S = 10.0
SAMPLE_RECORDS = 1_000  # of a topic, over all of its partitions
SAMPLE_TIME_S = 10.0
HELD_MAX = 100  # partitions with an open transaction that are looked at


def fetch_facts(space: Workspace, bootstrap: str | None = None) -> Facts:
    """Return what can be found out about a workspace and its Kafka; an error is a fact too."""
    facts = _of_schemas(space, _of_files(space))
    try:
        return _of_broker(space.bootstrap(bootstrap), facts)
    except LablineError as error:
        return replace(facts, broker=error)
    except KafkaException as error:
        refused = LablineError(
            "LL-KAFKA",
            f"Kafka refused or did not answer: {reason(error)}",
            "look again; then at the brokers, and at what this user may ask",
        )
        return replace(facts, broker=refused)


def _of_files(space: Workspace) -> Facts:
    errors: list[LablineError] = []

    def attempt(read: Callable[[], object]) -> None:
        try:
            read()
        except LablineError as error:
            errors.append(error)

    attempt(lambda: space.settings)
    for path in sorted((space.root / "topics").glob("*.toml")):
        attempt(lambda path=path: Topic.load(path))  # type: ignore[misc]
    attempt(space.lines)
    if not errors:
        attempt(space.topics)  # a name that two files declare
    if errors:
        return Facts(unreadable=tuple(errors))
    attempt(lambda: errors.extend(check_workspace(space)))
    declared: list[Declaration] = []
    if not errors:
        attempt(lambda: declared.extend(catalogue(space)))
    return Facts(
        unreadable=tuple(errors),
        lines={line.name: Inputs(line.events, line.labels) for line in space.lines().values()},
        own=tuple(space.topics()),
        declared=tuple(declared),
    )


def _of_schemas(space: Workspace, facts: Facts) -> Facts:
    try:
        found = check_schemas(space)
        unfit = [LablineError(each.code, each.message, each.remedy) for each in found]
        releases = [] if unfit else [each for s in space.subjects() for each in s.versions]
        url, theirs = _registry(space) if facts.own and not unfit else (None, [])
    except LablineError as error:  # said already when it is of a topic's file
        known = str(error) in map(str, facts.unreadable)
        return facts if known else replace(facts, unfit=(error,))
    return replace(
        facts,
        unfit=(*unfit, *theirs),
        versions=len(releases),
        drafts=tuple(str(release) for release in releases if not release.released),
        registry=url,
    )


def _registry(space: Workspace) -> tuple[str | None, list[LablineError]]:
    """Return which registry was asked, and what it has against the latest schemas."""
    registry = space.registry()
    if registry is None:
        return None, []
    return registry.url, [
        LablineError(
            "LL-SCHEMA-INCOMPATIBLE",
            f"the registry refuses {latest} for {topic.name}: {problem}",
            "mend the draft, or change the registry's compatibility for it",
        )
        for topic in space.topics().values()
        if value_formats()[topic.format].in_registry
        for latest in (space.subject_of(topic).latest,)
        for problem in registry.incompatibilities(topic.name, latest.schema.document)
    ]


def _of_broker(bootstrap: str, facts: Facts) -> Facts:
    admin = admin_client(bootstrap)
    try:
        listed = admin.list_topics(timeout=TIMEOUT_S)
    except KafkaException as error:
        raise LablineError(
            "LL-BROKER-SILENT",
            f"{bootstrap} does not answer: {reason(error)}",
            "labline status tells whether the embedded broker runs; else look at the address",
        ) from error
    names = [topic.name for topic in facts.declared]
    existing = existing_topics(admin, names)
    replicas = {name: _replicas(listed.topics[name]) for name in existing if name in listed.topics}
    led = [name for name, each in replicas.items() if not each.leaderless]
    offsets = _offsets(bootstrap, led)
    replicas |= {name: Replicas(1, 0) for name in led if name not in offsets}
    own = {name: offsets[name] for name in facts.own if name in offsets}
    return replace(
        facts,
        broker=Broker(bootstrap, len(listed.brokers), _version(admin, min(listed.brokers))),
        existing=existing,
        replicas=replicas,
        held=tuple(_held(bootstrap, offsets)),
        samples={name: _sample(bootstrap, name, each) for name, each in own.items()},
        now_ms=time.time_ns() // 1_000_000,
    )


def _version(admin: AdminClient, broker: int) -> str | None:
    """Return what a broker tells of its version: before 4.0 by a setting that went with it."""
    resource = ConfigResource(ResourceType.BROKER, str(broker))
    try:
        config = admin.describe_configs([resource], request_timeout=TIMEOUT_S)[resource].result()
    except KafkaException:  # not everybody may ask
        return None
    protocol = config.get("inter.broker.protocol.version")
    return protocol.value.split("-")[0] if protocol else "4.0 or newer"


def _replicas(topic: Any) -> Replicas:
    partitions = topic.partitions.values()
    return Replicas(
        sum(part.leader < 0 for part in partitions),
        sum(len(part.isrs) < len(part.replicas) for part in partitions),
    )


def _offsets(bootstrap: str, topics: list[str]) -> dict[str, dict[int, Offsets]]:
    """Return the offsets of the topics that answer."""
    try:
        return partition_offsets(bootstrap, topics)
    except (KafkaException, LablineError):  # one of them: the others shall not go with it
        if len(topics) < 2:
            return {}
        return {k: v for topic in topics for k, v in _offsets(bootstrap, [topic]).items()}


def _held(bootstrap: str, offsets: Mapping[str, Mapping[int, Offsets]]) -> Iterator[Held]:
    """Yield what open transactions hold back, by the first record of each."""
    held = {
        (topic, partition): each.end - each.stable
        for topic, partitions in offsets.items()
        for partition, each in partitions.items()
        if each.end > each.stable
    }
    first = {
        place: (offsets[place[0]][place[1]].stable, offsets[place[0]][place[1]].stable + 1)
        for place in list(held)[:HELD_MAX]
    }
    for message in _read(bootstrap, first, "read_uncommitted"):
        place = (str(message.topic()), message.partition() or 0)
        yield Held(*place, held[place], message.timestamp()[1])


def _sample(bootstrap: str, topic: str, partitions: Mapping[int, Offsets]) -> Sample | str:
    """Look at the newest records of a topic, a share from each partition."""
    share = max(SAMPLE_RECORDS // len(partitions), 1)
    newest = {
        (topic, partition): (max(each.stable - share, each.start), each.stable)
        for partition, each in partitions.items()
    }
    try:
        records = list(_read(bootstrap, newest, "read_committed"))
    except KafkaException as error:
        return reason(error)
    return placement([(r.partition() or 0, r.key()) for r in records], len(partitions))


def placement(placed: Iterable[tuple[int, str | bytes | None]], partitions: int) -> Sample:
    """Count where records lie, by partition and key.

    Examples
    --------
    >>> placement([(2, b"UA1545"), (0, b"UA1545"), (3, None)], partitions=4)
    Sample(records=3, keyless=1, elsewhere=1, by_crc32=0)
    """
    records = keyless = elsewhere = by_crc32 = 0
    for partition, key in placed:
        records += 1
        if key is None:
            keyless += 1
            continue
        raw = key.encode() if isinstance(key, str) else key
        if partition_of(raw, partitions) != partition:
            elsewhere += 1
            by_crc32 += zlib.crc32(raw) % partitions == partition
    return Sample(records, keyless, elsewhere, by_crc32)


def _read(
    bootstrap: str, ranges: Mapping[Place, tuple[int, int]], isolation: str
) -> Iterator[Message]:
    """Yield the records of short ranges, until their ends or for so long as a person waits."""
    begins = {place: begin for place, (begin, end) in ranges.items() if begin < end}
    if not begins:
        return
    deadline_s = time.monotonic() + SAMPLE_TIME_S
    open_places = set(begins)
    with closing(Consumer(consumer_config(bootstrap, isolation_level=isolation))) as consumer:
        consumer.assign([TopicPartition(*place, begin) for place, begin in begins.items()])
        while open_places and time.monotonic() < deadline_s:
            for message in consumer.consume(SAMPLE_RECORDS, 0.2):
                error, offset = message.error(), message.offset() or 0
                if error is not None and error.code() != KafkaError._PARTITION_EOF:
                    raise KafkaException(error)
                place = (str(message.topic()), message.partition() or 0)
                end = ranges[place][1]
                if error is not None or offset >= end - 1:
                    open_places.discard(place)
                if error is None and offset < end:
                    yield message
