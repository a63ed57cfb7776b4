"""Scores as bytes: the public contract ``labline.Score`` and the shadow scores beside it.

Those of multiclass lines, ``labline.ClassScore``, are in `labline.engine.core.class_score`.
"""

import struct
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

from labline.engine.core.record import Headers
from labline.schemas.avro import SINGLE_OBJECT_MARKER
from labline.schemas.engine_schemas import engine_schema
from labline.schemas.varint import varint

#: subject, offset, score, decision -> bytes; the score is as the kind of the line has it
EncodeAnswer: TypeAlias = Callable[[bytes, bytes, Any, bool], bytes]
#: subject, offset, scores in slot order (None: the model had no valid one) -> bytes
EncodeShadow: TypeAlias = Callable[[bytes, bytes, Sequence[Any]], bytes]

TRACE_HEADER = "traceparent"  # W3C trace context: an answer belongs to its event's trace
_DOUBLE = struct.Struct("<d").pack
NULL = b"\x00"
SOME = b"\x02"  # the second branch of ["null", "double"]
RESERVED = NULL * 3  # propensity, interval_low, interval_high


def text(value: str) -> bytes:
    """Return Avro's form of a string: length, then UTF-8."""
    data = value.encode()
    return varint(len(data)) + data


def subject(identity: str, time_ms: int) -> bytes:
    """Return which event a score is about, as answers and shadow scores both begin."""
    return text(identity) + varint(time_ms)


def trace(headers: list[tuple[str, bytes | None]]) -> Headers:
    """Return the trace context among an event's headers, for its answer."""
    return [header for header in headers if header[0] == TRACE_HEADER] or None


class Place(NamedTuple):
    """Where scores come from: a source partition, under a revision."""

    topic: str
    partition: int
    revision: int


def answer_encoder(slot: str, model: str, place: Place, *, probable: bool = True) -> EncodeAnswer:
    """Return the encoder of one source partition's answers under one revision.

    Parameters
    ----------
    probable
        Whether the score is a probability; else it is a value.

    Most of a score's bytes are the same from event to event: they are laid out once, and what an
    answer shares with its shadow (`subject`, and `varint` of the offset) is encoded once. Equal
    to fastavro's bytes (tested), at a fifth of the cost.
    """
    head = SINGLE_OBJECT_MARKER + engine_schema("labline.Score").fingerprint
    middle = about_the_answer(slot, model, place)
    yes, no = b"\x01" + SOME, b"\x00" + SOME
    if probable:
        middle = NULL + middle  # value
    else:
        yes, no = b"\x01" + NULL + SOME, b"\x00" + NULL + SOME  # probability

    def encode(about: bytes, offset: bytes, score: float, decision: bool) -> bytes:
        answer = yes if decision else no
        return head + about + answer + _DOUBLE(score) + middle + offset + RESERVED

    return encode


def about_the_answer(slot: str, model: str, place: Place) -> bytes:
    """Return who answered and from where, as it stands before an answer's offset."""
    source = varint(place.revision) + text(place.topic) + varint(place.partition)
    return text(slot) + text(model) + source


def shadow_encoder(
    slots: Sequence[tuple[str, str]], place: Place, *, probable: bool = True
) -> EncodeShadow:
    """Return the encoder of one record an event, with the scores of all other slots.

    Parameters
    ----------
    slots
        (slot, model) in the order in which scores will be given.
    probable
        Whether they are probabilities; else they are values.
    """
    head = SINGLE_OBJECT_MARKER + engine_schema("labline.Shadow").fingerprint
    source = text(place.topic) + varint(place.partition)
    middle = varint(place.revision) + (varint(len(slots)) if slots else b"")
    names = [text(slot) + text(model) for slot, model in slots]

    before, after = (b"", NULL) if probable else (NULL, b"")  # the other of the two

    def encode(about: bytes, offset: bytes, scores: Sequence[float | None]) -> bytes:
        parts = [head, about, source, offset, middle]
        for name, score in zip(names, scores, strict=True):
            told = NULL if score is None else SOME + _DOUBLE(score)
            parts += (name, before, told, after)
        parts.append(NULL)  # the array's end
        return b"".join(parts)

    return encode
