"""Topics: declarations are checked, plans are pure and idempotent."""

from pathlib import Path

import pytest

from labline.engine.errors import LablineError
from labline.topics.compare import NO_WORDS, Words
from labline.topics.declaration import Topic
from labline.topics.naming import CONTROL_TOPIC, check_name, line_topics
from labline.topics.plan import (
    DLQ_MESSAGE_MAX_BYTES,
    after,
    declaration,
    line_topic_declarations,
    plan,
)
from labline.topics.reach import Reach, reach
from labline.topics.steps import (
    Alter,
    BrokerTopic,
    Create,
    Declaration,
    Existing,
    Keep,
    Refuse,
    Step,
)

FLIGHTS = Path(__file__).parents[3] / "examples/flights"
EVENTS = Topic(name="flights", schema="flights", key="id", partitions=3, retention="30d")
LABELS = Topic(name="landed", schema="landed", key="id", partitions=3)


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
    assert (FLIGHTS / "schemas" / departed.subject / "v1.avsc").is_file()


def test_defaults(tmp_path: Path) -> None:
    topic = load(tmp_path, 'name = "a"\nschema = "a"\nkey = "k"')
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
        load(tmp_path, f'name = "a"\nschema = "a"\nkey = "k"\n{line}')
    assert said in str(caught.value)


@pytest.mark.parametrize("name", ["lab.runs", "labline.control", "a b", "", "x" * 250])
def test_invalid_names(tmp_path: Path, name: str) -> None:
    with pytest.raises(LablineError, match=r"LL-FILE-INVALID: topics/t\.toml: name"):
        load(tmp_path, f'name = "{name}"\nschema = "a"\nkey = "k"')


def test_schemas_stay_in_their_folder(tmp_path: Path) -> None:
    with pytest.raises(LablineError, match="schema"):
        load(tmp_path, 'name = "a"\nschema = "../a"\nkey = "k"')


def test_a_file_named_as_before_says_where_to_move_it(tmp_path: Path) -> None:
    with pytest.raises(LablineError, match="LL-FILE-INVALID") as caught:
        load(tmp_path, 'name = "a"\nschema = "a.avsc"\nkey = "k"')
    assert 'move schemas/a.avsc to schemas/a/v1.avsc and write "a"' in caught.value.message


def test_compatibility_is_a_registrys_word(tmp_path: Path) -> None:
    text = 'name = "a"\nschema = "a"\nkey = "k"\n'
    assert load(tmp_path, text).compatibility == "BACKWARD_TRANSITIVE"
    assert load(tmp_path, text + 'compatibility = "FULL"').compatibility == "FULL"
    with pytest.raises(LablineError, match="compatibility"):
        load(tmp_path, text + 'compatibility = "SIDEWAYS"')


def test_not_toml(tmp_path: Path) -> None:
    with pytest.raises(LablineError, match=r"LL-FILE-SYNTAX: t\.toml"):
        load(tmp_path, "name =")


@pytest.mark.parametrize("name", [".", "..", "a/b", "a" * 250, "é", "a\n"])
def test_names_kafka_refuses(name: str) -> None:
    with pytest.raises(LablineError, match="LL-TOPIC-NAME"):
        check_name(name)


DAY_MS = 86_400_000


def test_a_lines_topics() -> None:
    made = {topic.name: topic for topic in line_topic_declarations("delay", EVENTS, LABELS)}
    names = line_topics("delay")
    assert list(made) == [*names, CONTROL_TOPIC]
    assert {made[name].partitions for name in names} == {3}
    for topic in made.values():
        assert topic.config["cleanup.policy"] == "delete"
        assert topic.config["message.timestamp.type"] == "LogAppendTime"
        assert topic.config["retention.bytes"] == "-1"
    assert made[names.scores].config["retention.ms"] == str(30 * DAY_MS)
    assert made[names.journal].config["retention.ms"] == "-1"  # the labels are kept for ever
    for name in (names.dlq, names.retry):
        assert made[name].config["max.message.bytes"] == str(DLQ_MESSAGE_MAX_BYTES)
    assert made[CONTROL_TOPIC].partitions == 1
    assert made[CONTROL_TOPIC].config["retention.ms"] == "-1"


def line_declarations(events: Topic = EVENTS, labels: Topic = LABELS) -> list[Declaration]:
    inputs = [declaration(topic, ["delay"]) for topic in (events, labels)]
    return [*inputs, *line_topic_declarations("delay", events, labels)]


def as_declared(declared: list[Declaration]) -> dict[str, BrokerTopic]:
    return {topic.name: BrokerTopic(topic.partitions, topic.config) for topic in declared}


def one(topic: Declaration, words: Words = NO_WORDS, partitions: int = 3, **config: str) -> Step:
    """Plan for one topic that is there with other settings (written with _ for .)."""
    told = {key.replace("_", "."): value for key, value in config.items()}
    (step,) = plan([topic], {topic.name: BrokerTopic(partitions, {**topic.config, **told})}, words)
    return step


def test_a_plan_applied_is_a_plan_of_nothing() -> None:
    declared = line_declarations()
    steps = plan(declared, {})
    assert steps == [Create(topic) for topic in declared]
    assert plan(declared, as_declared(declared)) == [Keep(topic.name) for topic in declared]


def test_an_alteration_applied_is_a_plan_of_nothing() -> None:
    declared = line_declarations()
    words = Words(*[frozenset({EVENTS.name, LABELS.name})] * 3)
    told = {
        "retention.ms": "7",
        "message.timestamp.type": "CreateTime",
        "max.message.bytes": "1000",
        "retention.bytes": "1000",
    }
    existing: Existing = {t.name: BrokerTopic(1, {**t.config, **told}) for t in declared}
    steps = plan(declared, existing, words)
    assert not [step for step in steps if not isinstance(step, Alter)]
    configs = after(steps, existing)
    done = {
        step.name: BrokerTopic(step.partitions or 1, configs[step.name])
        for step in steps
        if isinstance(step, Alter)
    }
    again = plan(declared, done, words)
    assert [type(step) for step in again] == [Keep] * len(declared)
    # what its owner may want for a topic of theirs is only said
    assert [len(step.notes) for step in again if isinstance(step, Keep)][:3] == [1, 1, 0]


def test_partitions_never_shrink() -> None:
    for words in (NO_WORDS, Words(grow=frozenset({EVENTS.name}))):
        step = one(declaration(EVENTS), words, partitions=4)
        assert isinstance(step, Refuse)
        assert step.reason == "it has 4 partitions, 3 are declared; partitions never shrink"


def test_partitions_grow_by_a_word_only() -> None:
    step = one(declaration(EVENTS), partitions=1)
    assert isinstance(step, Refuse)
    assert "--grow flights" in step.remedy
    assert isinstance(one(declaration(EVENTS), Words(grow=frozenset({"landed"})), 1), Refuse)
    step = one(declaration(EVENTS), Words(grow=frozenset({"flights"})), 1)
    assert isinstance(step, Alter)
    assert (step.partitions, step.config) == (3, {})


def test_what_a_line_writes_grows_with_its_events() -> None:
    declared = line_declarations()
    existing = {topic.name: BrokerTopic(1, topic.config) for topic in declared}
    grow = frozenset({EVENTS.name})
    refused = [s.name for s in plan(declared, existing, Words(grow)) if isinstance(s, Refuse)]
    assert refused == [LABELS.name]
    both = Words(grow | {LABELS.name})
    steps = plan(declared, existing, both)
    assert [s.name for s in steps if not isinstance(s, Alter)] == [CONTROL_TOPIC]


def test_events_and_labels_declared_unlike_are_refused() -> None:
    declared = line_declarations(labels=LABELS.model_copy(update={"partitions": 4}))
    steps = plan(declared, {})
    refused = [step for step in steps if isinstance(step, Refuse)]
    assert [step.name for step in refused] == [EVENTS.name, LABELS.name]
    assert "flights has 3, landed has 4" in refused[0].reason


def test_a_line_found_unpaired_is_refused() -> None:
    declared = line_declarations()
    for name in (LABELS.name, line_topics("delay").journal):
        for count in (2, 5):
            existing = as_declared(declared)
            existing[name] = BrokerTopic(count, existing[name].config)
            steps = plan(declared, existing)
            assert [step.name for step in steps if isinstance(step, Refuse)] == [name]


@pytest.mark.parametrize("policy", ["compact", "compact,delete"])
def test_compaction_is_refused_for_all_that_a_line_folds(policy: str) -> None:
    for topic in line_declarations():
        step = one(topic, partitions=topic.partitions, cleanup_policy=policy)
        assert isinstance(step, Refuse), topic.name
        assert policy in step.reason


def test_compaction_of_another_topic_ends_where_that_deletes_nothing() -> None:
    step = one(declaration(LABELS), cleanup_policy="compact")
    assert isinstance(step, Alter)
    assert step.config == {"cleanup.policy": "delete"}
    assert isinstance(one(declaration(EVENTS), cleanup_policy="compact"), Refuse)  # kept 30 days
    # there, what is older than that goes in any case
    assert isinstance(one(declaration(EVENTS), cleanup_policy="compact,delete"), Alter)


def test_a_longer_retention_is_set_at_once() -> None:
    step = one(declaration(EVENTS), retention_ms=str(7 * DAY_MS))
    assert step == Alter(
        EVENTS.name, None, {"retention.ms": str(30 * DAY_MS)}, ("kept 30d instead of 7d",)
    )


@pytest.mark.parametrize("found", ["-1", str(31 * DAY_MS)])
def test_a_shorter_retention_needs_a_word(found: str) -> None:
    step = one(declaration(EVENTS), retention_ms=found)
    assert isinstance(step, Refuse)
    assert "what is older would be deleted" in step.reason
    assert "--shorten flights" in step.remedy
    step = one(declaration(EVENTS), Words(shorten=frozenset({"flights"})), retention_ms=found)
    assert isinstance(step, Alter)
    assert step.config == {"retention.ms": str(30 * DAY_MS)}
    assert "older is deleted" in str(step)


def test_what_a_line_wrote_may_be_kept_longer() -> None:
    scores = line_topic_declarations("delay", EVENTS)[0]
    step = one(scores, retention_ms="-1")
    assert isinstance(step, Keep)
    assert "keeps records for ever" in str(step)
    step = one(scores, Words(shorten=frozenset({scores.name})), retention_ms="-1")
    assert isinstance(step, Alter)


def test_publishers_timestamps_are_theirs() -> None:
    step = one(declaration(EVENTS), message_timestamp_type="CreateTime")
    assert isinstance(step, Keep)
    assert "--append-time flights" in step.notes[0].remedy
    words = Words(append_time=frozenset({"flights"}))
    step = one(declaration(EVENTS), words, message_timestamp_type="CreateTime")
    assert isinstance(step, Alter)
    assert step.config == {"message.timestamp.type": "LogAppendTime"}
    scores = line_topic_declarations("delay", EVENTS)[0]
    assert isinstance(one(scores, message_timestamp_type="CreateTime"), Alter)


def test_dead_letters_have_twice_the_room() -> None:
    declared = line_declarations()
    existing = as_declared(declared)
    larger = {**existing[LABELS.name].config, "max.message.bytes": "5000000"}
    existing[LABELS.name] = BrokerTopic(3, larger)
    steps = {step.name: step for step in plan(declared, existing)}
    names = line_topics("delay")
    for name in (names.dlq, names.retry):
        step = steps.pop(name)
        assert isinstance(step, Alter)
        assert step.config == {"max.message.bytes": "10000000"}
    assert {type(step) for step in steps.values()} == {Keep}
    del existing[names.dlq]
    created = [step for step in plan(declared, existing) if isinstance(step, Create)]
    assert created[0].topic.config["max.message.bytes"] == "10000000"


def test_copies_are_only_noted() -> None:
    topic = declaration(EVENTS)
    (step,) = plan([topic], {topic.name: BrokerTopic(3, topic.config, replication=2)})
    assert isinstance(step, Keep)
    assert "2 copies, 1 are declared" in str(step)


def configs(**other: dict[str, str]) -> dict[str, dict[str, str]]:
    names = [EVENTS.name, LABELS.name, *line_topics("delay"), CONTROL_TOPIC]
    told = {name: {"retention.ms": "-1"} for name in names}
    return told | {name.replace("_", "."): config for name, config in other.items()}


def kept(days: int) -> dict[str, str]:
    return {"retention.ms": str(days * DAY_MS)}


def test_reach_is_the_shortest_retention_and_says_whose() -> None:
    found = reach("delay", "flights", "landed", configs())
    assert found == [Reach(w, -1, (), ()) for w in ("parity", "rebuild", "rollback")]
    told = configs(flights=kept(9), landed=kept(5), delay_journal=kept(5), delay_scores=kept(3))
    parity, rebuild, rollback = reach("delay", "flights", "landed", told)
    assert parity == Reach("parity", 3 * DAY_MS, ("delay.scores",), ())
    assert rebuild == Reach("rebuild", 5 * DAY_MS, ("landed", "delay.journal"), ())
    assert rollback[1:] == rebuild[1:]
    told[CONTROL_TOPIC] = kept(1)  # where the revisions are
    _, rebuild, rollback = reach("delay", "flights", "landed", told)
    assert (rebuild.back_ms, rollback.back_ms) == (5 * DAY_MS, DAY_MS)
    # dead letters, shadow scores and vitals are read by none of the three
    told = configs(delay_dlq=kept(1), delay_shadow=kept(1), delay_vitals=kept(1))
    assert {each.back_ms for each in reach("delay", "flights", "landed", told)} == {-1}


def test_reach_doubts_what_retention_does_not_tell() -> None:
    stamped = {**kept(5), "message.timestamp.type": "CreateTime"}
    told = configs(flights=stamped, delay_retry={"retention.ms": "-1", "retention.bytes": "99"})
    (parity, *_) = reach("delay", "flights", None, told)
    assert parity.back_ms == 5 * DAY_MS
    assert parity.doubts == (
        "less where publishers of flights stamped records with a past time",
        "less when a partition of delay.retry exceeds 99 bytes",
    )


def test_reach_follows_the_plan() -> None:
    declared = line_declarations()
    existing = as_declared(declared)
    existing[EVENTS.name] = BrokerTopic(3, {**existing[EVENTS.name].config, **kept(7)})
    steps = plan(declared, existing)  # lengthens it to 30 days
    (parity, *_) = reach("delay", EVENTS.name, LABELS.name, after(steps, existing))
    assert parity.back_ms == 30 * DAY_MS
