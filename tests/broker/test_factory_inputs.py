"""The factory's inputs as the world makes them: transactions, giants, backlogs, odd headers."""

import os
import subprocess
import sys
from collections.abc import Iterable
from contextlib import closing
from datetime import date
from itertools import pairwise
from pathlib import Path
from statistics import median

import pytest
from confluent_kafka import Consumer, Message, Producer, TopicPartition

from labline.engine.broker.clients import consumer_config, producer_config
from labline.engine.core.record import EVENTS
from labline.engine.core.task import Task
from labline.engine.errors import LablineError
from labline.engine.factory.inputs import TaskInputs
from labline.engine.factory.recovery import recover
from labline.engine.factory.scorer import IDLE_POLL_S
from labline.engine.models.control.configuration import spec_of
from labline.engine.models.control.control import Control
from labline.lab_replay.parity.parity import parity
from tests.broker import oracle
from tests.broker.factory import RATE, Factory
from tests.broker.history import EVENT, LABEL, Sent, history, schemas
from tests.broker.process import TIMEOUT_S
from tests.broker.written import decoded

FIRST, SECOND, THIRD = date(2013, 1, 1), date(2013, 1, 2), date(2013, 1, 3)
LARGEST_BYTES = 1_048_000  # of a value: what still fits into the broker's largest batch


def transactional(factory: Factory, name: str) -> Producer:
    """Return a foreign producer that writes in transactions."""
    producer = Producer(producer_config(factory.bootstrap, transactional_id=f"{name}.foreign"))
    producer.init_transactions(TIMEOUT_S)
    return producer


def only(kind: str, sent: Iterable[Sent]) -> list[Sent]:
    """Return the records of one kind."""
    return [record for record in sent if record.kind == kind]


def test_labels_of_aborted_transactions_never_were(broker: str, name: str, tmp_path: Path) -> None:
    """Markers and aborted records take offsets: neither may be waited for, learned or counted."""
    with Factory(broker, name, tmp_path) as factory:
        sent = history(FIRST, THIRD)
        factory.publish(only(EVENT, sent))
        labels, producer = only(LABEL, sent), transactional(factory, name)
        for turn, start in enumerate(range(0, len(labels), 150)):
            producer.begin_transaction()
            factory.produce(producer, labels[start : start + 150])
            if turn % 3 == 1:
                producer.flush(TIMEOUT_S)  # else they might never have been written
                producer.abort_transaction(TIMEOUT_S)
            else:
                producer.commit_transaction(TIMEOUT_S)
        revision = factory.promote()
        factory.finish(factory.scorer(batch_max=300))
        folder, topics = factory.workspace.root / "schemas", (factory.events, factory.labels)
        expected = oracle.answers(broker, topics, folder, "delay@1", revision.offset, RATE)
        scores = {
            (s["topic"], s["partition"], s["offset"]): s
            for records in factory.read(factory.topics().scores).values()
            for s in (decoded("labline.Score", record[3]) for record in records)
        }
        assert scores == expected.scores
        outcomes = factory.outcomes()
        assert {n: outcomes[n] for n in expected.outcomes} == dict(expected.outcomes)
        assert outcomes["labels"] < len(labels)
        check_recovery(factory)


def check_recovery(factory: Factory) -> None:
    """Check that the journal alone gives the state back, if all that it names is known."""
    control = factory.control()
    spec = spec_of(control.lines[factory.line])
    for partition, entries in factory.journal().items():
        ends = entries[-1].next_offsets
        for committed in (ends, (-1, -1, -1)):  # the latter: somebody deleted the group
            found = recover(factory.bootstrap, control, spec, partition, committed)
            assert (tuple(found.task.next_offsets), found.place.sequence) == (ends, len(entries))
    with pytest.raises(LablineError, match="LL-REVISION-UNKNOWN"):  # a key was taken away
        recover(factory.bootstrap, Control(), spec, partition, ends)


def test_somebodys_open_transaction_holds_back_its_own_labels_only(
    broker: str, name: str, tmp_path: Path
) -> None:
    """The last stable offset is an end like any other; nothing is waited for behind it."""
    with Factory(broker, name, tmp_path) as factory:
        factory.publish_days(FIRST, FIRST)
        factory.promote()
        scorer = factory.scorer()
        factory.catch_up(scorer)
        sent = history(SECOND, SECOND)
        labels, producer = only(LABEL, sent), transactional(factory, name)
        producer.begin_transaction()
        factory.produce(producer, labels[:100])
        producer.flush(TIMEOUT_S)
        factory.publish(only(EVENT, sent) + labels[100:])
        factory.await_ends(scorer, topics=[factory.events])
        assert "LL-INPUT-WAIT" not in scorer.said()
        assert factory.outcomes()["labels"] == len(only(LABEL, history(FIRST, FIRST)))
        producer.commit_transaction(TIMEOUT_S)
        factory.finish(scorer)
        outcomes = factory.outcomes()
        assert outcomes["events"] == len(only(EVENT, history(FIRST, FIRST) + sent))
        assert outcomes["labels"] == len(only(LABEL, history(FIRST, FIRST) + sent))
        assert parity(broker, name, factory.control()).verdict == "equal"


def test_the_largest_event_there_can_be_is_a_dead_letter(
    broker: str, name: str, tmp_path: Path
) -> None:
    """A dead letter is larger than its event; one that cannot be written would stop the line."""
    with Factory(broker, name, tmp_path) as factory:
        factory.promote()
        large = Producer(producer_config(broker, message_max_bytes=2 * LARGEST_BYTES))
        value = b"\xc3\x01" + bytes(LARGEST_BYTES - 2)
        large.produce(factory.events, value, b"k", 1)
        assert large.flush(TIMEOUT_S) == 0
        factory.publish_days(FIRST, FIRST)
        factory.finish(factory.scorer())
        letters = factory.read(factory.topics().dlq)[1]
        assert letters[0][3] == value


def test_a_backlog_in_one_partition_is_not_taken_in_idle_steps(
    broker: str, name: str, tmp_path: Path
) -> None:
    """One busy task does not fill a batch; what waits in its buffer must not wait for a poll."""
    departed, _ = schemas()
    events = [
        s for s in only(EVENT, history(FIRST, FIRST)) if isinstance(departed.decode(s.value), dict)
    ]
    with Factory(broker, name, tmp_path) as factory:
        factory.promote()
        producer = Producer(producer_config(broker))
        for event in events:
            producer.produce(factory.events, event.value, event.key, 0)
        assert producer.flush(TIMEOUT_S) == 0
        factory.finish(factory.scorer(batch_max=40))
        journal = factory.read(factory.topics().journal)[0]
        assert len(journal) >= len(events) / 40
        gaps_ms = [after[1] - before[1] for before, after in pairwise(journal)]
        assert median(gaps_ms) < IDLE_POLL_S * 1000


def test_an_end_that_was_seen_is_forgotten_with_the_next_record(
    broker: str, name: str, tmp_path: Path
) -> None:
    """Else a scorer that fell behind would take all events before the labels that wait."""
    with Factory(broker, name, tmp_path) as factory:
        spec = spec_of(factory.promote())
        task = Task(spec, 0, (0, 0, 0))
        with closing(Consumer(consumer_config(broker))) as consumer:
            inputs = TaskInputs(consumer, task, spec.inputs, wait_ms=5_000)
            assert inputs.at_end() == [False, False, False]  # before the first answer: unknown
            consumer.assign([TopicPartition(factory.events, 0, 0)])
            position = inputs.positions[EVENTS]
            assert position is not None
            position.saw_eof(next_message(consumer).offset() or 0)
            assert inputs.at_end() == [True, False, False]
            producer = Producer(producer_config(broker))
            for value in (b"1", b"2"):
                producer.produce(factory.events, value, b"k", 0)
            assert producer.flush(TIMEOUT_S) == 0
            inputs.add(EVENTS, next_message(consumer))
            assert inputs.at_end() == [False, False, False]
            inputs.add(EVENTS, next_message(consumer))
            assert inputs.at_end() == [True, False, False]  # by the watermark


def next_message(consumer: Consumer) -> Message:
    """Return the next record or end of partition."""
    (message,) = consumer.consume(1, TIMEOUT_S)
    return message


FOREIGN_HEADER = """
import asyncio, sys
from aiokafka import AIOKafkaProducer
class Name(str):
    def encode(self, *_): return b"\\xff\\xfe"
async def main():
    async with AIOKafkaProducer(bootstrap_servers=sys.argv[1]) as producer:
        await producer.send_and_wait(sys.argv[2], b"value", headers=[(Name("n"), b"1")])
asyncio.run(main())
"""


@pytest.mark.xfail(
    raises=(SystemError, UnicodeDecodeError),
    reason="confluent-kafka decodes header names strictly",
)
def test_a_header_name_that_is_no_text_is_no_reason_to_stop(
    broker: str, name: str, tmp_path: Path
) -> None:
    """The protocol lets any bytes through; one such record would end every reader for ever."""
    with Factory(broker, name, tmp_path) as factory:
        subprocess.run(
            [sys.executable, "-c", FOREIGN_HEADER, broker, factory.events],
            env={**os.environ, "AIOKAFKA_NO_EXTENSIONS": "1"}, check=True, timeout=60,
        )  # fmt: skip
        found = [r for records in factory.read(factory.events).values() for r in records]
        assert [record[3] for record in found] == [b"value"]
