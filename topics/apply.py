"""The one part of the catalogue that touches Kafka: what is there, and creating what is not."""

import time
from collections.abc import Iterable
from concurrent.futures import Future

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, ResourceType

from engine.errors import LablineError
from topics.plan import Create, Existing, Keep, Refuse, Step

TIMEOUT_S = 30.0
POLL_S = 0.02


def existing_topics(admin: AdminClient, names: Iterable[str]) -> Existing:
    """Return partitions and configuration of those of `names` that Kafka has."""
    known = admin.list_topics(timeout=TIMEOUT_S).topics
    present = [name for name in dict.fromkeys(names) if name in known]
    if not present:
        return {}
    resources = [ConfigResource(ResourceType.TOPIC, name) for name in present]
    answers = admin.describe_configs(resources, request_timeout=TIMEOUT_S)
    return {
        resource.name: (
            len(known[resource.name].partitions),
            {key: entry.value for key, entry in answer.result().items() if entry.value is not None},
        )
        for resource, answer in answers.items()
    }


def apply(admin: AdminClient, steps: Iterable[Step]) -> list[str]:
    """Create what a plan creates and return the names, once every partition has a leader.

    Raises
    ------
    LablineError
        ``LL-TOPIC-REFUSED`` before anything is done when the plan refuses a topic;
        ``LL-TOPIC-CREATE`` when Kafka does.
    """
    create: list[NewTopic] = []
    for step in steps:
        match step:
            case Refuse(name, reason, remedy):
                raise LablineError("LL-TOPIC-REFUSED", f"{name}: {reason}", remedy)
            case Create(topic):
                create.append(
                    NewTopic(
                        topic.name,
                        num_partitions=topic.partitions,
                        replication_factor=topic.replication,
                        config=dict(topic.config),
                    )
                )
            case Keep():
                pass
    if not create:
        return []
    made = [
        name
        for name, future in admin.create_topics(create, request_timeout=TIMEOUT_S).items()
        if _created(name, future)
    ]
    _await_leaders(admin, {topic.topic: topic.num_partitions for topic in create})
    return made


def _created(name: str, future: "Future[None]") -> bool:
    """Wait for a creation; False when someone else was faster, which the next plan compares."""
    try:
        future.result()
    except KafkaException as error:
        reason = error.args[0]
        assert isinstance(reason, KafkaError)
        if reason.code() == KafkaError.TOPIC_ALREADY_EXISTS:
            return False
        raise LablineError(
            "LL-TOPIC-CREATE", f"{name}: {reason.str()}", "mend the declaration, then apply again"
        ) from error
    return True


def _await_leaders(admin: AdminClient, partitions: dict[str, int]) -> None:
    """Wait until every partition can be written: creation is answered a little before."""
    deadline_s = time.monotonic() + TIMEOUT_S
    while time.monotonic() < deadline_s:
        topics = admin.list_topics(timeout=TIMEOUT_S).topics
        if all(
            name in topics
            and len(topics[name].partitions) >= count
            and all(part.leader >= 0 for part in topics[name].partitions.values())
            for name, count in partitions.items()
        ):
            return
        time.sleep(POLL_S)
    raise LablineError(
        "LL-TOPIC-LEADER",
        "topics were created, but not every partition has a leader",
        "look at the brokers: labline status",
    )
