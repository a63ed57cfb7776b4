"""A line's output records, as a re-run compares them: their source, their fields, equality.

Called by `line_outputs`, `source_pairs`, parity's table and what-if. What comes in is a record that
was written, or an emission that folding gives; what goes out are its named values. Whatever an
intruder wrote into a topic has a source and fields too, if only raw ones: nothing here raises.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from labline.engine.core.dead_letter import ERROR_PREFIX
from labline.engine.core.record import ANSWER, DEAD_LETTER, SHADOW, Emission, Record
from labline.engine.core.scores import Answer, Shadow, decode_answer, decode_shadow
from labline.schemas.framing import Headers
from labline.schemas.rejection import Rejection

#: Topic, partition and offset of an input record.
Source: TypeAlias = tuple[str, int, int]

#: Kinds of output, as people are told them.
OUTPUTS = {ANSWER: "answer", SHADOW: "shadow score", DEAD_LETTER: "dead letter"}
DECODE: Mapping[str, Callable[[bytes | None], Answer | Shadow | Rejection]] = {
    ANSWER: decode_answer,
    SHADOW: decode_shadow,
}
NO_SOURCE: Source = ("", -1, -1)


def source_of(kind: str, record: Record) -> Source:
    """Return from which input topic, partition and offset a written record comes.

    An intruder that holds no score, where there should be one, comes from nowhere: `NO_SOURCE`.
    """
    if kind == DEAD_LETTER:
        headers = dict(record[4] or ())
        topic, partition, offset = (
            headers.get(ERROR_PREFIX + name) or b"" for name in ("topic", "partition", "offset")
        )
        return topic.decode(errors="replace"), _number(partition), _number(offset)
    score = DECODE[kind](record[3])
    if isinstance(score, Rejection):
        return NO_SOURCE
    return score.topic, score.partition, score.offset


def emission_source(emission: Emission) -> Source:
    """Return from which input topic, partition and offset an emission comes."""
    kind, key, value, headers = emission
    return source_of(kind, (-1, -1, key, value, headers))


def is_same(record: Record, emission: Emission) -> bool:
    """Tell whether a written record is what folding gives, a dead letter's reasons included.

    Its other headers are its producer's.
    """
    kind, key, value, headers = emission
    if (record[2], record[3]) != (key, value):
        return False
    return kind != DEAD_LETTER or reasons(record[4]) == reasons(headers)


def reasons(headers: Headers) -> dict[str, bytes | None]:
    """Return what a dead letter says of why it is one.

    Examples
    --------
    >>> reasons([("mine", b"1"), ("labline.error.reason", b"future")])
    {'labline.error.reason': b'future'}
    """
    return {name: value for name, value in headers or () if name.startswith(ERROR_PREFIX)}


def fields(
    kind: str, key: bytes | None, value: bytes | None, headers: Headers = None
) -> Mapping[str, Any]:
    """Return a record as named values: decoded where it is a score, raw where it is not."""
    if key is None and value is None and not headers:
        return {}
    if kind == DEAD_LETTER:
        return {"key": key, "value": value, **reasons(headers)}
    score = DECODE[kind](value)
    if isinstance(score, Rejection):
        return {"key": key, "value": value}
    named = score._asdict()
    for slot in named.pop("scores", ()):
        prefix = f"{slot.slot} {slot.model} "
        named |= {prefix + name: slot[at] for at, name in enumerate(slot._fields) if at > 1}
    return {**named, "key": key}


def _number(text: bytes) -> int:
    return int(text) if text.isdigit() else -1  # an intruder's may say anything
