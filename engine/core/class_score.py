"""Scores of multiclass lines as bytes: ``labline.ClassScore`` and its shadow.

A ``ClassScore`` begins as a ``Score`` does, with the best class's probability, and ends with that
class and with the probabilities of all.
"""

import struct
from collections.abc import Sequence

from labline.engine.core.score import (
    NULL,
    RESERVED,
    SOME,
    EncodeAnswer,
    EncodeShadow,
    Place,
    about_the_answer,
    text,
)
from labline.schemas.avro import SINGLE_OBJECT_MARKER
from labline.schemas.engine_schemas import engine_schema
from labline.schemas.varint import varint

_DOUBLE = struct.Struct("<d").pack


class _Tail:
    """The end of a score: the best class, and an array of the probabilities."""

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


def class_answer_encoder(
    slot: str, model: str, place: Place, classes: Sequence[str]
) -> EncodeAnswer:
    """Return the encoder of a multiclass line's answers; see `answer_encoder`."""
    head = SINGLE_OBJECT_MARKER + engine_schema("labline.ClassScore").fingerprint
    middle, tail = NULL + about_the_answer(slot, model, place), _Tail(classes)

    def encode(
        about: bytes, offset: bytes, probabilities: Sequence[float], decision: bool
    ) -> bytes:
        answer = b"\x01" + SOME if decision else b"\x00" + SOME
        best, name = tail.best(probabilities)
        told = tail.all(probabilities)
        return head + about + answer + best + middle + offset + RESERVED + name + told

    return encode


def class_shadow_encoder(
    slots: Sequence[tuple[str, str]], place: Place, classes: Sequence[str]
) -> EncodeShadow:
    """Return the encoder of the other slots' scores; see `shadow_encoder`."""
    head = SINGLE_OBJECT_MARKER + engine_schema("labline.ClassShadow").fingerprint
    source = text(place.topic) + varint(place.partition)
    middle = varint(place.revision) + (varint(len(slots)) if slots else b"")
    names, tail = [text(slot) + text(model) for slot, model in slots], _Tail(classes)

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
