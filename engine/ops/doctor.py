"""What is wrong with a workspace and its Kafka, and what mends it: pure, from fetched facts.

Each check says at least one thing: that all is well counts too.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias

from labline.engine.errors import LablineError
from labline.engine.ops.health import Broker, Facts, Finding, Sample
from labline.topics.compare import REPLICATION, SIZE, STAMP
from labline.topics.naming import line_topics
from labline.topics.plan import MESSAGE_MAX_BYTES, plan
from labline.topics.steps import Alter, BrokerTopic, Create, Keep, Refuse

APPLY = "labline topics apply"
COPIES = 3  # what Kafka's own operators ask for
#: Kafka's own limit for a transaction; one that is open longer hangs
TRANSACTION_MAX_MS = 15 * 60_000
NAMES_SHOWN = 3

Check: TypeAlias = Callable[[Facts], Iterator[Finding]]


def diagnose(facts: Facts) -> list[Finding]:
    """Return what every check that could be made has to say.

    Examples
    --------
    >>> error = LablineError("LL-BROKER-UNKNOWN", "no Kafka was named", "labline up starts one")
    >>> for finding in diagnose(Facts(broker=error)):
    ...     print(finding.severity, finding.area, finding.sentence, sep=": ")
    ok: workspace: 0 topics and 0 lines are declared without a mistake
    error: broker: no Kafka was named
    """
    checks: list[Check] = [_workspace, _schemas, _broker]
    if not isinstance(facts.broker, LablineError):
        checks += [_topics, _pairing, _time, _dead_letters, _copies, _isolation, _keys]
    return [finding for check in checks for finding in check(facts)]


def _workspace(facts: Facts) -> Iterator[Finding]:
    for error in facts.unreadable:
        yield Finding("error", "workspace", error.code, error.message, error.remedy)
    if not facts.unreadable:
        counts = f"{_count(facts.own, 'topic')} and {_count(facts.lines, 'line')}"
        said = f"{counts} are declared without a mistake"
        yield Finding("ok", "workspace", "LL-DOCTOR-WORKSPACE", said)


def _schemas(facts: Facts) -> Iterator[Finding]:
    for error in facts.unfit:
        yield Finding("error", "schemas", error.code, error.message, error.remedy)
    if facts.drafts:
        verb = "is a draft" if len(facts.drafts) == 1 else "are drafts"
        said = f"{_named(facts.drafts)} {verb}: nobody can publish with it"
        yield Finding("warn", "schemas", "LL-SCHEMA-DRAFT", said, "labline schemas register")
    if facts.versions is not None and not facts.unfit:
        asked = f"; the registry at {facts.registry} agrees" if facts.registry else ""
        count = _count(range(facts.versions), "version")
        said = f"{count}, and each gets on with those before it{asked}"
        yield Finding("ok", "schemas", "LL-DOCTOR-SCHEMAS", said)


def _broker(facts: Facts) -> Iterator[Finding]:
    if isinstance(facts.broker, LablineError):
        error = facts.broker
        yield Finding("error", "broker", error.code, error.message, error.remedy)
    elif facts.broker is not None:
        version = f"Kafka {facts.broker.version}, " if facts.broker.version else ""
        count = _count(range(facts.broker.brokers), "broker")
        said = f"{facts.broker.bootstrap} answers: {version}{count}"
        yield Finding("ok", "broker", "LL-DOCTOR-BROKER", said)


def _topics(facts: Facts) -> Iterator[Finding]:
    steps = plan(facts.declared, facts.existing)
    missing = [step.name for step in steps if isinstance(step, Create)]
    if missing:
        verb = "is" if len(missing) == 1 else "are"
        said = f"{_named(missing)} {verb} declared, but not there"
        yield Finding("error", "topics", "LL-TOPIC-MISSING", said, APPLY)
    as_declared = 0
    for step in steps:
        if isinstance(step, Refuse):
            said = f"{step.name}: {step.reason}"
            yield Finding("error", "topics", "LL-TOPIC-REFUSED", said, step.remedy)
        elif isinstance(step, Alter):
            said = f"{step.name} is not as declared; it would become so: {'; '.join(step.says)}"
            yield Finding("warn", "topics", "LL-TOPIC-DIFFERS", said, APPLY)
        elif isinstance(step, Keep):
            as_declared += 1
        if isinstance(step, Alter | Keep):
            for note in step.notes:
                if note.about not in (STAMP, REPLICATION):  # areas of their own
                    said = f"{step.name}: {note.text}"
                    yield Finding("warn", "topics", "LL-TOPIC-DIFFERS", said, note.remedy)
    if as_declared and as_declared == len(steps):
        said = f"{_count(steps, 'topic')} as declared"
        yield Finding("ok", "topics", "LL-DOCTOR-TOPICS", said)


def _pairing(facts: Facts) -> Iterator[Finding]:
    """Check that a line's topics have the same number of partitions in Kafka."""
    for line in facts.lines:
        counts = {
            topic.name: facts.existing[topic.name].partitions
            for topic in facts.declared
            if line in topic.lines and topic.name in facts.existing
        }
        if len(set(counts.values())) > 1:
            said = ", ".join(f"{name} has {count}" for name, count in counts.items())
            yield Finding(
                "error",
                "partitions",
                "LL-LINE-PARTITIONS",
                f"{line} pairs partitions by their number, but {said}",
                "labline topics plan says how each of them can get the same number",
            )
        elif counts:
            said = f"{line}: {_count(counts, 'topic')} with {max(counts.values())} partitions each"
            yield Finding("ok", "partitions", "LL-DOCTOR-PARTITIONS", said)


def _time(facts: Facts) -> Iterator[Finding]:
    claimed = False
    for name, found in _found(facts):
        # those that lines write are altered anyway
        if name in facts.own and found.config.get(STAMP) == "CreateTime":
            claimed = True
            yield Finding(
                "warn",
                "time",
                "LL-DOCTOR-TIME",
                f"{name} has its publishers' timestamps: seconds behind are an estimate, and "
                "retention deletes at once what is stamped long ago",
                f"{APPLY} --append-time {name}, if nobody needs their stamps",
            )
    if facts.existing and not claimed:
        said = "records are stamped by the broker as they arrive"
        yield Finding("ok", "time", "LL-DOCTOR-TIME", said)


def _dead_letters(facts: Facts) -> Iterator[Finding]:
    for line, inputs in facts.lines.items():
        name = line_topics(line).dlq
        if name not in facts.existing:
            said = f"{line} has no {name}: its first bad event would stop it"
            yield Finding("error", "dead letters", "LL-DOCTOR-DLQ", said, APPLY)
            continue
        sources = [each for each in inputs if each is not None and each in facts.existing]
        largest = max((_size(facts.existing[each]) for each in sources), default=0)
        size = _size(facts.existing[name])
        if size < 2 * largest:
            said = (
                f"{name} takes records of {size} bytes, but a dead letter of its inputs may have "
                f"{2 * largest}: it would stop the line"
            )
            yield Finding("error", "dead letters", "LL-DOCTOR-DLQ", said, APPLY)
        else:
            said = f"{name} takes whatever {' and '.join(sources) or 'its inputs'} can hold"
            yield Finding("ok", "dead letters", "LL-DOCTOR-DLQ", said)


def _copies(facts: Facts) -> Iterator[Finding]:
    found = list(_copies_wrong(facts))
    yield from found
    if (
        found
        or not facts.existing
        or facts.broker is None
        or isinstance(facts.broker, LablineError)
    ):
        return
    fewest = min(topic.replication for topic in facts.existing.values())
    said = f"every partition has {_count(range(fewest), 'copy', 'copies')} in step"
    if facts.broker.brokers == 1:
        said = "one broker, so one copy of everything: enough to try, not to keep"
    yield Finding("ok", "copies", "LL-DOCTOR-COPIES", said)


def _copies_wrong(facts: Facts) -> Iterator[Finding]:
    code, area = "LL-DOCTOR-COPIES", "copies"
    leaderless = [name for name, each in facts.replicas.items() if each.leaderless]
    if leaderless:
        said = f"{_named(leaderless)}: partitions without a leader that answers"
        yield Finding("error", area, "LL-TOPIC-LEADER", said, "look at the brokers that are down")
    behind = [name for name, each in facts.replicas.items() if each.out_of_sync]
    if behind:
        said = f"{_named(behind)}: copies are behind their leaders"
        yield Finding("warn", area, code, said, "look at the brokers that are down or slow")
    acks = {name: int(t.config.get("min.insync.replicas", 1)) for name, t in _found(facts)}
    mute = [name for name, found in _found(facts) if acks[name] > found.replication]
    if mute:
        said = f"{_named(mute)}: min.insync.replicas is more than there are copies: writes fail"
        yield Finding("error", area, code, said, "lower it, or add copies")
    brokers = facts.broker.brokers if isinstance(facts.broker, Broker) else 0
    few = [name for name, found in _found(facts) if found.replication < min(brokers, COPIES)]
    if few:
        said = f"{_named(few)}: fewer than {min(brokers, COPIES)} copies on {brokers} brokers"
        fix = f"declare replication = {min(brokers, COPIES)}, and kafka-reassign-partitions"
        yield Finding("warn", area, code, said, fix)
    alone = [name for name, found in _found(facts) if found.replication > 1 and acks[name] < 2]
    if alone:
        said = f"{_named(alone)}: acknowledged as soon as one copy is written"
        fix = "set min.insync.replicas=2 on them or on the brokers"
        yield Finding("warn", area, code, said, fix)


def _isolation(facts: Facts) -> Iterator[Finding]:
    hung = [held for held in facts.held if facts.now_ms - held.since_ms > TRANSACTION_MAX_MS]
    for held in hung:
        minutes = (facts.now_ms - held.since_ms) // 60_000
        yield Finding(
            "error",
            "isolation",
            "LL-DOCTOR-ISOLATION",
            f"{held.topic}/{held.partition}: a transaction open for {minutes} minutes holds back "
            f"{held.offsets} offsets from every read_committed reader",
            "end its producer; if that is gone: kafka-transactions find-hanging, then abort",
        )
    if not hung and facts.existing:
        scores = [line_topics(line).scores for line in facts.lines]
        readers = f"; read {_named(scores)} with isolation.level=read_committed" if scores else ""
        said = f"no transaction holds readers back{readers}"
        yield Finding("ok", "isolation", "LL-DOCTOR-ISOLATION", said)


def _keys(facts: Facts) -> Iterator[Finding]:
    for name in facts.own:
        sample = facts.samples.get(name)
        if isinstance(sample, str):
            said = f"{name} could not be read: {sample}"
            yield Finding(
                "error", "keys", "LL-DOCTOR-KEYS", said, "look again; then at the brokers"
            )
        elif sample is not None and name in facts.existing:
            yield from _placement(name, sample, facts.existing[name].partitions)


def _placement(name: str, sample: Sample, partitions: int) -> Iterator[Finding]:
    code, area = "LL-DOCTOR-KEYS", "keys"
    newest = f"the newest {sample.records:,} records"
    if sample.elsewhere:
        theirs = "" if sample.by_crc32 < sample.elsewhere else ", as librdkafka does by default"
        yield Finding(
            "error",
            area,
            code,
            f"{name}: of {newest}, {sample.elsewhere:,} lie in another partition than the Java "
            f"clients' hash of their key gives{theirs}: events and labels of one key do not meet",
            "publishers that build on librdkafka (Python, Go, .NET, C) set "
            "partitioner=murmur2_random; then republish what lies elsewhere",
        )
    if sample.keyless:
        said = f"{name}: of {newest}, {sample.keyless:,} have no key, so no order and no partition"
        yield Finding("warn", area, code, said, "publish each record with its key")
    if not sample.elsewhere and not sample.keyless:
        said = f"{name}: {newest} lie where their keys belong"
        if not sample.records:
            said = f"{name}: no records yet"
        elif partitions == 1:
            said = f"{name}: one partition, so every key is where it belongs"
        yield Finding("ok", area, code, said)


def _found(facts: Facts) -> Iterator[tuple[str, BrokerTopic]]:
    for topic in facts.declared:
        if topic.name in facts.existing:
            yield topic.name, facts.existing[topic.name]


def _size(found: BrokerTopic) -> int:
    return int(found.config.get(SIZE, MESSAGE_MAX_BYTES))


def _count(things: Iterable[object], one: str, many: str = "") -> str:
    """Return how many there are, in words.

    Examples
    --------
    >>> _count("ab", "topic"), _count("a", "copy", "copies")
    ('2 topics', '1 copy')
    """
    count = len(list(things))
    return f"{count} {one if count == 1 else many or one + 's'}"


def _named(names: Iterable[str]) -> str:
    """Return the first names, and how many more there are.

    Examples
    --------
    >>> _named(["a", "b"]), _named("abcde")
    ('a, b', 'a, b, c and 2 more')
    """
    told = list(names)
    more = f" and {len(told) - NAMES_SHOWN} more" if len(told) > NAMES_SHOWN else ""
    return ", ".join(told[:NAMES_SHOWN]) + more
