"""Fetching what lag is computed from. Nothing is decided here, and nothing is committed.

A partition without a leader or a deleted topic blanks its own row, never the page.
"""

import time
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple, TypeAlias, TypeVar

from confluent_kafka import IsolationLevel, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, OffsetSpec, ResourceType

from labline.engine.broker.clients import admin_client, reason
from labline.engine.broker.commits import TIMEOUT_S, committed, when_loaded
from labline.engine.broker.reader import Place, read_range
from labline.engine.errors import LablineError
from labline.engine.ops.lag import (
    LOOK_MAX_RECORDS,
    GroupLag,
    Look,
    PartitionFacts,
    PartitionLag,
    group_lag,
    partition_lag,
)
from labline.engine.workspace.workspace import known

AT_ONCE = 8  # groups asked, and partitions looked at
APPEND_TIME = "LogAppendTime"
UNLISTED = "(groups that were not listed)"

T = TypeVar("T")

Partitions: TypeAlias = dict[str, list[int]]  # of each topic of the cluster


class _Group(NamedTuple):
    """What the coordinator says of a group: commits, and who reads what.

    Attributes
    ----------
    refused
        Partitions whose commit it did not tell, and why: not the same as no commit.
    """

    group: str
    state: str
    members: int | None
    reads: dict[Place, str]
    committed: dict[Place, int]
    refused: dict[Place, str]
    error: str | None


class _Log(NamedTuple):
    """A partition's start, last stable offset and end, or why they are not known."""

    start: int | None
    stable: int | None
    end: int | None
    error: str | None
    append_timed: bool


def lags(bootstrap: str, groups: Iterable[str] | None = None) -> list[GroupLag]:
    """Return the lag of `groups`, or of every consumer group of the cluster.

    Raises
    ------
    LablineError
        ``LL-BROKER-SILENT`` when nobody answers, ``LL-GROUP-UNKNOWN`` for a group that is not.
    """
    admin = admin_client(bootstrap)
    try:
        listed = admin.list_topics(timeout=TIMEOUT_S).topics
        names, unlisted = _wanted(admin, groups)
    except KafkaException as error:
        raise LablineError(
            "LL-BROKER-SILENT",
            f"{bootstrap} does not answer: {reason(error)}",
            "labline status tells whether the embedded broker runs; else look at the address",
        ) from error
    partitions = {name: sorted(topic.partitions) for name, topic in listed.items()}
    with ThreadPoolExecutor(AT_ONCE) as pool:
        asked = list(pool.map(lambda name: _group(admin, bootstrap, name, partitions), names))
        places = {group.group: _places(group, partitions) for group in asked}
        logs = _logs(admin, sorted(set().union(*places.values())), partitions)

        def rows(group: _Group) -> list[PartitionLag]:
            def row(place: Place) -> PartitionLag:
                return _row(bootstrap, group, place, logs[place])

            return list(pool.map(row, places[group.group]))

        found = [group_lag(g.group, g.state, g.members, rows(g), g.error) for g in asked]
    if unlisted is not None:  # a short list must not pass for a whole one
        found.append(group_lag(UNLISTED, "unknown", None, [], unlisted))
    return found


def _wanted(admin: AdminClient, groups: Iterable[str] | None) -> tuple[list[str], str | None]:
    """Return the groups to ask for, and why the list may lack some."""
    listed = admin.list_consumer_groups(request_timeout=TIMEOUT_S).result()
    there = sorted(group.group_id for group in listed.valid)
    unlisted = reason(listed.errors[0]) if listed.errors else None
    if groups is None:
        return there, unlisted
    if unlisted is None:
        there = sorted({known(group, there, "GROUP", "this cluster") for group in groups})
    else:
        there = sorted(set(groups))  # its coordinator says of each what is wrong
    return there, None


def _group(admin: AdminClient, bootstrap: str, group: str, partitions: Partitions) -> _Group:
    reads: dict[Place, str] = {}
    commits: dict[Place, int] = {}
    refused: dict[Place, str] = {}
    state, members = "unknown", None
    try:
        about = when_loaded(lambda: _described(admin, group))
        state = about.state.name.replace("_", " ").lower()
        members = len(about.members)
        for member in about.members:
            for place in member.assignment.topic_partitions:
                reads[place.topic, place.partition] = f"{member.client_id} {member.host}"
        everywhere = [(topic, p) for topic, numbers in partitions.items() for p in numbers]
        for place in committed(bootstrap, group, everywhere):
            if place.error is not None:
                refused[place.topic, place.partition] = place.error.str()
            elif place.offset >= 0:
                commits[place.topic, place.partition] = place.offset
    except KafkaException as failure:
        # without its commits there are no rows: they would all say "no commit"
        return _Group(group, state, members, {}, {}, {}, reason(failure))
    return _Group(group, state, members, reads, commits, refused, None)


def _described(admin: AdminClient, group: str) -> Any:  # typed wrongly by the client
    return admin.describe_consumer_groups([group], request_timeout=TIMEOUT_S)[group].result()


def _places(group: _Group, partitions: Partitions) -> list[Place]:
    """Return what a group reads or has read: all partitions of those topics, commit or not."""
    told = {*group.reads, *group.committed, *group.refused}
    topics = {topic for topic, _ in told}
    return sorted(told | {(t, p) for t in topics for p in partitions.get(t, ())})


def _logs(admin: AdminClient, places: list[Place], partitions: Partitions) -> dict[Place, _Log]:
    there = [place for place in places if place[1] in partitions.get(place[0], ())]
    bounds = [
        _bounds(admin, there, OffsetSpec.earliest(), IsolationLevel.READ_UNCOMMITTED),
        _bounds(admin, there, OffsetSpec.latest(), IsolationLevel.READ_COMMITTED),
        _bounds(admin, there, OffsetSpec.latest(), IsolationLevel.READ_UNCOMMITTED),
    ]
    timed = _append_timed(admin, sorted({topic for topic, _ in there}))
    logs = {}
    for place in places:
        if place not in bounds[0]:
            logs[place] = _Log(None, None, None, "the topic or partition is gone", False)
            continue
        start, stable, end = (bound[place] for bound in bounds)
        errors = [told for told in (start, stable, end) if isinstance(told, str)]
        offsets = [told if isinstance(told, int) else None for told in (start, stable, end)]
        error = errors[0] if errors else None
        logs[place] = _Log(offsets[0], offsets[1], offsets[2], error, place[0] in timed)
    return logs


def _bounds(
    admin: AdminClient, places: list[Place], spec: OffsetSpec, level: IsolationLevel
) -> dict[Place, int | str]:
    """Return an offset for each partition, or why there is none."""
    if not places:
        return {}
    asked = {TopicPartition(*place): spec for place in places}
    futures: dict[TopicPartition, Future[Any]] = admin.list_offsets(  # typed wrongly
        asked, isolation_level=level, request_timeout=TIMEOUT_S
    )
    bounds: dict[Place, int | str] = {}
    for place, future in futures.items():
        told = _result(future)
        bounds[place.topic, place.partition] = told if isinstance(told, str) else told.offset
    return bounds


def _append_timed(admin: AdminClient, topics: list[str]) -> set[str]:
    """Return the topics whose timestamps are the broker's own."""
    if not topics:
        return set()
    asked = [ConfigResource(ResourceType.TOPIC, topic) for topic in topics]
    configs = admin.describe_configs(asked, request_timeout=TIMEOUT_S)
    timed = set()
    for resource, future in configs.items():
        config = _result(future)
        if not isinstance(config, str) and config["message.timestamp.type"].value == APPEND_TIME:
            timed.add(resource.name)
    return timed


def _result(future: "Future[T]") -> T | str:
    """Return what a future gives, or the text of Kafka's refusal."""
    try:
        return future.result()
    except KafkaException as error:
        return reason(error)


def _row(bootstrap: str, group: _Group, place: Place, log: _Log) -> PartitionLag:
    if place in group.refused:
        log = _Log(None, None, None, group.refused[place], False)
    committed = group.committed.get(place)
    look, error = None, log.error
    if log.start is not None and log.stable is not None:
        begin = log.start if committed is None else max(committed, log.start)
        try:
            look = _look(bootstrap, place, begin, log.stable)
        except KafkaException as failure:
            error = reason(failure)
    if look is not None and not log.append_timed:
        look = look._replace(first_append_ms=None)  # a publisher's claim, not an append time
    facts = PartitionFacts(
        topic=place[0],
        partition=place[1],
        committed=committed,
        start=log.start,
        stable=log.stable,
        end=log.end,
        look=look,
        member=group.reads.get(place),
        error=error,
    )
    return partition_lag(facts, now_ms=time.time_ns() // 1_000_000)


def _look(bootstrap: str, place: Place, begin: int, stable: int) -> Look:
    """Look at what lies between a commit and the last stable offset.

    Only a short stretch is read through; of a long one no more than its first record, so that
    looking at a large backlog costs next to nothing.
    """
    through = stable - begin <= LOOK_MAX_RECORDS
    count, first_ms = 0, None
    for batch in read_range(bootstrap, *place, begin, stable):
        if first_ms is None:
            first_ms = batch[0][1]
        count += len(batch)
        if not through:
            break
    return Look(count if through or not count else None, first_ms)
