"""A line's output records, as a re-run compares them: their source, their fields, equality.

Called by `line_outputs`, `source_pairs`, parity's table and what-if. What comes in is a record that
was written, or an emission that folding gives; what goes out are its named values. Whatever an
intruder wrote into a topic has a source and fields too, if only raw ones: nothing here raises.
"""

from collections.abc import Mapping
from typing import Any, TypeAlias

from labline.engine.core.dead_letter import ERROR_PREFIX
from labline.engine.core.kinds import CLASS_SCORES, SCORES
from labline.engine.core.record import ANSWER, DEAD_LETTER, SHADOW, Emission, Record
from labline.schemas.avro import Rejection
from labline.schemas.engine_schemas import engine_schema
from labline.schemas.framing import Headers

#: Topic, partition and offset of an input record.
Source: TypeAlias = tuple[str, int, int]

#: Kinds of output, as people are told them.
KINDS = {ANSWER: "answer", SHADOW: "shadow score", DEAD_LETTER: "dead letter"}
#: Schemas of scores, whatever the kind of the line.
SCHEMAS = dict(zip((ANSWER, SHADOW), zip(SCORES, CLASS_SCORES, strict=True), strict=True))


def source_of(kind: str, record: Record) -> Source:
    """Return from which input topic, partition and offset a written record comes."""
    if kind == DEAD_LETTER:
        headers = dict(record[4] or ())
        topic, partition, offset = (
            headers.get(ERROR_PREFIX + name) or b"" for name in ("topic", "partition", "offset")
        )
        return topic.decode(errors="replace"), _number(partition), _number(offset)
    values = fields(kind, record[2], record[3])
    return str(values.get("topic")), int(values.get("partition", -1)), int(values.get("offset", -1))


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
    decoded = (engine_schema(name).decode(value) for name in SCHEMAS[kind])
    score = next((datum for datum in decoded if not isinstance(datum, Rejection)), None)
    if score is None:
        return {"key": key, "value": value}
    shadows = {
        f"{shadow['slot']} {shadow['model']} {name}": shadow[name]
        for shadow in score.pop("scores", [])
        for name in shadow
        if name not in ("slot", "model")
    }
    return {**score, **shadows, "key": key}


def _number(text: bytes) -> int:
    return int(text) if text.isdigit() else -1  # an intruder's may say anything
