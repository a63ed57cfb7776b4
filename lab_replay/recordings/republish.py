"""Publishing a recording's topic again: at its own pace, faster, or as fast as it goes."""

import heapq
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from confluent_kafka import KafkaError, KafkaException, Message, Producer
from confluent_kafka.admin import NewTopic

from labline.engine.broker.clients import admin_client, producer_config
from labline.engine.broker.reader import TIMEOUT_S, partition_offsets
from labline.engine.core.record import Headers, Record
from labline.engine.errors import AbsentError, LablineError
from labline.lab_replay.recordings.recording import Recording
from labline.topics.partitioning import partition_of

TIMESTAMP_HEADER = "labline.timestamp_ms"
LAB = "lab."  # what the lab may write
QUEUE_MAX_RECORDS = 50_000
QUEUE_MAX_KIB = 65_536
LINGER_MS = 20
LOOK_S = 0.05
POLL_EVERY = 500  # records between two looks at what came back
RECORD_MAX_BYTES = 16 * 1024 * 1024  # a topic may allow less, and says so
GIVEN_UP_S = 5.0  # how long what is on its way is waited for once a record was refused


class Republished(NamedTuple):
    """How it went.

    Attributes
    ----------
    delivered, total
        Records that Kafka has acknowledged, of how many.
    same_partitions
        Whether each record went to the partition it came from; else its key told.
    """

    delivered: int
    total: int
    same_partitions: bool


def check_target(target: str, *, force: bool) -> None:
    """Refuse a topic that is not the lab's.

    Raises
    ------
    LablineError
        ``LL-REPUBLISH-TARGET``.

    Examples
    --------
    >>> check_target("lab.flights", force=False)
    """
    if not target.startswith(LAB) and not force:
        raise LablineError(
            "LL-REPUBLISH-TARGET",
            f"{target} is not a topic of the lab: whoever reads it would take history for news",
            f"name one that begins with {LAB}, or give --force if that is what you want",
        )


def parse_speed(text: str) -> float | None:
    """Return how many times faster than it was; None: as fast as it goes.

    Raises
    ------
    LablineError
        ``LL-REPUBLISH-SPEED``.

    Examples
    --------
    >>> parse_speed("max"), parse_speed("10"), parse_speed("0.5")
    (None, 10.0, 0.5)
    """
    if text == "max":
        return None
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 0 < speed < float("inf"):
        raise LablineError(
            "LL-REPUBLISH-SPEED",
            f"{text[:40]!r} is no speed",
            "write 1 for the pace it had, 10 for ten times as fast, or max",
        )
    return speed


def republish(
    recording: Recording,
    topic: str,
    bootstrap: str,
    target: str,
    *,
    speed: float | None = None,
    force: bool = False,
    append: bool = False,
    stop: Callable[[], bool] = lambda: False,
    progress: Callable[[int], None] | None = None,
) -> Republished:
    """Publish a recorded topic to `target`, in the order of its append times.

    Each record keeps key, value and headers, and carries its append time in the header
    ``labline.timestamp_ms``; it goes to its own partition when `target` has as many, else where
    its key belongs. A topic of the lab that is not there is created.

    Parameters
    ----------
    speed
        Times faster than it was; None: as fast as it goes.
    append
        Also to a topic that holds records: they stay, and all of the recording comes behind them.
    stop
        Asked before each record; what was sent by then is waited for.
    progress
        Told how many records were acknowledged.

    Raises
    ------
    LablineError
        ``LL-REPUBLISH-TARGET``, ``-EXISTS`` for a topic that holds records, ``-FAILED`` with how
        many were delivered; ``LL-TOPIC-MISSING``;
        what reading a recording raises.
    """
    check_target(target, force=force)
    recorded = len(recording.partitions(topic))
    partitions = _partitions(bootstrap, target, recorded, append=append)
    total = sum(file.records for file in recording.manifest.topics[topic].values())
    sending = _Sending(bootstrap, target, progress)
    began_s, first_ms = time.monotonic(), None
    for time_ms, partition, record in _in_time_order(recording, topic):
        if first_ms is None:
            first_ms = time_ms
        if speed is not None:
            sending.wait(began_s + (time_ms - first_ms) / 1000 / speed, stop)
        if stop() or sending.failed:
            break
        sending.send(record, _target_partition(record, partition, recorded, partitions))
    sending.finish()
    return Republished(sending.delivered, total, recorded == partitions)


class _Sending:
    """Records on their way to a topic."""

    def __init__(self, bootstrap: str, target: str, progress: Callable[[int], None] | None) -> None:
        config = producer_config(
            bootstrap,
            linger_ms=LINGER_MS,
            queue_buffering_max_messages=QUEUE_MAX_RECORDS,
            queue_buffering_max_kbytes=QUEUE_MAX_KIB,
            message_max_bytes=RECORD_MAX_BYTES,
        )
        self._producer, self._target, self._progress = Producer(config), target, progress
        self._told = 0
        self._sent = 0
        self.delivered = 0
        self._error: KafkaError | None = None

    @property
    def failed(self) -> bool:
        """Whether a record was given up."""
        return self._error is not None

    def wait(self, due_s: float, stop: Callable[[], bool]) -> None:
        """Wait until it is time, or nobody wants to any more."""
        while (left_s := due_s - time.monotonic()) > 0 and not stop():
            self._poll(min(left_s, LOOK_S))

    def send(self, record: Record, partition: int) -> None:
        """Send a record, waiting while too many are on their way."""
        _, time_ms, key, value, headers = record
        carried: Any = _with_time(headers, time_ms)
        while not self.failed:
            try:
                self._producer.produce(
                    self._target, value, key, partition, self._report, headers=carried
                )
            except BufferError:
                self._poll(LOOK_S)
                continue
            except KafkaException as error:  # such as one that is larger than any may be
                self._refuse(error)
                return
            self._sent += 1
            if self._sent % POLL_EVERY == 0:
                self._poll(0)
            return

    def finish(self) -> None:
        """Wait until everything that was sent is acknowledged.

        Raises
        ------
        LablineError
            ``LL-REPUBLISH-FAILED``.
        """
        end_s = None
        while self._producer.flush(LOOK_S):
            self._tell()
            if self.failed:
                end_s = end_s or time.monotonic() + GIVEN_UP_S
                if time.monotonic() > end_s:
                    break
        self._tell()
        if self._error is not None:
            raise LablineError(
                "LL-REPUBLISH-FAILED",
                f"{self._target} took {self.delivered:,} of {self._sent:,} records, then: "
                f"{self._error}",
                "look at the broker (labline status) and begin again on an empty topic",
            )

    def _poll(self, timeout_s: float) -> None:
        try:
            self._producer.poll(timeout_s)
        except KafkaException as error:  # the client has given up for good
            self._refuse(error)
        self._tell()

    def _refuse(self, error: KafkaException) -> None:
        cause: Any = error.args[0]
        self._error = self._error or cause

    def _tell(self) -> None:
        if self._progress is not None and self.delivered > self._told:
            self._progress(self.delivered - self._told)
            self._told = self.delivered

    def _report(self, error: KafkaError | None, _message: Message) -> None:
        if error is None:
            self.delivered += 1
        else:
            self._error = self._error or error


def _with_time(headers: Headers, time_ms: int) -> list[tuple[str, bytes | None]]:
    kept = headers or []
    if any(name == TIMESTAMP_HEADER for name, _ in kept):
        return kept  # it was republished before: that is when it was new
    return [*kept, (TIMESTAMP_HEADER, b"%d" % time_ms)]


def _in_time_order(recording: Recording, topic: str) -> Iterator[tuple[int, int, Record]]:
    """Yield records with time and partition; those of one partition as they were."""
    partitions = recording.partitions(topic)
    streams = (_timed(recording, topic, partition) for partition in partitions)
    for time_ms, partition, _, record in heapq.merge(*streams, key=lambda each: each[:3]):
        yield time_ms, partition, record


def _timed(
    recording: Recording, topic: str, partition: int
) -> Iterator[tuple[int, int, int, Record]]:
    latest_ms = -1
    for batch in recording.records(topic, partition):
        for record in batch:
            latest_ms = max(latest_ms, record[1])
            yield latest_ms, partition, record[0], record


def _target_partition(record: Record, partition: int, recorded: int, partitions: int) -> int:
    if recorded == partitions:
        return partition
    key = record[2]
    return partition % partitions if key is None else partition_of(key, partitions)


def _partitions(bootstrap: str, target: str, recorded: int, *, append: bool) -> int:
    """Return how many partitions the target has; create it where that is the lab's to do."""
    try:
        found = partition_offsets(bootstrap, [target])[target]
    except AbsentError:
        if not target.startswith(LAB):
            raise
    else:
        held = sum(offsets.end - offsets.start for offsets in found.values())
        if held and not append:
            raise LablineError(
                "LL-REPUBLISH-EXISTS",
                f"{target} holds records already ({held:,} offsets): those of the recording would "
                "come behind them, and may be there twice",
                "name another topic, delete this one, or give --append if that is what you want",
            )
        return len(found)
    admin = admin_client(bootstrap)  # held: its answers go with it
    created = NewTopic(target, recorded, config={"max.message.bytes": str(RECORD_MAX_BYTES)})
    admin.create_topics([created])[target].result(TIMEOUT_S)
    return recorded
