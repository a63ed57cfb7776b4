"""Topics in a real Kafka: created and altered as planned, found again, and left alone."""

import time
from pathlib import Path

import pytest
from confluent_kafka import KafkaException, Producer
from confluent_kafka.admin import AdminClient, NewTopic
from typer.testing import CliRunner

from labline.engine.broker.clients import admin_client, producer_config
from labline.engine.cli.main import app
from labline.engine.errors import LablineError
from labline.topics.apply import apply, existing_topics
from labline.topics.compare import NO_WORDS, Words
from labline.topics.declaration import Topic
from labline.topics.naming import CONTROL_TOPIC
from labline.topics.plan import DLQ_MESSAGE_MAX_BYTES, declaration, line_topic_declarations, plan
from labline.topics.steps import Alter, Create, Declaration, Keep, Step

DAY_MS = 86_400_000


def planned(admin: AdminClient, declared: list[Declaration], words: Words = NO_WORDS) -> list[Step]:
    return plan(declared, existing_topics(admin, [topic.name for topic in declared]), words)


def others_make(admin: AdminClient, name: str, partitions: int, config: dict[str, str]) -> None:
    """Create a topic as somebody else would, and wait until it can be seen."""
    admin.create_topics([NewTopic(name, partitions, 1, config=config)])[name].result()
    deadline = time.monotonic() + 30
    while name not in existing_topics(admin, [name]):
        assert time.monotonic() < deadline


def test_create_then_keep(broker: str, name: str) -> None:
    admin = admin_client(broker)
    events = Topic(name=f"{name}.events", schema="e", key="id", partitions=2, retention="2d")
    declared = [declaration(events, [name]), *line_topic_declarations(name, events)]
    names = [topic.name for topic in declared]
    steps = planned(admin, declared)
    told: list[Step] = []
    created = apply(admin, steps, told.append)
    assert set(created) == {step.name for step in steps if isinstance(step, Create)}
    assert [step.name for step in told] == created
    assert set(names) - {CONTROL_TOPIC} <= set(created)  # that one may be another test's

    existing = existing_topics(admin, names)
    again = plan(declared, existing)
    assert again == [Keep(topic) for topic in names]
    assert apply(admin, again) == []
    partitions, config, replication = existing[events.name]
    assert (partitions, replication) == (2, 1)
    assert config["message.timestamp.type"] == "LogAppendTime"
    assert config["retention.ms"] == str(2 * DAY_MS)
    assert existing[f"{name}.dlq"].config["max.message.bytes"] == str(DLQ_MESSAGE_MAX_BYTES)
    assert existing[CONTROL_TOPIC].partitions == 1
    assert existing[CONTROL_TOPIC].config["retention.ms"] == "-1"


def test_alter_then_keep(broker: str, name: str) -> None:
    """A topic that others made becomes as declared, as far as was allowed, and stays in use."""
    admin = admin_client(broker)
    foreign = {"message.timestamp.type": "CreateTime", "max.message.bytes": "3000000"}
    topic = f"{name}.events"
    others_make(admin, topic, 1, {**foreign, "retention.ms": str(9 * DAY_MS)})
    events = Topic(name=topic, schema="e", key="id", partitions=3, retention="2d")
    declared = [declaration(events, [name]), *line_topic_declarations(name, events)]
    with pytest.raises(LablineError, match="3 are declared"):
        apply(admin, planned(admin, declared))
    allowed = frozenset({topic})
    steps = planned(admin, declared, Words(grow=allowed, shorten=allowed))
    assert isinstance(steps[0], Alter)
    apply(admin, steps)
    found = existing_topics(admin, [topic, f"{name}.dlq"])
    assert found[topic].partitions == 3
    assert found[topic].config["retention.ms"] == str(2 * DAY_MS)
    assert found[topic].config["message.timestamp.type"] == "CreateTime"  # theirs
    assert found[f"{name}.dlq"].config["max.message.bytes"] == "6000000"
    (kept, *rest) = planned(admin, declared)
    assert isinstance(kept, Keep)
    assert [note.about for note in kept.notes] == ["message.timestamp.type"]
    assert rest == [Keep(each.name) for each in declared[1:]]
    producer = Producer(producer_config(broker))
    for partition in range(3):
        producer.produce(topic, b"v", partition=partition)
    assert producer.flush(30) == 0
    steps = planned(admin, declared, Words(append_time=allowed))
    assert apply(admin, steps) == [topic]
    assert planned(admin, declared) == [Keep(each.name) for each in declared]


def test_compaction_of_what_no_line_reads_ends(broker: str, name: str) -> None:
    admin = admin_client(broker)
    config = {"cleanup.policy": "compact", "message.timestamp.type": "LogAppendTime"}
    others_make(admin, name, 4, config)
    topic = Topic(name=name, schema="e", key="id")
    with pytest.raises(LablineError, match="LL-TOPIC-REFUSED"):
        apply(admin, planned(admin, [declaration(topic, ["a-line"])]))
    assert apply(admin, planned(admin, [declaration(topic)])) == [name]
    assert planned(admin, [declaration(topic)]) == [Keep(name)]
    assert existing_topics(admin, [name])[name].config["cleanup.policy"] == "delete"


def test_a_refusal_creates_nothing(broker: str, name: str) -> None:
    admin = admin_client(broker)
    two = Topic(name=f"{name}.two", schema="e", key="id", partitions=2)
    apply(admin, plan([declaration(two)], {}))
    three = two.model_copy(update={"partitions": 3})
    other = Topic(name=f"{name}.other", schema="e", key="id")
    with pytest.raises(LablineError, match="LL-TOPIC-REFUSED"):
        apply(admin, planned(admin, [declaration(other), declaration(three)]))
    assert existing_topics(admin, [other.name]) == {}


def test_a_race_is_no_error_and_kafkas_refusals_are(broker: str, name: str) -> None:
    admin = admin_client(broker)
    topic = Topic(name=f"{name}.race", schema="e", key="id")
    stale = plan([declaration(topic)], {})
    assert apply(admin, stale) == [topic.name]
    assert apply(admin, stale) == []
    wide = Topic(name=f"{name}.wide", schema="e", key="id", replication=9)
    with pytest.raises(LablineError, match="LL-TOPIC-CREATE"):
        apply(admin, plan([declaration(wide)], {}))
    for step in (
        Alter(topic.name, None, {"retention.ms": "soon"}, ()),
        Alter(topic.name, 2, {}, ()),  # has 4
    ):
        with pytest.raises(LablineError, match="LL-TOPIC-ALTER"):
            apply(admin, [step])


@pytest.fixture
def workspace(tmp_path: Path, broker: str, name: str) -> Path:
    """Give a workspace with one topic, one line, and a draft of a schema."""
    root = tmp_path / "ws"
    for folder in ("topics", "lines", f"schemas/{name}"):
        (root / folder).mkdir(parents=True)
    (root / "labline.toml").write_text(f'name = "ws"\nbootstrap = "{broker}"\n')
    (root / "topics/e.toml").write_text(
        f'name = "{name}.events"\nschema = "{name}"\nkey = "id"\npartitions = 2\nretention = "7d"\n'
    )
    (root / "lines/l.toml").write_text(
        f'name = "{name}"\nevents = "{name}.events"\nid = "id"\n[features]\nnumeric = ["x"]\n'
    )
    (root / f"schemas/{name}/v1.avsc").write_text(
        """{"type": "record", "name": "E", "fields": [
        {"name": "id", "type": "string"}, {"name": "x", "type": "double"},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"},
         "event_time": true}]}"""
    )
    return root


def labline(workspace: Path, *command: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["topics", *command, "-w", str(workspace)])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        assert isinstance(result.exception, LablineError | KafkaException)
        return 1, result.stdout, str(result.exception)
    return result.exit_code, result.stdout, result.stderr


def test_the_commands(workspace: Path, broker: str, name: str) -> None:
    topics_file = workspace / "topics/e.toml"
    text = topics_file.read_text()
    code, out, _ = labline(workspace, "plan")
    assert code == 0
    assert f"create {name}.events: 2 partitions, kept 7d" in out
    assert f"parity 7d ({name}.events, {name}.retry, {name}.journal, {name}.scores)" in out
    code, _, said = labline(workspace, "apply")
    assert code == 0
    assert f"released {name}@1" in said
    assert f"create {name}.journal: 2 partitions, kept 7d" in said
    assert labline(workspace, "apply") == (0, "", "nothing to do\n")

    topics_file.write_text(text.replace("7d", "3d").replace("partitions = 2", "partitions = 4"))
    code, out, _ = labline(workspace, "plan")
    assert code == 1
    assert f"--grow {name}.events" in out
    code, _, said = labline(workspace, "apply", "--grow", f"{name}.events")
    assert code == 1
    assert f"--shorten {name}.events" in said
    allowed = ["--grow", f"{name}.events", "--shorten", f"{name}.events"]
    code, _, said = labline(workspace, "apply", *allowed)
    assert code == 0
    assert "older is deleted" in said
    code, out, _ = labline(workspace, "plan", "--json")
    assert (code, '"back_ms": 259200000' in out) == (0, True)
    found = existing_topics(admin_client(broker), [f"{name}.events", f"{name}.scores"])
    assert {each.partitions for each in found.values()} == {4}

    code, out, _ = labline(workspace, "list", "--json")
    assert (code, f'"topic": "{name}.events", "role": "events of {name}"' in out) == (0, True)
    code, out, _ = labline(workspace, "list")
    assert (code, f"{name}.vitals" in out) == (0, True)
    _, _, said = labline(workspace, "apply", "--grow", f"{name}.event")
    assert f"did you mean {name}.events?" in said
