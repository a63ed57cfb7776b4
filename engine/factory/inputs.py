"""When is an input at its end? The host's half of the order in which a task takes its inputs.

Called by the scorer, a `TaskInputs` for each task. What comes in is what was polled, and what the
client knows of each log; what goes out are records, and per input whether it is at its end.

An input without a head is waited for unless it is at its end: its buffer is empty, and either a
partition EOF was seen with no record since, or the next offset has reached the high watermark
of the last fetch. Before its first fetch nothing is known. A clock comes in only as
`input_wait`: an input without a leader must not stop the answers for ever.
"""

import time

import structlog
from confluent_kafka import Consumer, Message, TopicPartition

from labline.engine.broker.reader import to_record
from labline.engine.core.record import INPUTS, Record
from labline.engine.core.task import Task
from labline.engine.errors import LablineError

log = structlog.get_logger()

POLLS_MIN = 20  # that gave nothing, before an input's end is declared


class Position:
    """What the host knows of one input's log."""

    __slots__ = ("at_eof", "next_offset", "paused", "place")

    def __init__(self, place: TopicPartition, next_offset: int) -> None:
        self.place = place
        self.next_offset = next_offset
        self.at_eof = False
        self.paused = False

    def saw_eof(self, offset: int) -> None:
        """Note a partition EOF: it lies past transaction markers and aborted records."""
        self.at_eof = True
        self.next_offset = max(self.next_offset, offset)


class TaskInputs:
    """One task's inputs: what was polled for it, and where each log ends.

    Parameters
    ----------
    consumer : Consumer
        Whose assignment the inputs are.
    task : Task
        Where the records go.
    topics : tuple of str
        Of events, labels (None: the line has none) and retries.
    wait_ms : int
        How long an input that gives nothing may hold up the others.

    Attributes
    ----------
    ends_declared : int
        How often an input was waited for no longer.
    """

    def __init__(
        self, consumer: Consumer, task: Task, topics: tuple[str | None, ...], wait_ms: int
    ) -> None:
        self.task = task
        self._consumer = consumer
        self._wait_s = wait_ms / 1000
        self._waiting_since: float | None = None
        self._waiting_polls = 0
        self.positions = [
            None if topic is None else Position(TopicPartition(topic, task.partition), offset)
            for topic, offset in zip(topics, task.next_offsets, strict=True)
        ]
        self.polled: list[list[Record]] = [[] for _ in INPUTS]
        self.ends_declared = 0

    def add(self, which: int, message: Message) -> None:
        """Hand over a polled record."""
        offset = message.offset()
        position = self.positions[which]
        assert offset is not None
        assert position is not None
        assert offset >= position.next_offset, "a record came twice"
        position.next_offset = offset + 1
        position.at_eof = False
        self.polled[which].append(to_record(offset, message))

    def take_polled(self) -> list[list[Record]]:
        """Return what was polled since the last call, per input."""
        polled, self.polled = self.polled, [[] for _ in INPUTS]
        return polled

    def at_end(self) -> list[bool]:
        """Tell per input whether its log has nothing beyond what was polled."""
        return [position is None or self._ended(position) for position in self.positions]

    def _ended(self, position: Position) -> bool:
        if position.at_eof:
            return True
        _, high = self._consumer.get_watermark_offsets(position.place, cached=True)
        return 0 <= high <= position.next_offset

    def waited_too_long(self, *, progress: bool) -> bool:
        """Tell whether an input without a head held the others up for longer than allowed.

        Its end is then declared for one run; that is counted and said. Polls count beside time:
        a process that was frozen has not waited for anybody.
        """
        now = time.monotonic()
        if progress or all(self.task.is_empty(which) for which in INPUTS):
            self._waiting_since, self._waiting_polls = None, 0
            return False
        self._waiting_since = self._waiting_since or now
        self._waiting_polls += 1
        if now - self._waiting_since < self._wait_s or self._waiting_polls < POLLS_MIN:
            return False
        self._waiting_since, self._waiting_polls = None, 0
        self.ends_declared += 1
        log.warning(
            "LL-INPUT-WAIT: an input gave nothing for too long; going on without it",
            partition=self.task.partition,
            ends_declared=self.ends_declared,
        )
        return True

    def throttle(self, buffer_max_bytes: int) -> None:
        """Pause an input whose own buffer is full, resume it at half.

        Only its own: an input that is waited for is empty, so it always flows.
        """
        for which, position in enumerate(self.positions):
            if position is None:
                continue
            size_bytes = self.task.buffered_bytes(which)
            if not position.paused and size_bytes > buffer_max_bytes:
                self._consumer.pause([position.place])
                position.paused = True
            elif position.paused and size_bytes < buffer_max_bytes // 2:
                self._consumer.resume([position.place])
                position.paused = False


def out_of_log(line: str, message: Message) -> LablineError:
    """Return the error of records that are gone before they were taken, with the choices."""
    topic, partition = message.topic(), message.partition()
    return LablineError(
        "LL-LOG-TRUNCATED",
        f"{topic}[{partition}]: the next offset of line {line} is not in the log any more",
        "restore the topic; or let Kafka's kafka-consumer-groups --reset-offsets --to-earliest"
        f" move the group, then labline factory offsets {line} --accept: what is gone stays"
        " unanswered",
    )
