"""The doctor against a real Kafka: well, and ill in ways that it must name."""

import json
import time
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import NewTopic
from typer.testing import CliRunner

from labline.engine.broker.clients import admin_client, producer_config
from labline.engine.broker.reader import partition_offsets
from labline.engine.cli.main import app
from labline.engine.ops.doctor import TRANSACTION_MAX_MS, diagnose
from labline.engine.ops.doctor_facts import SAMPLE_RECORDS, fetch_facts
from labline.engine.ops.health import Broker, Finding, Sample
from labline.engine.workspace.catalogue import catalogue
from labline.engine.workspace.releasing import release_drafts
from labline.engine.workspace.workspace import Workspace
from labline.topics.apply import apply, existing_topics
from labline.topics.plan import plan

SCHEMA = """{"type": "record", "name": "E", "fields": [
    {"name": "id", "type": "string"}, {"name": "x", "type": "double"},
    {"name": "y", "type": "boolean"},
    {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "event_time": true}
]}"""
LINE = """name = "{name}"
events = "{name}.events"
id = "id"
labels = "{name}.labels"
refers_to = "id"
label = "y"
[features]
numeric = ["x"]
"""


@pytest.fixture
def space(tmp_path: Path, broker: str, name: str) -> Workspace:
    """Give a workspace with a line, its topics there, its schema released."""
    for folder in ("topics", "lines", "schemas/e"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "labline.toml").write_text(f'name = "ws"\nbootstrap = "{broker}"\n')
    for kind in ("events", "labels"):
        (tmp_path / f"topics/{kind}.toml").write_text(
            f'name = "{name}.{kind}"\nschema = "e"\nkey = "id"\npartitions = 3\n'
        )
    (tmp_path / "lines/l.toml").write_text(LINE.format(name=name))
    (tmp_path / "schemas/e/v1.avsc").write_text(SCHEMA)
    space = Workspace(tmp_path)
    release_drafts(space)
    admin, wanted = admin_client(broker), catalogue(space)
    apply(admin, plan(wanted, existing_topics(admin, [topic.name for topic in wanted])))
    return space


def publish(broker: str, topic: str, count: int, **config: object) -> None:
    producer = Producer(
        {**producer_config(broker), **{k.replace("_", "."): v for k, v in config.items()}}
    )
    for number in range(count):
        producer.produce(topic, b"v", key=f"key-{number}")
    assert producer.flush(30) == 0


def wrong(space: Workspace) -> list[Finding]:
    return [each for each in diagnose(fetch_facts(space)) if each.severity != "ok"]


def run(space: Workspace, *options: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["doctor", "-w", str(space.root), *options])
    return result.exit_code, result.stdout


def test_a_sound_workspace(space: Workspace, broker: str, name: str) -> None:
    for kind in ("events", "labels"):
        publish(broker, f"{name}.{kind}", 3 * SAMPLE_RECORDS)
    facts = fetch_facts(space)
    assert not wrong(space)
    assert facts.broker == Broker(broker, 1, "4.0 or newer")
    assert len(facts.existing) == len(facts.declared) == 9
    for kind in ("events", "labels"):  # bounded, and not one is elsewhere
        sample = facts.samples[f"{name}.{kind}"]
        assert sample == Sample(SAMPLE_RECORDS // 3 * 3)
    code, out = run(space)
    assert (code, "All is well." in out) == (0, True)
    code, out = run(space, "--json")
    told = json.loads(out)
    assert (code, told["errors"], told["warnings"]) == (0, 0, 0)
    assert {"severity", "area", "code", "sentence", "fix"} == set(told["findings"][0])


def test_it_joins_no_group_and_writes_nothing(space: Workspace, broker: str, name: str) -> None:
    publish(broker, f"{name}.events", 10)
    admin = admin_client(broker)
    names = [topic.name for topic in catalogue(space)]
    before = existing_topics(admin, names), partition_offsets(broker, names)
    fetch_facts(space)
    assert (existing_topics(admin, names), partition_offsets(broker, names)) == before
    groups = {group.group_id for group in admin.list_consumer_groups().result().valid}
    assert "labline.reader" not in groups


@pytest.mark.parametrize(
    ("partitioner", "cause"), [("consistent_random", True), ("fnv1a_random", False)]
)
def test_keys_of_another_partitioner(
    space: Workspace, broker: str, name: str, partitioner: str, cause: bool
) -> None:
    publish(broker, f"{name}.events", 300)
    publish(broker, f"{name}.labels", 300, partitioner=partitioner)
    sample = fetch_facts(space).samples[f"{name}.labels"]
    assert sample.records == 300
    assert 100 < sample.elsewhere < 300
    (finding,) = wrong(space)
    assert (finding.severity, finding.code) == ("error", "LL-DOCTOR-KEYS")
    assert f"{name}.labels: of the newest 300 records, {sample.elsewhere} lie" in finding.sentence
    assert ("as librdkafka does by default" in finding.sentence) == cause
    assert "partitioner=murmur2_random" in finding.fix
    code, out = run(space)
    assert (code, "1 error" in out) == (1, True)


def test_only_the_newest_records_count(space: Workspace, broker: str, name: str) -> None:
    """A publisher that was mended is forgiven: what lies elsewhere is in the past."""
    publish(broker, f"{name}.events", 50, partitioner="consistent_random")
    assert wrong(space)
    publish(broker, f"{name}.events", 2 * SAMPLE_RECORDS)
    assert not wrong(space)


def test_records_without_a_key(space: Workspace, broker: str, name: str) -> None:
    producer = Producer(producer_config(broker))
    for _ in range(5):
        producer.produce(f"{name}.events", b"v")
    assert producer.flush(30) == 0
    (finding,) = wrong(space)
    assert (finding.severity, "5 have no key" in finding.sentence) == ("warn", True)


def test_topics_that_are_not_as_declared(space: Workspace, broker: str, name: str) -> None:
    admin = admin_client(broker)
    doomed = [f"{name}.events", f"{name}.labels", f"{name}.dlq"]
    for future in admin.delete_topics(doomed).values():
        future.result()
    _until_gone(broker, doomed)
    stamp = {"message.timestamp.type": "CreateTime", "cleanup.policy": "compact"}
    made = [NewTopic(f"{name}.events", 3, 1, config=stamp), NewTopic(f"{name}.labels", 2, 1)]
    for future in admin.create_topics(made).values():
        future.result()
    deadline = time.monotonic() + 30
    while len(existing_topics(admin, doomed)) < 2:
        assert time.monotonic() < deadline
    findings = wrong(space)
    assert {(finding.severity, finding.code) for finding in findings} == {
        ("error", "LL-TOPIC-MISSING"),  # the inbox
        ("error", "LL-TOPIC-REFUSED"),  # compacted; two partitions
        ("error", "LL-LINE-PARTITIONS"),
        ("warn", "LL-DOCTOR-TIME"),
        ("error", "LL-DOCTOR-DLQ"),
    }
    assert all(finding.fix for finding in findings)
    code, out = run(space)
    assert (code, f"--append-time {name}.events" in " ".join(out.split())) == (1, True)


def _until_gone(broker: str, names: list[str]) -> None:
    admin = admin_client(broker)
    deadline = time.monotonic() + 30
    while existing_topics(admin, names):
        assert time.monotonic() < deadline


def test_a_transaction_that_hangs(space: Workspace, broker: str, name: str) -> None:
    scores = f"{name}.scores"
    publish(broker, scores, 4)
    producer = Producer(producer_config(broker, transactional_id=f"t-{uuid4()}"))
    producer.init_transactions(30)
    producer.begin_transaction()
    for _ in range(3):
        producer.produce(scores, b"held", partition=1)
    producer.flush(30)
    facts = fetch_facts(space)
    (held,) = facts.held
    assert (held.topic, held.partition, held.offsets) == (scores, 1, 3)
    assert not [f for f in diagnose(facts) if f.severity != "ok"]  # it may still end
    later = replace(facts, now_ms=held.since_ms + TRANSACTION_MAX_MS + 1)
    (finding,) = [f for f in diagnose(later) if f.severity != "ok"]
    assert finding.area == "isolation"
    producer.abort_transaction(30)
    assert fetch_facts(space).held == ()


def test_files_schemas_and_no_broker(space: Workspace) -> None:
    root = space.root
    for kind, text in (("events", "partitons = 3"), ("labels", "format = 'xml'")):
        path = root / f"topics/{kind}.toml"
        path.write_text(path.read_text() + text)
    findings = wrong(Workspace(root))
    assert [finding.code for finding in findings] == ["LL-FILE-INVALID", "LL-FILE-INVALID"]
    code, out = run(space, "--bootstrap", "127.0.0.1:1")
    assert code == 1
    assert "LL-BROKER-SILENT" in out


def test_a_draft_and_a_version_that_may_not_follow(space: Workspace) -> None:
    second = space.root / "schemas/e/v2.avsc"
    second.write_text(SCHEMA)
    (finding,) = wrong(Workspace(space.root))
    assert (finding.severity, finding.code) == ("warn", "LL-SCHEMA-DRAFT")
    second.write_text(SCHEMA.replace('"double"', '"boolean"'))
    codes = {finding.code for finding in wrong(Workspace(space.root))}
    assert "LL-SCHEMA-INCOMPATIBLE" in codes


def test_a_registry_that_is_away(space: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABLINE_SCHEMA_REGISTRY", "http://127.0.0.1:1")
    (finding,) = wrong(Workspace(space.root))
    assert (finding.severity, finding.area, finding.code) == (
        "error",
        "schemas",
        "LL-REGISTRY-AWAY",
    )


def test_a_registry_that_agrees(
    space: Workspace, registry: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LABLINE_SCHEMA_REGISTRY", registry)
    facts = fetch_facts(Workspace(space.root))
    assert (facts.registry, facts.unfit) == (registry, ())
