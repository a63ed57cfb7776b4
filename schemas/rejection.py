"""Why a value is no record: bad data is a value here, not an exception.

Whoever decodes or checks returns a `Rejection` instead of a record; whoever counts or writes dead
letters reads its three words. Publishing alone raises, a `SchemaViolation`, because there the
caller can mend the datum. Reasons are counted and compared, so a released one keeps its spelling.
"""

from typing import NamedTuple

PAYLOAD_MAX_BYTES = 262_144  # of a value; a larger one is not looked at


class Rejection(NamedTuple):
    """Why a record is not taken.

    Attributes
    ----------
    stage
        Where: ``decode``, ``constraints``, ``time``, ``features`` …
    reason
        A short word in kebab case, to count by.
    message
        One sentence that names fields and never quotes values.
    """

    stage: str
    reason: str
    message: str


class SchemaViolation(ValueError):  # noqa: N818  # it is about the datum, not an error of ours
    """A datum that its own publisher's schema does not allow."""

    def __init__(self, rejection: Rejection) -> None:
        super().__init__(f"{rejection.reason}: {rejection.message}")
        self.rejection = rejection


EMPTY = Rejection("decode", "empty-value", "the record has no value")
TOO_LARGE = Rejection("decode", "too-large", f"the value has more than {PAYLOAD_MAX_BYTES} bytes")
UNKNOWN_FRAMING = Rejection("decode", "unknown-framing", "the value is not framed as Avro")
UNKNOWN_SCHEMA = Rejection(
    "decode", "unknown-schema", "the value was written with a schema that is not known here"
)
OTHER_SCHEMA = Rejection("decode", "other-schema", "the value was written with another schema")
TRUNCATED = Rejection("decode", "truncated", "the bytes end before the record does")
UNREADABLE = Rejection("decode", "unreadable", "the bytes are not a record of the schema")
TRAILING = Rejection("decode", "trailing-bytes", "bytes are left after the record")
CANNOT_RESOLVE = Rejection(
    "decode", "cannot-resolve", "the value's schema cannot be read as this topic's"
)
MISTYPED = Rejection("decode", "mistyped", "a field is missing, unknown or of another type")
