"""What would have to be done in Kafka for the declared topics to be there: pure, to be read first.

What loses nothing is planned as it is declared. More partitions move keys away from what was
learned of them, a shorter retention deletes, and append time is not everybody's wish for a topic
that others made: each wants an explicit word. Partitions never shrink.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from labline.topics.compare import KEPT, KEPT_BYTES, NO_WORDS, POLICY, SIZE, STAMP, Words, compare
from labline.topics.declaration import FOREVER_MS, Topic
from labline.topics.naming import CONTROL_TOPIC, check_name, line_topics
from labline.topics.steps import Alter, Create, Declaration, Existing, Refuse, Step

MESSAGE_MAX_BYTES = 1_048_588  # Kafka's default for a record batch
DLQ_MESSAGE_MAX_BYTES = 2 * MESSAGE_MAX_BYTES  # the original, and the headers that say why


def plan(
    declared: Iterable[Declaration], existing: Existing, words: Words = NO_WORDS
) -> list[Step]:
    """Return one step for each declared topic, in their order; applying it twice is nothing.

    Examples
    --------
    >>> from labline.topics.steps import BrokerTopic
    >>> topic = declaration(Topic(name="flights", schema="f", key="id"))
    >>> print(*plan([topic], {}))
    create flights: 4 partitions, kept for ever
    >>> print(*plan([topic], {"flights": BrokerTopic(4, topic.config)}))
    keep flights
    >>> print(*plan([topic], {"flights": BrokerTopic(2, topic.config)}))
    refuse flights: it has 2 partitions, 4 are declared
    >>> print(*plan([topic], {"flights": BrokerTopic(2, topic.config)}, Words(grow={"flights"})))
    alter flights: grows from 2 to 4 partitions: most keys move to another one
    """
    wanted = [_sized(topic, existing) for topic in declared]
    unpaired = _unpaired(wanted)
    steps: list[Step] = []
    for topic in wanted:
        if topic.name in unpaired:
            steps.append(unpaired[topic.name])
        elif topic.name in existing:
            steps.append(compare(topic, existing[topic.name], words))
        else:
            steps.append(Create(topic))
    return steps


def after(steps: Iterable[Step], existing: Existing) -> dict[str, Mapping[str, str]]:
    """Return the configuration that each topic has when what is planned is done."""
    configs: dict[str, Mapping[str, str]] = {}
    for step in steps:
        if isinstance(step, Create):
            configs[step.name] = step.topic.config
        elif step.name in existing:
            altered = step.config if isinstance(step, Alter) else {}
            configs[step.name] = {**existing[step.name].config, **altered}
    return configs


def _sized(topic: Declaration, existing: Existing) -> Declaration:
    """Return a topic with room for twice the largest record of those that it carries."""
    if not topic.carries:
        return topic
    configs = [existing[name].config for name in topic.carries if name in existing]
    largest = max((int(config.get(SIZE, MESSAGE_MAX_BYTES)) for config in configs), default=0)
    size = 2 * max(largest, MESSAGE_MAX_BYTES)
    return replace(topic, config={**topic.config, SIZE: str(size)})


def _unpaired(declared: Sequence[Declaration]) -> dict[str, Refuse]:
    """Return the inputs of lines whose events and labels are declared unlike."""
    refused: dict[str, Refuse] = {}
    for line in dict.fromkeys(line for topic in declared for line in topic.lines):
        inputs = [topic for topic in declared if line in topic.lines and topic.source is None]
        if len({topic.partitions for topic in inputs}) > 1:
            said = ", ".join(f"{topic.name} has {topic.partitions}" for topic in inputs)
            for topic in inputs:
                refused[topic.name] = Refuse(
                    topic.name,
                    f"line {line} pairs partitions by their number, but as declared {said}",
                    "an event and its label must meet in one partition: declare the same number",
                )
    return refused


def declaration(topic: Topic, lines: Iterable[str] = ()) -> Declaration:
    """Return what a declared topic, read by `lines`, is in Kafka."""
    config = _config(topic.retention_ms)
    return Declaration(
        check_name(topic.name), topic.partitions, topic.replication, config, tuple(lines)
    )


def line_topic_declarations(
    line: str, events: Topic, labels: Topic | None = None
) -> list[Declaration]:
    """Return the topics that a line writes, and the control topic.

    Each has the partitions of the event topic and keeps records as long; the journal as long as
    the one of events and labels that is kept longer.

    Examples
    --------
    >>> events = Topic(name="flights", schema="f", key="id", partitions=2)
    >>> [topic.name for topic in line_topic_declarations("delay", events)][-3:]
    ['delay.journal', 'delay.vitals', 'labline.control']
    """
    names = line_topics(line)
    kept_ms = events.retention_ms
    longest_ms = kept_ms if labels is None else longer(kept_ms, labels.retention_ms)
    configs = {name: _config(kept_ms) for name in names}
    configs[names.journal] = _config(longest_ms)
    inputs = (events.name,) if labels is None else (events.name, labels.name)
    # what is dead is as large as it was, and says why; redriven, it is no smaller
    carries = {names.dlq: inputs, names.retry: inputs}
    for name in carries:
        configs[name][SIZE] = str(DLQ_MESSAGE_MAX_BYTES)
    made = [
        Declaration(
            name,
            events.partitions,
            events.replication,
            config,
            lines=(line,),
            source=events.name,
            carries=carries.get(name, ()),
        )
        for name, config in configs.items()
    ]
    return [*made, control_topic(events.replication)]


def control_topic(replication: int = 1) -> Declaration:
    """Return the control topic: one partition, one order, kept for ever."""
    return Declaration(CONTROL_TOPIC, 1, replication, _config(FOREVER_MS))


def longer(one_ms: int, other_ms: int) -> int:
    """Return the longer of two retentions.

    Examples
    --------
    >>> longer(5, -1), longer(5, 7)
    (-1, 7)
    """
    return FOREVER_MS if FOREVER_MS in (one_ms, other_ms) else max(one_ms, other_ms)


def _config(retention_ms: int) -> dict[str, str]:
    return {
        POLICY: "delete",
        # by append time: an event of 2013 would else be deleted at the first check, and
        # "seconds behind" is true whoever publishes
        STAMP: "LogAppendTime",
        KEPT: str(retention_ms),
        KEPT_BYTES: "-1",  # a cluster's own limit would make the retention a wish
    }
