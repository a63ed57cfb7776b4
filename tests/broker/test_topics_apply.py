"""Topics in a real Kafka: created as declared, found again, and left alone."""

import pytest

from engine.broker.clients import admin_client
from engine.errors import LablineError
from topics.apply import apply, existing_topics
from topics.declaration import Topic
from topics.naming import CONTROL_TOPIC
from topics.plan import (
    DLQ_MESSAGE_MAX_BYTES,
    Create,
    Keep,
    declaration,
    line_topic_declarations,
    plan,
)


def test_create_then_keep(broker: str, name: str) -> None:
    admin = admin_client(broker)
    events = Topic(name=f"{name}.events", schema="e.avsc", key="id", partitions=2, retention="2d")
    declared = [declaration(events), *line_topic_declarations(name, events)]
    names = [topic.name for topic in declared]
    steps = plan(declared, existing_topics(admin, names))
    created = apply(admin, steps)
    assert set(created) == {step.topic.name for step in steps if isinstance(step, Create)}
    assert set(names) - {CONTROL_TOPIC} <= set(created)  # that one may be another test's

    existing = existing_topics(admin, names)
    again = plan(declared, existing)
    assert again == [Keep(topic) for topic in names]
    assert apply(admin, again) == []
    partitions, config = existing[events.name]
    assert partitions == 2
    assert config["message.timestamp.type"] == "LogAppendTime"
    assert config["retention.ms"] == str(2 * 86_400_000)
    assert existing[f"{name}.dlq"][1]["max.message.bytes"] == str(DLQ_MESSAGE_MAX_BYTES)
    assert existing[CONTROL_TOPIC][0] == 1
    assert existing[CONTROL_TOPIC][1]["retention.ms"] == "-1"


def test_a_refusal_creates_nothing(broker: str, name: str) -> None:
    admin = admin_client(broker)
    two = Topic(name=f"{name}.two", schema="e.avsc", key="id", partitions=2)
    apply(admin, plan([declaration(two)], {}))
    three = two.model_copy(update={"partitions": 3})
    other = Topic(name=f"{name}.other", schema="e.avsc", key="id")
    declared = [declaration(other), declaration(three)]
    steps = plan(declared, existing_topics(admin, [other.name, three.name]))
    with pytest.raises(LablineError, match="LL-TOPIC-REFUSED"):
        apply(admin, steps)
    assert existing_topics(admin, [other.name]) == {}


def test_a_race_is_no_error_and_a_bad_replication_is(broker: str, name: str) -> None:
    admin = admin_client(broker)
    topic = Topic(name=f"{name}.race", schema="e.avsc", key="id")
    stale = plan([declaration(topic)], {})
    assert apply(admin, stale) == [topic.name]
    assert apply(admin, stale) == []
    wide = Topic(name=f"{name}.wide", schema="e.avsc", key="id", replication=9)
    with pytest.raises(LablineError, match="LL-TOPIC-CREATE"):
        apply(admin, plan([declaration(wide)], {}))
