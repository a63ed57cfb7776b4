"""Following the control topic: which revision of a line is in force now."""

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from engine.broker.clients import consumer_config
from engine.broker.reader import partition_offsets
from engine.core.record import Record
from engine.models.control import Control, Revision
from engine.models.signing import PublicKeys

BATCH_RECORDS = 100
WAIT_S = 0.5


class ControlFollower:
    """A reader of the control topic that never joins a group.

    Parameters
    ----------
    topic
        The control topic; it has one partition.
    keys
        Whose signatures count.
    """

    def __init__(self, bootstrap: str, topic: str, keys: PublicKeys) -> None:
        self._keys = keys
        self.control = Control()
        offsets = partition_offsets(bootstrap, [topic])[topic][0]
        self._consumer = Consumer(consumer_config(bootstrap))
        self._consumer.assign([TopicPartition(topic, 0, offsets.start)])
        position = offsets.start
        while position < offsets.stable:  # what is in force is known before the first score
            position = max(position, self._read(WAIT_S))

    def poll(self) -> None:
        """Apply what has come since; never waits."""
        self._read(0)

    def revision(self, line: str) -> Revision | None:
        """Return the revision in force, None before the first promotion."""
        return self.control.lines.get(line)

    def close(self) -> None:
        """Close the consumer."""
        self._consumer.close()

    def _read(self, wait_s: float) -> int:
        records: list[Record] = []
        position = -1
        for message in self._consumer.consume(BATCH_RECORDS, wait_s):
            error = message.error()
            offset = message.offset()
            assert offset is not None
            if error is None:
                position = offset + 1
                records.append((offset, 0, message.key(), message.value(), None))
            elif error.code() == KafkaError._PARTITION_EOF:
                position = offset
            elif error.fatal():
                raise KafkaException(error)
        self.control.apply(records, self._keys)
        return position
