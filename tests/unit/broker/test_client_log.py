"""What librdkafka and other libraries log comes out as lines of our log, and seldom twice.

No broker is needed: the clients are given a port where nobody listens.
"""

import json
import logging
import logging.config
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
import structlog
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from structlog.testing import capture_logs

from labline.engine.broker import client_log
from labline.engine.broker.clients import admin_client, consumer_config, producer_config, reason
from labline.engine.logs import Folding, StandardHandler, standard_logging

RAW = "%3|"


@pytest.fixture
def nobody() -> str:
    """Return an address where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """Yield what is logged, as events; nothing is held back from an earlier test."""
    monkeypatch.setattr(client_log, "_FOLDING", Folding())
    before = structlog.get_config()
    structlog.configure(cache_logger_on_first_use=False)
    with capture_logs() as events:
        yield events
    structlog.configure(**before)


def test_a_lost_broker_is_a_line_and_not_one_a_try(nobody: str, lines: list[Any]) -> None:
    with closing(Consumer(consumer_config(nobody))) as consumer:
        consumer.assign([TopicPartition("t", 0, 0)])
        consumer.consume(1, 1.5)  # librdkafka tries about twenty times a second
    refused = [line for line in lines if "Connection refused" in line["event"]]
    assert len(refused) == 1
    assert refused[0]["log_level"] == "error"
    assert refused[0]["facility"] == "FAIL"
    assert nobody in refused[0]["event"]
    assert len(lines) <= 3


def test_clients_of_a_process_say_it_once(nobody: str, lines: list[Any]) -> None:
    for _ in range(2):
        producer = Producer(producer_config(nobody, message_timeout_ms=400))
        producer.produce("t", b"1")
        producer.flush(1.0)
    assert len([line for line in lines if "Connection refused" in line["event"]]) == 1


def test_a_refused_question_has_the_reason_with_it_and_logs_nothing(
    nobody: str, lines: list[Any]
) -> None:
    with pytest.raises(KafkaException) as refused:
        admin_client(nobody).list_topics(timeout=0.5)
    assert "Connection refused" in reason(refused.value)
    assert lines == []


@pytest.mark.parametrize("configures", [False, True])
def test_nothing_raw_comes_to_the_terminal(nobody: str, configures: bool) -> None:
    """Whether or not the process configured its logs, as an application that publishes has not."""
    code = f"""
from confluent_kafka import Consumer, Producer, TopicPartition
from labline.engine import logs
from labline.engine.broker.clients import admin_client, consumer_config, producer_config
if {configures}: logs.configure()
consumer = Consumer(consumer_config({nobody!r}))
consumer.assign([TopicPartition("t", 0, 0)])
consumer.consume(1, 1.0)
producer = Producer(producer_config({nobody!r}))
producer.produce("t", b"1")
producer.flush(1.0)
admin = admin_client({nobody!r})
try: admin.list_topics(timeout=0.5)
except Exception: pass
consumer.close()
"""
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, env=os.environ
    )
    assert done.stdout == ""
    lines = [json.loads(line) for line in done.stderr.splitlines()]  # so none is librdkafka's own
    assert any("Connection refused" in line["event"] for line in lines)
    assert RAW not in done.stderr
    assert len(lines) <= 4


def test_what_was_held_back_is_counted_in_the_next_line(
    monkeypatch: pytest.MonkeyPatch, lines: list[Any]
) -> None:
    seconds = iter([0.0, 1.0, 2.0, 99.0])
    monkeypatch.setattr(client_log, "_FOLDING", Folding(30.0, lambda: next(seconds)))
    log = client_log.ClientLog()
    for ms in range(4):
        log.log(logging.ERROR, "", "FAIL", "c-1", f"[thrd:b]: b: gone (after {ms}ms)")
    assert [line["event"] for line in lines] == ["b: gone", "b: gone"]
    assert [line.get("repeated") for line in lines] == [None, 2]


def test_libraries_log_through_ours(lines: list[Any]) -> None:
    library = logging.Logger("aiokafka", logging.DEBUG)
    library.addHandler(StandardHandler())
    for broker in (1, 2, 3):
        library.warning("no connection to broker %d", broker)
    library.error("another matter")
    assert [(line["event"], line["log_level"], line["logger"]) for line in lines] == [
        ("no connection to broker 1", "warning", "aiokafka"),
        ("another matter", "error", "aiokafka"),
    ]


def test_faust_takes_the_configuration() -> None:
    before = logging.root.handlers[:], logging.root.level
    try:
        logging.config.dictConfig(standard_logging(logging.WARNING))
        assert [type(handler) for handler in logging.root.handlers] == [StandardHandler]
        assert logging.root.level == logging.WARNING
    finally:
        logging.root.handlers[:], logging.root.level = before
