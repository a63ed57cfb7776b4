"""Dead letters: what cannot be answered, with its original bytes and the reason."""

from typing import NamedTuple

from labline.engine.core.record import DEAD_LETTER, Emission, Record
from labline.schemas.rejection import Rejection

ERROR_PREFIX = "labline.error."
ATTEMPT_HEADER = "labline.error.attempt"
TIMESTAMP_HEADER = "labline.timestamp_ms"
TEXT_MAX_BYTES = 512  # a header's: a reason, not a dump
ATTEMPT_MAX = 1_000


class Origin(NamedTuple):
    """Where a rejected record came from, and what was in force."""

    topic: str
    partition: int
    line: str
    model: str
    schema: str


def dead_letter(record: Record, why: Rejection, origin: Origin) -> Emission:
    """Return the dead letter of a record: key and value verbatim, the reason in headers.

    The original headers are kept; those of an earlier attempt are replaced, so a letter that
    is tried again does not grow.

    Examples
    --------
    >>> why = Rejection("decode", "truncated", "the bytes end too early")
    >>> origin = Origin("flights", 3, "delay", "m@1", "Flight")
    >>> kind, key, value, headers = dead_letter((7, 99, b"k", b"?", None), why, origin)
    >>> kind, key, value, dict(headers)["labline.error.offset"]
    ('d', b'k', b'?', b'7')
    """
    offset, timestamp_ms, key, value, headers = record
    details = {
        "stage": why.stage,
        "reason": why.reason,
        "message": why.message,
        "topic": origin.topic,
        "partition": origin.partition,
        "offset": offset,
        "line": origin.line,
        "model": origin.model,
        "schema": origin.schema,
        "attempt": _attempts(record) + 1,
    }
    kept = [
        header
        for header in headers or ()
        if not header[0].startswith(ERROR_PREFIX) and header[0] != TIMESTAMP_HEADER
    ]
    added = [
        (ERROR_PREFIX + name, str(detail).encode()[:TEXT_MAX_BYTES])
        for name, detail in details.items()
    ]
    stamp = (TIMESTAMP_HEADER, str(timestamp_ms).encode())
    return DEAD_LETTER, key, value, [*kept, *added, stamp]


def _attempts(record: Record) -> int:
    """Return how often a record was tried before: a claim in a header, so only a bounded number."""
    for name, value in record[4] or ():
        if name == ATTEMPT_HEADER and value and len(value) <= 4 and value.isdigit():
            return min(int(value), ATTEMPT_MAX)
    return 0
