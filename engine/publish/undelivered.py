"""What Kafka did not acknowledge: counted, and kept so far as memory allows.

The publisher hands its delivery reports to an `Undelivered`, from the client's threads, and takes
one error from it at the end, in which the lost values are records again.
"""

from threading import Lock
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message

from labline.engine.errors import LablineError
from labline.schemas.values.value_format import ValueReader

KEPT_MAX_RECORDS = 10_000
KEPT_MAX_BYTES = 16 * 1024 * 1024

#: The client raises its fatal error once, from whatever waits for it, and it may do so in the
#: middle of a delivery report: Python then takes the report's first call for the culprit.
FATAL = (KafkaException, SystemError)


class UndeliveredError(LablineError):
    """Records that Kafka did not acknowledge in time: ``LL-PUBLISH-UNDELIVERED``.

    One of them may be in the topic all the same, when it was the answer that got lost.

    Attributes
    ----------
    count
        How many.
    data
        The records, to be sent again; not all of them when there were more than 10,000, or than
        16 MiB of them.
    """

    def __init__(self, message: str, remedy: str, count: int, data: list[dict[str, Any]]) -> None:
        super().__init__("LL-PUBLISH-UNDELIVERED", message, remedy)
        self.count = count
        self.data = data


class Undelivered:
    """Collects failed deliveries from the client's callbacks, whichever thread they come in.

    Parameters
    ----------
    values
        Reads the publisher's own values again: what was not delivered is given back as records.
    """

    def __init__(self, values: ValueReader) -> None:
        self._reader = values
        self._lock = Lock()
        self.fatal = False  # the client has given up for good
        self._reset()

    def _reset(self) -> None:
        self._count = self._bytes = 0
        self._first: KafkaError | None = None
        self._values: list[bytes] = []

    def report(self, error: KafkaError | None, message: Message) -> None:
        """Note a record, if it failed: a delivery callback of the client's."""
        if error is not None:
            # See FATAL: the client may call us with its own error pending, which comes out of the
            # next call that Python checks. Not of one that matters: a lock would stay taken.
            try:  # noqa: SIM105  # suppress() would be such a call itself
                Lock()
            except SystemError:
                pass
            self._add(error, message)

    def _add(self, error: KafkaError, message: Message) -> None:
        value = message.value() or b""
        with self._lock:
            self._count += 1
            self._first = self._first or error
            if len(self._values) < KEPT_MAX_RECORDS and self._bytes + len(value) <= KEPT_MAX_BYTES:
                self._values.append(value)
                self._bytes += len(value)

    def take(self, topic: str, sent: int) -> UndeliveredError | None:
        """Return the error that tells of them, once."""
        with self._lock:
            count, first, values = self._count, self._first, self._values
            self._reset()
        if first is None:
            return None
        again = "send those again (the error's data)"
        return UndeliveredError(
            f"{count} of {sent} records for {topic} were not acknowledged: {first.str()}",
            f"this publisher is of no more use: with a new one, {again}"
            if self.fatal
            else f"look at the brokers (labline status), then {again}",
            count,
            [self._datum(value) for value in values],
        )

    def _datum(self, value: bytes) -> dict[str, Any]:
        datum = self._reader.decode(value)
        assert isinstance(datum, dict), datum  # it was checked before it was sent
        return datum
