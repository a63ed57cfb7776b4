"""Topics as they are in Kafka, and making them as planned: the only module here with a client.

``labline topics plan`` and ``doctor`` ask `existing_topics`; ``topics apply`` and the demo call
`apply` with the steps of a plan, and get back the names of what was made or altered once every
partition answers. A step that Kafka refuses is an error; what was done before it stays.
"""

import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from itertools import chain
from typing import Any, TypeAlias

from confluent_kafka import IsolationLevel, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    OffsetSpec,
    ResourceType,
)

from labline.engine.errors import LablineError
from labline.topics.steps import Alter, BrokerTopic, Create, Declaration, Existing, Refuse, Step

TIMEOUT_S = 30.0
POLL_S = 0.02

Report: TypeAlias = Callable[[Step], None]


def existing_topics(admin: AdminClient, names: Iterable[str]) -> Existing:
    """Return partitions, configuration and replication of those of `names` that Kafka has."""
    known = admin.list_topics(timeout=TIMEOUT_S).topics
    present = [name for name in dict.fromkeys(names) if name in known]
    if not present:
        return {}
    topics = {}
    for name, config in _configs(admin, present).items():
        partitions = known[name].partitions
        copies = min((len(part.replicas) for part in partitions.values()), default=0)
        topics[name] = BrokerTopic(len(partitions), config, copies)
    return topics


def apply(admin: AdminClient, steps: Iterable[Step], report: Report | None = None) -> list[str]:
    """Create and alter what a plan says; return the names once all of it can be seen and used.

    Parameters
    ----------
    report
        Is told of each step that was done.

    Raises
    ------
    LablineError
        ``LL-TOPIC-REFUSED`` before anything is done when the plan refuses a topic;
        ``LL-TOPIC-CREATE`` or ``LL-TOPIC-ALTER`` when Kafka does.
    """
    steps = list(steps)
    raise_refusal(steps)
    done: list[Step] = []
    create = [step for step in steps if isinstance(step, Create)]
    alter = [step for step in steps if isinstance(step, Alter)]
    for step in chain(_create(admin, create), _alter(admin, alter)):
        done.append(step)
        if report is not None:
            report(step)
    _await_visible(admin, done)
    return [step.name for step in done]


def raise_refusal(steps: Iterable[Step]) -> None:
    """Raise ``LL-TOPIC-REFUSED`` for the first step that is a refusal."""
    for step in steps:
        if isinstance(step, Refuse):
            raise LablineError("LL-TOPIC-REFUSED", f"{step.name}: {step.reason}", step.remedy)


def _create(admin: AdminClient, steps: list[Create]) -> Iterable[Step]:
    if not steps:
        return
    answers = admin.create_topics([_new(step.topic) for step in steps], request_timeout=TIMEOUT_S)
    for step in steps:
        # someone else may have been faster: the next plan compares
        if (
            _done(step.name, answers[step.name], "LL-TOPIC-CREATE")
            != KafkaError.TOPIC_ALREADY_EXISTS
        ):
            yield step


def _new(topic: Declaration) -> NewTopic:
    return NewTopic(
        topic.name,
        num_partitions=topic.partitions,
        replication_factor=topic.replication,
        config=dict(topic.config),
    )


def _alter(admin: AdminClient, steps: list[Alter]) -> Iterable[Step]:
    grow = [NewPartitions(step.name, step.partitions) for step in steps if step.partitions]
    grown = admin.create_partitions(grow, request_timeout=TIMEOUT_S) if grow else {}
    resources = {step.name: _resource(step) for step in steps if step.config}
    configured: dict[ConfigResource, Future[Any]] = (
        admin.incremental_alter_configs([*resources.values()], request_timeout=TIMEOUT_S)
        if resources
        else {}
    )
    for step in steps:
        if step.name in grown:
            _done(step.name, grown[step.name], "LL-TOPIC-ALTER")
        if step.name in resources:
            _done(step.name, configured[resources[step.name]], "LL-TOPIC-ALTER")
        yield step


def _resource(step: Alter) -> ConfigResource:
    entries = [
        ConfigEntry(key, value, incremental_operation=AlterConfigOpType.SET)
        for key, value in step.config.items()
    ]
    return ConfigResource(ResourceType.TOPIC, step.name, incremental_configs=entries)


def _done(name: str, future: "Future[Any]", code: str) -> int:
    """Wait for an answer; return its code: 0, or that the topic is there."""
    try:
        future.result()
    except KafkaException as error:
        reason = _reason(error)
        if reason.code() == KafkaError.TOPIC_ALREADY_EXISTS:
            return reason.code()
        raise LablineError(
            code,
            f"{name}: {reason.str()}",
            "mend the declaration, then apply again: what was done stays",
        ) from error
    return 0


def _reason(error: KafkaException) -> KafkaError:
    reason = error.args[0]
    assert isinstance(reason, KafkaError)
    return reason


def _configs(admin: AdminClient, names: Iterable[str]) -> dict[str, dict[str, str]]:
    resources = [ConfigResource(ResourceType.TOPIC, name) for name in names]
    answers = admin.describe_configs(resources, request_timeout=TIMEOUT_S) if resources else {}
    configs = {}
    for resource, answer in answers.items():
        try:
            config = answer.result()
        except KafkaException as error:
            if _reason(error).code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
                continue  # deleted meanwhile, or so new that not every broker knows it
            raise
        configs[resource.name] = {k: v.value for k, v in config.items() if v.value is not None}
    return configs


def _await_visible(admin: AdminClient, steps: list[Step]) -> None:
    """Wait until every partition can be written and every setting read: answers come earlier."""
    partitions = {step.name: _partitions(step) for step in steps}
    settings = {step.name: step.config for step in steps if isinstance(step, Alter)}
    deadline_s = time.monotonic() + TIMEOUT_S
    while time.monotonic() < deadline_s:
        configs = _configs(admin, settings)
        seen = all(settings[name].items() <= configs.get(name, {}).items() for name in settings)
        if seen and _led(admin, partitions) and _answer(admin, partitions):
            return
        time.sleep(POLL_S)
    raise LablineError(
        "LL-TOPIC-LEADER",
        "topics were made as planned, but not every partition has a leader that answers",
        "look at the brokers: labline status",
    )


def _partitions(step: Step) -> int:
    """Return how many partitions are new to see; 1 where their number stays."""
    if isinstance(step, Create):
        return step.topic.partitions
    return (step.partitions if isinstance(step, Alter) else None) or 1


def _led(admin: AdminClient, partitions: dict[str, int]) -> bool:
    topics = admin.list_topics(timeout=TIMEOUT_S).topics if partitions else {}
    return all(
        name in topics
        and len(topics[name].partitions) >= count
        and all(part.leader >= 0 for part in topics[name].partitions.values())
        for name, count in partitions.items()
    )


def _answer(admin: AdminClient, partitions: dict[str, int]) -> bool:
    """Tell whether partitions can be asked: a leader may be named before it knows of it."""
    places = [TopicPartition(name, p) for name, count in partitions.items() for p in range(count)]
    if not places:
        return True
    answers = admin.list_offsets(
        dict.fromkeys(places, OffsetSpec.latest()),
        isolation_level=IsolationLevel.READ_UNCOMMITTED,
        request_timeout=TIMEOUT_S,
    )
    return all(answer.exception() is None for answer in answers.values())
