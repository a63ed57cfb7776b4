"""Where to begin: ``earliest``, ``latest`` or a time, as offsets of a topic's partitions.

Called for a line's declared start and for ``--from`` and ``--to`` of the commands.
"""

from datetime import UTC, datetime

from confluent_kafka import IsolationLevel
from confluent_kafka.admin import OffsetSpec

from labline.engine.broker.clients import admin_client
from labline.engine.broker.reader import offsets_of, partition_offsets
from labline.engine.errors import LablineError


def parse_time_ms(text: str) -> int:
    """Return an ISO time in milliseconds since 1970; a date alone is midnight UTC.

    Raises
    ------
    LablineError
        ``LL-TIME-FORM`` when it is no time, or a time of day without a zone.

    Examples
    --------
    >>> parse_time_ms("2013-12-28"), parse_time_ms("2013-12-28T01:00:00+01:00")
    (1388188800000, 1388188800000)
    """
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        time = None
    if time is not None and len(text) == len("2013-12-28"):
        time = time.replace(tzinfo=UTC)
    if time is None or time.tzinfo is None:
        raise LablineError(
            "LL-TIME-FORM",
            f"{text!r} is not a time with a zone",
            "write it as 2013-12-28 or 2013-12-28T06:00:00Z",
        )
    return round(time.timestamp() * 1000)


def start_offsets(bootstrap: str, topic: str, start: str) -> dict[int, int]:
    """Return for every partition of `topic` the first offset to read.

    Parameters
    ----------
    start
        ``earliest``; ``latest``: the last stable offset, so that nothing committed later is
        missed; or a time: the first record with that timestamp or a later one.
    """
    known = partition_offsets(bootstrap, [topic])[topic]
    if start == "earliest":
        return {partition: offsets.start for partition, offsets in known.items()}
    latest = {partition: offsets.stable for partition, offsets in known.items()}
    if start == "latest":
        return latest
    spec = OffsetSpec.for_timestamp(parse_time_ms(start))
    answers = offsets_of(
        admin_client(bootstrap),
        [(topic, partition) for partition in known],
        spec,
        IsolationLevel.READ_COMMITTED,
    )
    offsets = {partition: answer.offset for (_, partition), answer in answers.items()}
    # -1: every record is older
    return {p: offset if offset >= 0 else latest[p] for p, offset in offsets.items()}
