"""Scores laid out as bytes: answers of the public contract ``labline.Score``, and shadow scores.

`Task` asks for `encoders` once for each source partition and revision, and calls them for every
event: this is the factory's hot path. A multiclass line writes ``labline.ClassScore``: it begins as
a ``Score`` does, with the best class's probability, and ends with that class and the probabilities
of all. What is written is byte for byte what fastavro would write (tested), at a fifth of the cost;
`labline.engine.core.scores` reads it again.
"""

import struct
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

from labline.engine.core.kinds import BINARY, KINDS, MULTICLASS
from labline.engine.core.line import Line
from labline.schemas.avro import Schema
from labline.schemas.engine_schemas import engine_schema
from labline.schemas.varint import varint

#: subject, offset, score, decision -> bytes; the score is as the kind of the line has it
EncodeAnswer: TypeAlias = Callable[[bytes, bytes, Any, bool], bytes]
#: subject, offset, scores in slot order (None: the model had no valid one) -> bytes
EncodeShadow: TypeAlias = Callable[[bytes, bytes, Sequence[Any]], bytes]
#: Those of answers and of shadow scores.
Encoders: TypeAlias = tuple[EncodeAnswer, EncodeShadow]
#: (slot, model) for each slot, the one that answers first
Slots: TypeAlias = Sequence[tuple[str, str]]

_DOUBLE = struct.Struct("<d").pack
_SCORE, _SHADOW = map(engine_schema, BINARY.schemas)
_CLASS_SCORE, _CLASS_SHADOW = map(engine_schema, MULTICLASS.schemas)

NULL = b"\x00"
SOME = b"\x02"  # the second branch of ["null", "double"]
RESERVED = NULL * 3  # propensity, interval_low, interval_high


class Place(NamedTuple):
    """Where scores come from: a source partition, under a revision."""

    topic: str
    partition: int
    revision: int


def text(value: str) -> bytes:
    """Return Avro's form of a string: length, then UTF-8."""
    data = value.encode()
    return varint(len(data)) + data


def subject(identity: str, time_ms: int) -> bytes:
    """Return which event a score is about, as answers and shadow scores both begin."""
    return text(identity) + varint(time_ms)


def encoders(line: Line, slots: Slots, place: Place) -> Encoders:
    """Return what lays out the answers and the shadow scores of one source partition."""
    (slot, model), others, kind = slots[0], slots[1:], KINDS[line.kind]
    if kind.has_classes:
        return (
            class_answer_encoder(slot, model, place, line.classes),
            class_shadow_encoder(others, place, line.classes),
        )
    return (
        answer_encoder(slot, model, place, probable=kind.probable),
        shadow_encoder(others, place, probable=kind.probable),
    )


def answer_encoder(slot: str, model: str, place: Place, *, probable: bool = True) -> EncodeAnswer:
    """Return the encoder of one source partition's answers under one revision.

    Most of a score's bytes are the same from event to event: they are laid out once, and what an
    answer shares with its shadow (`subject`, and `varint` of the offset) is encoded once.

    Parameters
    ----------
    probable
        Whether the score is a probability; else it is a value.
    """
    head, middle = _SCORE.head, _answerer(slot, model, place)
    yes, no = b"\x01" + SOME, b"\x00" + SOME
    if probable:
        middle = NULL + middle  # value
    else:
        yes, no = b"\x01" + NULL + SOME, b"\x00" + NULL + SOME  # probability

    def encode(about: bytes, offset: bytes, score: float, decision: bool) -> bytes:
        answer = yes if decision else no
        return head + about + answer + _DOUBLE(score) + middle + offset + RESERVED

    return encode


def shadow_encoder(slots: Slots, place: Place, *, probable: bool = True) -> EncodeShadow:
    """Return the encoder of one record an event, with the scores of all other slots.

    Parameters
    ----------
    slots
        In the order in which scores will be given.
    probable
        Whether they are probabilities; else they are values.
    """
    head, source, middle, names = _shadow_parts(_SHADOW, slots, place)
    before, after = (b"", NULL) if probable else (NULL, b"")  # the other of the two

    def encode(about: bytes, offset: bytes, scores: Sequence[float | None]) -> bytes:
        parts = [head, about, source, offset, middle]
        for name, score in zip(names, scores, strict=True):
            number = NULL if score is None else SOME + _DOUBLE(score)
            parts += (name, before, number, after)
        parts.append(NULL)  # the array's end
        return b"".join(parts)

    return encode


def class_answer_encoder(
    slot: str, model: str, place: Place, classes: Sequence[str]
) -> EncodeAnswer:
    """Return the encoder of a multiclass line's answers; see `answer_encoder`."""
    head, middle = _CLASS_SCORE.head, NULL + _answerer(slot, model, place)
    tail = _Tail(classes)

    def encode(
        about: bytes, offset: bytes, probabilities: Sequence[float], decision: bool
    ) -> bytes:
        answer = b"\x01" + SOME if decision else b"\x00" + SOME
        best, name = tail.best(probabilities)
        rest = tail.all(probabilities)
        return head + about + answer + best + middle + offset + RESERVED + name + rest

    return encode


def class_shadow_encoder(slots: Slots, place: Place, classes: Sequence[str]) -> EncodeShadow:
    """Return the encoder of the other slots' scores; see `shadow_encoder`."""
    head, source, middle, names = _shadow_parts(_CLASS_SHADOW, slots, place)
    tail = _Tail(classes)

    def encode(about: bytes, offset: bytes, scores: Sequence[Sequence[float] | None]) -> bytes:
        parts = [head, about, source, offset, middle]
        for name, probabilities in zip(names, scores, strict=True):
            if probabilities is None:
                parts += (name, NULL * 4)  # probability, value, label, an empty array
            else:
                best, label = tail.best(probabilities)
                parts += (name, SOME, best, NULL, SOME, label, tail.all(probabilities))
        parts.append(NULL)  # the array's end
        return b"".join(parts)

    return encode


def _answerer(slot: str, model: str, place: Place) -> bytes:
    """Return who answered and from where, as it stands before an answer's offset."""
    source = varint(place.revision) + text(place.topic) + varint(place.partition)
    return text(slot) + text(model) + source


def _shadow_parts(
    schema: Schema, slots: Slots, place: Place
) -> tuple[bytes, bytes, bytes, list[bytes]]:
    """Return what is the same in all shadow records: head, source, middle, and slots' names."""
    source = text(place.topic) + varint(place.partition)
    middle = varint(place.revision) + (varint(len(slots)) if slots else b"")
    return schema.head, source, middle, [text(slot) + text(model) for slot, model in slots]


class _Tail:
    """The end of a class score: the best class, and an array of the probabilities."""

    def __init__(self, classes: Sequence[str]) -> None:
        self._names = [text(name) for name in classes]
        self._pack = struct.Struct(f"<{len(classes)}d").pack
        self._count = varint(len(classes))

    def best(self, probabilities: Sequence[float]) -> tuple[bytes, bytes]:
        """Return the best class's probability and name; of equal ones the first declared."""
        best = max(probabilities)
        return _DOUBLE(best), self._names[probabilities.index(best)]

    def all(self, probabilities: Sequence[float]) -> bytes:
        """Return the array."""
        return self._count + self._pack(*probabilities) + NULL
