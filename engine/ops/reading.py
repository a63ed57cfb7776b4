"""Reading a topic as people do: from a place on, in order of time, perhaps for ever."""

import heapq
import json
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, TypeAlias

from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from labline.engine.broker.clients import consumer_config
from labline.engine.broker.positions import start_offsets
from labline.engine.broker.reader import BATCH_RECORDS, partition_offsets, read_range
from labline.engine.core.record import Headers, Record
from labline.engine.errors import LablineError
from labline.engine.ops.decoding import Decoder, Shown, key_text

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
POLL_S = 0.25  # so long a Ctrl-C may wait

Placed: TypeAlias = tuple[int, Record]  # partition, record


class Stretch(NamedTuple):
    """What to read of a topic: per partition from `begin` up to `end`, what is stable now."""

    topic: str
    begin: dict[int, int]
    end: dict[int, int]


def stretch(bootstrap: str, topic: str, start: str, partition: int | None = None) -> Stretch:
    """Return what a reader that begins at `start` has to read.

    Parameters
    ----------
    start
        ``earliest``, ``latest``, an offset, or a time with its zone.
    partition
        Only this one.

    Raises
    ------
    LablineError
        ``LL-TOPIC-MISSING``, ``LL-TIME-FORM``, or ``LL-PARTITION-UNKNOWN``.
    """
    known = partition_offsets(bootstrap, [topic])[topic]
    if partition is not None and partition not in known:
        raise LablineError(
            "LL-PARTITION-UNKNOWN",
            f"{topic} has no partition {partition}",
            f"it has 0 to {max(known)}",
        )
    wanted = sorted(known) if partition is None else [partition]
    if start.isascii() and start.isdigit():
        begin = {p: min(max(int(start), known[p].start), known[p].stable) for p in wanted}
    else:
        begin = start_offsets(bootstrap, topic, start)
    # a transaction may have become stable between the two questions
    end = {p: max(known[p].stable, begin[p]) for p in wanted}
    return Stretch(topic, {p: begin[p] for p in wanted}, end)


def read_stretch(bootstrap: str, what: Stretch) -> Iterator[Placed]:
    """Yield the committed records of a stretch, the oldest timestamp of all partitions first."""

    def placed(partition: int) -> Iterator[Placed]:
        begin, end = what.begin[partition], what.end[partition]
        for batch in read_range(bootstrap, what.topic, partition, begin, end):
            for record in batch:
                yield partition, record

    yield from heapq.merge(*(placed(p) for p in what.begin), key=_when)


def follow(bootstrap: str, what: Stretch) -> Iterator[Placed]:
    """Yield committed records that come after a stretch, as they come, without an end."""
    with closing(Consumer(consumer_config(bootstrap))) as consumer:
        consumer.assign([TopicPartition(what.topic, p, offset) for p, offset in what.end.items()])
        while True:
            for message in consumer.consume(1, POLL_S) + consumer.consume(BATCH_RECORDS, 0):
                error, partition = message.error(), message.partition()
                if error is None:
                    assert partition is not None
                    yield partition, _record(message)
                elif error.code() != KafkaError._PARTITION_EOF:
                    # among them a lost position, said once, then silence for ever
                    raise LablineError(
                        "LL-READ-STOPPED",
                        f"reading {what.topic} stopped: {error.str()}",
                        "read again; --from earliest begins with what the log still has",
                    )


def _record(message: Message) -> Record:
    offset = message.offset()
    assert offset is not None
    headers: Headers = list(message.headers() or ()) or None
    return offset, message.timestamp()[1], message.key(), message.value(), headers


def as_json(topic: str, placed: Placed, decoder: Decoder) -> dict[str, object]:
    """Return a record in JSON's terms, decoded as far as possible.

    Examples
    --------
    >>> record = (7, 99, b"k", b'{"a": 1}', [("h", b"x")])
    >>> as_json("t", (0, record), Decoder())["value"]
    {'a': 1}
    """
    partition, (offset, timestamp_ms, key, value, headers) = placed
    shown = decoder.decode(value, headers)
    told: dict[str, object] = {
        "topic": topic,
        "partition": partition,
        "offset": offset,
        "timestamp_ms": timestamp_ms,
        "key": key_text(key),
        "value": shown.value,
        "form": shown.form,
        "headers": [[name, key_text(content)] for name, content in headers or ()],
    }
    if shown.undecoded is not None:
        told["undecoded"] = shown.undecoded
    return told


def as_text(placed: Placed, decoder: Decoder) -> str:
    """Return a record as one line: time, partition and offset, key, value, headers.

    Examples
    --------
    >>> record = (7, 1357034400000, b"k", b'{"a": 1}', [("ce_source", b"gate")])
    >>> as_text((0, record), Decoder())
    '2013-01-01T10:00:00.000Z 0/7 k {"a":1} [ce_source=gate]'
    """
    partition, (offset, timestamp_ms, key, value, headers) = placed
    shown = decoder.decode(value, headers)
    parts = [
        _time_text(timestamp_ms),
        f"{partition}/{offset}",
        "-" if key is None else str(key_text(key)),
        _value_text(shown),
    ]
    if headers:
        told = (f"{name}={key_text(content)}" for name, content in headers)
        parts.append(f"[{' '.join(told)}]")
    # what a record holds must not steer the terminal
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in " ".join(parts))


def _value_text(shown: Shown) -> str:
    if shown.undecoded is not None:
        return f"0x{shown.value} ({shown.undecoded})"
    if shown.form == "text":
        return str(shown.value)
    return json.dumps(shown.value, ensure_ascii=False, separators=(",", ":"))


def _time_text(timestamp_ms: int) -> str:
    try:
        time = EPOCH + timedelta(milliseconds=timestamp_ms)
    except OverflowError:
        return f"{timestamp_ms} ms"
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _when(placed: Placed) -> tuple[int, int, int]:
    partition, record = placed
    return record[1], partition, record[0]
