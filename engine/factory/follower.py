"""Following the control topic: which revision of a line is in force now.

Called by a scorer process, which polls between two transactions. What must stay true: what is in
force is known before the first score, and `catch_up` knows every revision that anybody worked
under by the time of the call.
"""

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from labline.engine.broker.clients import consumer_config
from labline.engine.broker.reader import partition_offsets
from labline.engine.core.record import Record
from labline.engine.models.control.control import Control, Revision
from labline.engine.models.control.signing import PublicKeys

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
        self._bootstrap, self._topic = bootstrap, topic
        self._position = partition_offsets(bootstrap, [topic])[topic][0].start
        self._consumer = Consumer(consumer_config(bootstrap))
        self._consumer.assign([TopicPartition(topic, 0, self._position)])
        self.catch_up()  # what is in force is known before the first score

    def catch_up(self) -> None:
        """Read to the topic's end: every revision that anybody worked under by now is known."""
        offsets = partition_offsets(self._bootstrap, [self._topic])[self._topic][0]
        while self._position < offsets.stable:
            self._read(WAIT_S)

    def poll(self) -> None:
        """Apply what has come since; never waits."""
        self._read(0)

    def revision(self, line: str) -> Revision | None:
        """Return the revision in force, None before the first promotion."""
        return self.control.lines.get(line)

    def close(self) -> None:
        """Close the consumer."""
        self._consumer.close()

    def _read(self, wait_s: float) -> None:
        records: list[Record] = []
        for message in self._consumer.consume(BATCH_RECORDS, wait_s):
            error = message.error()
            offset = message.offset()
            assert offset is not None
            if error is None:
                self._position = offset + 1
                records.append((offset, 0, message.key(), message.value(), None))
            elif error.code() == KafkaError._PARTITION_EOF:
                self._position = max(self._position, offset)
            elif error.fatal() or error.code() == KafkaError._AUTO_OFFSET_RESET:
                raise KafkaException(error)
        self.control.apply(records, self._keys)
