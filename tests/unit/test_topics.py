"""Topics: declarations are checked, plans are pure and idempotent."""

from pathlib import Path

import pytest

from engine.errors import LablineError
from topics.declaration import Topic
from topics.naming import CONTROL_TOPIC, check_name, line_topics
from topics.plan import (
    DLQ_MESSAGE_MAX_BYTES,
    Create,
    Keep,
    Refuse,
    declaration,
    line_topic_declarations,
    plan,
)

FLIGHTS = Path(__file__).parents[2] / "examples/flights"
EVENTS = Topic(name="flights", schema="flights.avsc", key="id", partitions=3, retention="30d")
LABELS = Topic(name="landed", schema="landed.avsc", key="id", partitions=3)


def load(tmp_path: Path, text: str) -> Topic:
    path = tmp_path / "t.toml"
    path.write_text(text)
    return Topic.load(path)


def test_the_example_loads() -> None:
    departed = Topic.load(FLIGHTS / "topics/flights.departed.toml")
    assert (departed.name, departed.key, departed.partitions) == (
        "flights.departed",
        "flight_key",
        4,
    )
    assert departed.retention_ms == -1
    assert (FLIGHTS / "schemas" / departed.schema_file).is_file()


def test_defaults(tmp_path: Path) -> None:
    topic = load(tmp_path, 'name = "a"\nschema = "a.avsc"\nkey = "k"')
    assert (topic.partitions, topic.replication, topic.retention, topic.format) == (
        4, 1, "forever", "avro",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("partitons = 4", "did you mean partitions"),
        ('partitions = "4"', "partitions"),
        ("partitions = 0", "partitions"),
        ('retention = "1 year"', "retention"),
        ('retention = "0d"', "retention"),
        ('format = "xml"', "format"),
        ("replication = 0", "replication"),
    ],
)
def test_invalid(tmp_path: Path, line: str, said: str) -> None:
    with pytest.raises(LablineError, match="LL-FILE-INVALID") as caught:
        load(tmp_path, f'name = "a"\nschema = "a.avsc"\nkey = "k"\n{line}')
    assert said in str(caught.value)


@pytest.mark.parametrize("name", ["lab.runs", "labline.control", "a b", "", "x" * 250])
def test_invalid_names(tmp_path: Path, name: str) -> None:
    with pytest.raises(LablineError, match=r"LL-FILE-INVALID: topics/t\.toml: name"):
        load(tmp_path, f'name = "{name}"\nschema = "a.avsc"\nkey = "k"')


def test_schema_files_stay_in_their_folder(tmp_path: Path) -> None:
    with pytest.raises(LablineError, match="schema"):
        load(tmp_path, 'name = "a"\nschema = "../a.avsc"\nkey = "k"')


def test_not_toml(tmp_path: Path) -> None:
    with pytest.raises(LablineError, match=r"LL-FILE-SYNTAX: t\.toml"):
        load(tmp_path, "name =")


@pytest.mark.parametrize("name", [".", "..", "a/b", "a" * 250, "é", "a\n"])
def test_names_kafka_refuses(name: str) -> None:
    with pytest.raises(LablineError, match="LL-TOPIC-NAME"):
        check_name(name)


def test_a_lines_topics() -> None:
    made = {topic.name: topic for topic in line_topic_declarations("delay", EVENTS, LABELS)}
    names = line_topics("delay")
    assert list(made) == [*names, CONTROL_TOPIC]
    assert {made[name].partitions for name in names} == {3}
    for topic in made.values():
        assert topic.config["cleanup.policy"] == "delete"
        assert topic.config["message.timestamp.type"] == "LogAppendTime"
    assert made[names.scores].config["retention.ms"] == str(30 * 86_400_000)
    assert made[names.journal].config["retention.ms"] == "-1"  # the labels are kept for ever
    assert made[names.dlq].config["max.message.bytes"] == str(DLQ_MESSAGE_MAX_BYTES)
    assert made[CONTROL_TOPIC].partitions == 1
    assert made[CONTROL_TOPIC].config["retention.ms"] == "-1"


def test_a_plan_applied_is_a_plan_of_nothing() -> None:
    declared = [declaration(EVENTS), declaration(LABELS)]
    declared += line_topic_declarations("delay", EVENTS, LABELS)
    steps = plan(declared, {})
    assert steps == [Create(topic) for topic in declared]
    existing = {topic.name: (topic.partitions, topic.config) for topic in declared}
    assert plan(declared, existing) == [Keep(topic.name) for topic in declared]


@pytest.mark.parametrize("partitions", [1, 4])
def test_other_partitions_are_refused(partitions: int) -> None:
    topic = declaration(EVENTS)
    (step,) = plan([topic], {topic.name: (partitions, topic.config)})
    assert isinstance(step, Refuse)
    assert f"{partitions} partitions, 3" in step.reason


@pytest.mark.parametrize("policy", ["compact", "compact,delete"])
def test_compaction_is_refused(policy: str) -> None:
    topic = declaration(EVENTS)
    found = {**topic.config, "cleanup.policy": policy}
    (step,) = plan([topic], {topic.name: (3, found)})
    assert isinstance(step, Refuse)
    assert policy in step.reason


def test_what_is_only_different_is_noted() -> None:
    topic = declaration(EVENTS)
    found = {**topic.config, "message.timestamp.type": "CreateTime", "retention.ms": "7"}
    (step,) = plan([topic], {topic.name: (3, found)})
    assert step == Keep(
        topic.name,
        (
            "message.timestamp.type is CreateTime, declared LogAppendTime",
            "retention.ms is 7, declared 2592000000",
        ),
    )
