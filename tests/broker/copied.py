"""A line's outputs and journal under another name, with records of them altered on the way."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from confluent_kafka import Producer
from confluent_kafka.admin import NewTopic

from labline.engine.broker.clients import producer_config
from labline.engine.core.record import Record
from labline.engine.models.control.control import Control
from labline.topics.naming import line_topics
from tests.broker.factory import PARTITIONS, Factory
from tests.broker.process import TIMEOUT_S
from tests.broker.written import read_topic

#: kind of topic, partition, record's number -> what is written in its place
Alter = Callable[[str, int, int, Record], Iterator[Record]]


def copy_line(factory: Factory, line: str, copy: str, alter: Alter) -> Control:
    """Copy a line, one transaction a topic; return the control topic as if it spoke of the copy."""
    ours, theirs = line_topics(line), line_topics(copy)
    settings = {"transactional.id": f"copy-{copy}", "linger.ms": 20}
    new = [NewTopic(topic, PARTITIONS, 1) for topic in theirs]
    for created in factory.admin.create_topics(new).values():
        created.result()
    producer = Producer(producer_config(factory.bootstrap) | settings)
    producer.init_transactions(TIMEOUT_S)
    for name in ("scores", "shadow", "dlq", "journal"):
        producer.begin_transaction()
        for partition, records in read_topic(factory.bootstrap, getattr(ours, name)).items():
            for at, record in enumerate(records):
                for _, _, key, value, headers in alter(name, partition, at, record):
                    producer.produce(
                        getattr(theirs, name), value, key, partition, headers=headers or []
                    )
                    producer.poll(0)
        producer.commit_transaction(TIMEOUT_S)
    control = factory.control()
    history = {
        offset: replace(revision, line=copy)
        for offset, revision in control.history.items()
        if revision.line == line
    }
    return Control(control.revision, {copy: max(history.values(), key=lambda r: r.offset)}, history)
