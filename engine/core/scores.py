"""Score records as they are read again: answers, and the shadow scores beside them.

Whoever reads a line's topics (reports, the re-run of a journal, the lab, the demo) turns a record's
value into an `Answer` or a `Shadow` here, whatever the kind of the line; nobody else knows how a
score lies in its bytes. `labline.engine.core.score_encoders` writes them.

The lab reads millions of scores, so what is plainly laid out as the encoders lay it out is read in
one pass. Anything else is left to the schema, which decides and says why: this module may be faster
than the schema, never of another opinion (proved in ``tests/property``).
"""

import struct
from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

from labline.engine.core.kinds import BINARY, FINITE_MAX, MULTICLASS, LineKind
from labline.engine.core.score_encoders import RESERVED
from labline.schemas.engine_schemas import engine_schema
from labline.schemas.framing import SINGLE_OBJECT_HEAD_BYTES
from labline.schemas.rejection import OTHER_SCHEMA, PAYLOAD_MAX_BYTES, Rejection

_SCORE, _SHADOW = map(engine_schema, BINARY.schemas)
_CLASS_SCORE, _CLASS_SHADOW = map(engine_schema, MULTICLASS.schemas)
#: What reading in one pass raises for bytes that the schema is to decide about.
_UNSURE = (ValueError, IndexError, struct.error)
_DOUBLE = struct.Struct("<d").unpack_from
_DOUBLE_BYTES = 8
_INT_MAX = (1 << 31) - 1
_LONG_MAX_BITS = 63  # of ten bytes of a number, the last may carry bits beyond the 64th

#: Slot, model, revision, topic and partition of an answer.
_Origin: TypeAlias = tuple[str, str, int, str, int]
#: The origin that was read last and its bytes: the next answer nearly always has the same.
_last_origin: list[tuple[bytes, _Origin]] = [(b"no origin", ("", "", 0, "", 0))]


class Answer(NamedTuple):
    """An answer as it was written; the fields are those of the schema, in its order.

    Attributes
    ----------
    answer
        The decision.
    label, probabilities
        Of a multiclass line only: the best class, and the probabilities in the order of the line's
        classes.
    """

    id: str
    event_time_ms: int
    answer: bool
    probability: float | None
    value: float | None
    slot: str
    model: str
    revision: int
    topic: str
    partition: int
    offset: int
    propensity: float | None
    interval_low: float | None
    interval_high: float | None
    label: str | None = None
    probabilities: Sequence[float] = ()

    def score(self, kind: LineKind) -> Sequence[float]:
        """Return what the model answered: one number, or one for each class.

        Empty when a line of another kind wrote it.
        """
        return _score(self, kind)


class SlotScore(NamedTuple):
    """What one slot beside the champion answered; the fields are as those of `Answer`."""

    slot: str
    model: str
    probability: float | None
    value: float | None
    label: str | None = None
    probabilities: Sequence[float] = ()

    def score(self, kind: LineKind) -> Sequence[float]:
        """Return what the model answered, as `Answer.score`; empty when that was not valid."""
        return _score(self, kind)


class Shadow(NamedTuple):
    """What the slots that do not answer said about one event; the fields are the schema's."""

    id: str
    event_time_ms: int
    topic: str
    partition: int
    offset: int
    revision: int
    scores: Sequence[SlotScore]


def _score(written: Answer | SlotScore, kind: LineKind) -> Sequence[float]:
    if kind.has_classes:
        return written.probabilities
    number = getattr(written, kind.score_field)
    # the best class's probability is no score of a line that has no classes
    return () if number is None or written.label is not None else (number,)


def decode_answer(value: bytes | None) -> Answer | Rejection:
    r"""Return the answer that a record's value holds, whatever the kind of its line.

    Examples
    --------
    >>> from labline.engine.core.score_encoders import Place, answer_encoder, subject
    >>> encode = answer_encoder("champion", "linear@1", Place("flights", 0, 7))
    >>> answer = decode_answer(encode(subject("UA1", 5), b"\x50", 0.75, True))
    >>> answer.id, answer.score(BINARY), answer.answer, answer.model, answer.offset
    ('UA1', (0.75,), True, 'linear@1', 40)
    >>> decode_answer(b"another tool's").reason
    'unknown-framing'
    """
    try:
        if value and len(value) <= PAYLOAD_MAX_BYTES:
            if value.startswith(_SCORE.head):
                return _read_answer(value, has_classes=False)
            if value.startswith(_CLASS_SCORE.head):
                return _read_answer(value, has_classes=True)
    except _UNSURE:
        pass
    datum = _SCORE.decode(value)
    if datum is OTHER_SCHEMA:
        datum = _CLASS_SCORE.decode(value)
    return datum if isinstance(datum, Rejection) else Answer(**datum)


def decode_shadow(value: bytes | None) -> Shadow | Rejection:
    r"""Return the shadow scores that a record's value holds, whatever the kind of its line.

    Examples
    --------
    >>> from labline.engine.core.kinds import REGRESSION
    >>> from labline.engine.core.score_encoders import Place, shadow_encoder, subject
    >>> encode = shadow_encoder([("baseline", "mean"), ("challenger", "b@2")],
    ...     Place("flights", 0, 7), probable=False)
    >>> shadow = decode_shadow(encode(subject("UA1", 5), b"\x50", [12.5, None]))
    >>> [(one.model, one.score(REGRESSION)) for one in shadow.scores]
    [('mean', (12.5,)), ('b@2', ())]
    """
    try:
        if value and len(value) <= PAYLOAD_MAX_BYTES:
            if value.startswith(_SHADOW.head):
                return _read_shadow(value, has_classes=False)
            if value.startswith(_CLASS_SHADOW.head):
                return _read_shadow(value, has_classes=True)
    except _UNSURE:
        pass
    datum = _SHADOW.decode(value)
    if datum is OTHER_SCHEMA:
        datum = _CLASS_SHADOW.decode(value)
    if isinstance(datum, Rejection):
        return datum
    return Shadow(**{**datum, "scores": [SlotScore(**slot) for slot in datum["scores"]]})


def _read_answer(b: bytes, *, has_classes: bool) -> Answer:
    identity, i = _text(b, SINGLE_OBJECT_HEAD_BYTES)
    time_ms, i = _long(b, i)
    answer = b[i]
    probability, i = _nullable(b, i + 1, 0.0, 1.0)
    value, i = _nullable(b, i)
    origin, i = _origin(b, i)
    offset, i = _long(b, i)
    reserved, i = b[i : i + len(RESERVED)], i + len(RESERVED)
    label: str | None = None
    probabilities: Sequence[float] = ()
    if has_classes:
        label, i = _text(b, i)
        probabilities, i = _probabilities(b, i)
    if answer > 1 or reserved != RESERVED or i != len(b):
        raise ValueError
    slot, model, revision, topic, partition = origin
    return Answer(
        identity, time_ms, answer == 1, probability, value, slot, model, revision, topic,
        partition, offset, None, None, None, label, probabilities,
    )  # fmt: skip


def _read_shadow(b: bytes, *, has_classes: bool) -> Shadow:
    identity, i = _text(b, SINGLE_OBJECT_HEAD_BYTES)
    time_ms, i = _long(b, i)
    topic, i = _text(b, i)
    partition, i = _int(b, i)
    offset, i = _long(b, i)
    revision, i = _long(b, i)
    count, i = _long(b, i)
    scores = []
    for _ in range(count):
        slot, i = _text(b, i)
        model, i = _text(b, i)
        probability, i = _nullable(b, i, 0.0, 1.0)
        value, i = _nullable(b, i)
        if has_classes:
            label = None
            if b[i] == 2:
                label, i = _text(b, i + 1)
            elif b[i]:
                raise ValueError
            else:
                i += 1
            probabilities, i = _probabilities(b, i)
            scores.append(SlotScore(slot, model, probability, value, label, probabilities))
        else:
            scores.append(SlotScore(slot, model, probability, value))
    if count < 0 or b[i if count else i - 1 :] != b"\x00":
        raise ValueError
    return Shadow(identity, time_ms, topic, partition, offset, revision, scores)


def _origin(b: bytes, i: int) -> tuple[_Origin, int]:
    known, origin = _last_origin[0]
    if b.startswith(known, i):
        return origin, i + len(known)
    begin = i
    slot, i = _text(b, i)
    model, i = _text(b, i)
    revision, i = _long(b, i)
    topic, i = _text(b, i)
    partition, i = _int(b, i)
    _last_origin[0] = b[begin:i], (slot, model, revision, topic, partition)
    return _last_origin[0][1], i


def _probabilities(b: bytes, i: int) -> tuple[list[float], int]:
    count, i = _long(b, i)
    if not count:
        return [], i
    end = i + count * _DOUBLE_BYTES
    probabilities = list(struct.unpack(f"<{count}d", b[i:end]))
    if b[end] or not all(0.0 <= one <= 1.0 for one in probabilities):
        raise ValueError
    return probabilities, end + 1


def _nullable(
    b: bytes, i: int, low: float = -FINITE_MAX, high: float = FINITE_MAX
) -> tuple[float | None, int]:
    if not b[i]:
        return None, i + 1
    (number,) = _DOUBLE(b, i + 1)
    if b[i] != 2 or not low <= number <= high:
        raise ValueError
    return number, i + 1 + _DOUBLE_BYTES


def _text(b: bytes, i: int) -> tuple[str, int]:
    size, i = _long(b, i)
    if size < 0:
        raise ValueError
    return str(b[i : i + size], "utf-8"), i + size


def _int(b: bytes, i: int) -> tuple[int, int]:
    number, i = _long(b, i)
    if not -_INT_MAX <= number <= _INT_MAX:
        raise ValueError
    return number, i


def _long(b: bytes, i: int) -> tuple[int, int]:
    byte = b[i]
    number, bits = byte & 127, 7
    while byte > 127:
        i += 1
        byte = b[i]
        number |= (byte & 127) << bits
        bits += 7
    if bits > _LONG_MAX_BITS:
        raise ValueError
    return number >> 1 ^ -(number & 1), i + 1
