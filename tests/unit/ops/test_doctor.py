"""The doctor's judgement, from facts alone."""

import json
from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console

from labline.engine.cli.doctor import doctor_json, doctor_view
from labline.engine.errors import LablineError
from labline.engine.ops.doctor import TRANSACTION_MAX_MS, diagnose
from labline.engine.ops.health import Broker, Facts, Finding, Held, Inputs, Replicas, Sample
from labline.topics.declaration import Topic
from labline.topics.naming import line_topics
from labline.topics.plan import declaration, line_topic_declarations
from labline.topics.steps import BrokerTopic

EVENTS = Topic(name="flights", schema="f", key="id", partitions=3)
LABELS = Topic(name="landed", schema="l", key="id", partitions=3)
DECLARED = (
    declaration(EVENTS, ["delay"]),
    declaration(LABELS, ["delay"]),
    *line_topic_declarations("delay", EVENTS, LABELS),
)
SOUND = Facts(
    lines={"delay": Inputs("flights", "landed")},
    own=("flights", "landed"),
    declared=DECLARED,
    versions=2,
    broker=Broker("h:1", 1, "4.0 or newer"),
    existing={topic.name: BrokerTopic(topic.partitions, topic.config) for topic in DECLARED},
    replicas={topic.name: Replicas(0, 0) for topic in DECLARED},
    samples={"flights": Sample(1_000), "landed": Sample(0)},
    now_ms=10_000_000,
)


def found(facts: Facts, **config: str) -> Facts:
    """Return the facts with other settings of the event topic (written with _ for .)."""
    return changed(facts, "flights", **config)


def changed(facts: Facts, topic: str, **config: str) -> Facts:
    told = {key.replace("_", "."): value for key, value in config.items()}
    old = facts.existing[topic]
    new = old._replace(config={**old.config, **told})
    return replace(facts, existing={**facts.existing, topic: new})


def wrong(facts: Facts) -> list[Finding]:
    return [finding for finding in diagnose(facts) if finding.severity != "ok"]


def copies(facts: Facts, brokers: int, replication: int, **config: str) -> Facts:
    existing = {
        name: each._replace(
            replication=replication,
            config={**each.config, **{k.replace("_", "."): v for k, v in config.items()}},
        )
        for name, each in facts.existing.items()
    }
    return replace(facts, broker=Broker("h:1", brokers, None), existing=existing)


def test_all_is_well() -> None:
    findings = diagnose(SOUND)
    assert wrong(SOUND) == []
    areas = list(dict.fromkeys(finding.area for finding in findings))
    assert areas == [
        "workspace", "schemas", "broker", "topics", "partitions", "time", "dead letters",
        "copies", "isolation", "keys",
    ]  # fmt: skip
    assert not any(finding.fix for finding in findings)


def test_without_a_broker_its_topics_are_not_judged() -> None:
    silent = LablineError("LL-BROKER-SILENT", "h:1 does not answer", "labline up")
    findings = diagnose(replace(SOUND, broker=silent, existing={}))
    assert [finding.area for finding in findings] == ["workspace", "schemas", "broker"]
    assert (findings[-1].code, findings[-1].fix) == ("LL-BROKER-SILENT", "labline up")


def test_files_and_schemas() -> None:
    error = LablineError("LL-FILE-INVALID", "topics/a.toml: partitons", "did you mean partitions?")
    unfit = LablineError("LL-SCHEMA-INCOMPATIBLE", "v2 breaks BACKWARD", "mend it")
    facts = replace(SOUND, unreadable=(error,), unfit=(unfit,), drafts=("f@3",))
    assert [(f.severity, f.code) for f in wrong(facts)] == [
        ("error", "LL-FILE-INVALID"),
        ("error", "LL-SCHEMA-INCOMPATIBLE"),
        ("warn", "LL-SCHEMA-DRAFT"),
    ]


def test_missing_topics_are_one_finding_and_a_missing_inbox_another() -> None:
    findings = wrong(replace(SOUND, existing={}))
    assert [finding.code for finding in findings] == ["LL-TOPIC-MISSING", "LL-DOCTOR-DLQ"]
    assert "flights, landed, delay.scores and 6 more are declared" in findings[0].sentence
    assert {finding.fix for finding in findings} == {"labline topics apply"}


def test_a_compacted_topic_is_an_error_with_its_remedy() -> None:
    (finding,) = wrong(found(SOUND, cleanup_policy="compact"))
    assert (finding.severity, finding.code) == ("error", "LL-TOPIC-REFUSED")
    assert "republish" in finding.fix


def test_another_retention_is_a_warning() -> None:
    (finding,) = wrong(found(SOUND, retention_ms="86400000"))
    assert (finding.severity, finding.code) == ("warn", "LL-TOPIC-DIFFERS")
    assert "kept for ever instead of 1d" in finding.sentence


def test_topics_that_do_not_pair() -> None:
    existing = {**SOUND.existing, "landed": SOUND.existing["landed"]._replace(partitions=5)}
    findings = {f.area: f for f in wrong(replace(SOUND, existing=existing))}
    assert set(findings) == {"topics", "partitions"}
    assert "flights has 3, landed has 5" in findings["partitions"].sentence


def test_publishers_timestamps() -> None:
    (finding,) = wrong(found(SOUND, message_timestamp_type="CreateTime"))
    assert (finding.severity, finding.area) == ("warn", "time")
    assert "--append-time flights" in finding.fix


def test_a_line_without_room_for_its_dead_letters() -> None:
    findings = wrong(found(SOUND, max_message_bytes="9000000"))
    assert ("error", "dead letters") in [(f.severity, f.area) for f in findings]
    names = line_topics("delay")
    roomy = found(SOUND, max_message_bytes="9000000")
    for name in (names.dlq, names.retry):
        roomy = changed(roomy, name, max_message_bytes="18000000")
    assert wrong(roomy) == []
    tight = changed(roomy, names.dlq, max_message_bytes="17999999")
    assert ("error", "dead letters") in [(f.severity, f.area) for f in wrong(tight)]


@pytest.mark.parametrize(
    ("brokers", "replication", "acks", "said"),
    [
        (3, 1, "1", ["fewer than 3 copies on 3 brokers"]),
        (3, 3, "1", ["as soon as one copy is written"]),
        (3, 3, "4", ["writes fail"]),
        (2, 1, "1", ["fewer than 2 copies"]),
        (3, 3, "2", []),
        (1, 1, "1", []),
    ],
)
def test_copies(brokers: int, replication: int, acks: str, said: list[str]) -> None:
    facts = copies(SOUND, brokers, replication, min_insync_replicas=acks)
    sentences = [finding.sentence for finding in wrong(facts) if finding.area == "copies"]
    assert len(sentences) == len(said)
    assert all(part in sentence for part, sentence in zip(said, sentences, strict=True))


def test_partitions_without_a_leader_or_behind() -> None:
    replicas = {**SOUND.replicas, "flights": Replicas(1, 0), "landed": Replicas(0, 2)}
    findings = wrong(replace(SOUND, replicas=replicas))
    assert [(finding.severity, finding.area) for finding in findings] == [
        ("error", "copies"),
        ("warn", "copies"),
    ]


def test_only_a_transaction_that_hangs_is_a_finding() -> None:
    begun = SOUND.now_ms - TRANSACTION_MAX_MS
    assert wrong(replace(SOUND, held=(Held("delay.scores", 0, 3, begun),))) == []
    (finding,) = wrong(replace(SOUND, held=(Held("delay.scores", 0, 3, begun - 60_000),)))
    assert "delay.scores/0: a transaction open for 16 minutes" in finding.sentence


def test_keys_that_lie_elsewhere() -> None:
    facts = replace(SOUND, samples={"flights": Sample(1_000, 10, 660, 660), "landed": Sample(9)})
    misplaced, keyless = wrong(facts)
    assert (misplaced.severity, keyless.severity) == ("error", "warn")
    assert "1,000 records, 660 lie in another partition" in misplaced.sentence
    assert "as librdkafka does by default" in misplaced.sentence
    assert "partitioner=murmur2_random" in misplaced.fix
    other = replace(facts, samples={"flights": Sample(1_000, 0, 660, 300)})
    assert "librdkafka does" not in wrong(other)[0].sentence


def test_a_topic_that_could_not_be_read() -> None:
    (finding,) = wrong(replace(SOUND, samples={"flights": "no leader", "landed": Sample(1)}))
    assert finding.sentence == "flights could not be read: no leader"


def test_what_people_and_programs_read() -> None:
    findings = [
        Finding("ok", "broker", "LL-DOCTOR-BROKER", "h:1 answers"),
        Finding("warn", "keys", "LL-DOCTOR-KEYS", "[red]two[/red] have no key", "give them one"),
        Finding("error", "keys", "LL-DOCTOR-KEYS", "three lie elsewhere", "republish them"),
    ]
    out = StringIO()
    Console(file=out, width=70).print(doctor_view(findings))
    lines = [line.rstrip() for line in out.getvalue().splitlines()]
    assert lines == [
        "✓  broker  h:1 answers",
        "!  keys    [red]two[/red] have no key  LL-DOCTOR-KEYS",
        "           → give them one",
        "✗          three lie elsewhere  LL-DOCTOR-KEYS",
        "           → republish them",
        "",
        "1 error · 1 warning · 1 fine",
    ]
    told = json.loads(json.dumps(doctor_json(findings)))
    assert (told["errors"], told["warnings"], len(told["findings"])) == (1, 1, 3)
    assert told["findings"][1]["fix"] == "give them one"
