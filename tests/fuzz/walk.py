"""Bodies as a schema says, written by hand, and with lies: what no encoder would ever write."""

import struct
from collections.abc import Mapping
from random import Random
from typing import Any

from labline.schemas.shape import AvroType
from labline.schemas.varint import varint

NODES_MAX = 120  # of a body; then containers stay empty
SIZES = (0, 1, 1, 1, 2, 3)
LONGS = (0, 1, -1, 2**31 - 1, -(2**31), 2**31, 2**62, 2**63 - 1, -(2**63))
DOUBLES = (0.0, -0.0, 5e-324, 1.7976931348623157e308, float("nan"), float("inf"), float("-inf"))
TEXTS = (b"", b"a", "é".encode(), "日本".encode(), "\U0001f6eb".encode(), b"\x00", b"0-f", b"word")
BAD_TEXTS = (b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xf5\x80\x80\x80", b"\xc0\x80")
OVERLONG = (b"\x80" * 9 + b"\x00", b"\x80" * 30 + b"\x01", b"\xff" * 10 + b"\x01", b"\x80" * 70)


class Walk:
    """Writes bodies; at each step it lies with a given probability.

    Parameters
    ----------
    lies
        0 for bodies that fit the schema, if not always its constraints.
    """

    def __init__(self, source: Random, lies: float) -> None:
        self._source = source
        self._random, self._choice = source.random, source.choice
        self._lies = lies
        self._out = bytearray()
        self._nodes = 0

    def body(self, record: Mapping[str, Any]) -> bytes:
        """Return a body of a record schema whose named types are written out."""
        self._out = bytearray()
        self._nodes = 0
        self._record(record)
        return bytes(self._out)

    def _value(self, avro: AvroType, limits: Mapping[str, Any]) -> None:
        self._nodes += 1
        if self._random() < self._lies:
            self._lie()
        elif isinstance(avro, list):
            branch = self._source.randrange(len(avro))
            self._out += varint(branch)
            self._value(avro[branch], limits)
        elif isinstance(avro, str):
            self._primitive(avro, limits)
        else:
            self._complex(avro, limits)

    def _record(self, record: Mapping[str, Any]) -> None:
        for field in record["fields"]:
            self._value(field["type"], field)

    def _complex(self, avro: dict[str, Any], limits: Mapping[str, Any]) -> None:
        kind = avro["type"]
        if kind == "record":
            self._record(avro)
        elif kind == "enum":
            self._out += varint(self._source.randrange(len(avro["symbols"])))
        elif kind == "fixed":
            self._out += self._source.randbytes(avro["size"])
        else:
            self._blocks(avro, limits)

    def _blocks(self, avro: dict[str, Any], limits: Mapping[str, Any]) -> None:
        """Write an array or a map, in one block or several, their sizes in bytes told or not."""
        named, inner = avro["type"] == "map", avro["values" if avro["type"] == "map" else "items"]
        for _ in range(self._choice((0, 1, 1, 1, 2))):
            count = 1 if self._nodes > NODES_MAX else self._choice(SIZES[1:])
            start = len(self._out)
            for _ in range(count):
                if named:
                    self._bytes(self._choice(TEXTS))
                self._value(inner, limits)
            if self._random() < 0.1:
                size = len(self._out) - start
                self._out[start:start] = varint(-count) + varint(self._told(size))
            else:
                self._out[start:start] = varint(self._told(count))
            if self._nodes > NODES_MAX:
                break
        self._out += b"\x00"

    def _primitive(self, kind: str, limits: Mapping[str, Any]) -> None:
        if kind in ("int", "long"):
            self._out += varint(self._whole(limits))
        elif kind in ("float", "double"):
            number = self._real(limits)
            self._out += struct.pack("<d", number) if kind == "double" else _single(number)
        elif kind == "string":
            text = self._choice(TEXTS if self._random() >= self._lies else BAD_TEXTS)
            self._bytes(text * self._size())
        elif kind == "bytes":
            self._bytes(self._source.randbytes(self._size()))
        elif kind == "boolean":
            self._out.append(self._source.randrange(2))

    def _size(self) -> int:
        return self._choice(SIZES) if self._random() >= self._lies else 100

    def _whole(self, limits: Mapping[str, Any]) -> int:
        low, high = limits.get("minimum"), limits.get("maximum")
        if self._random() < self._lies:
            return self._choice(LONGS)
        return self._source.randint(-100 if low is None else low, 2_000 if high is None else high)

    def _real(self, limits: Mapping[str, Any]) -> float:
        low, high = limits.get("minimum"), limits.get("maximum")
        if self._random() < self._lies:
            return self._choice(DOUBLES)
        return self._source.uniform(-9.0 if low is None else low, 99.0 if high is None else high)

    def _bytes(self, content: bytes) -> None:
        self._out += varint(self._told(len(content))) + content

    def _told(self, count: int) -> int:
        """Return a count, or a lie about it."""
        if self._random() >= self._lies:
            return count
        return self._choice((count + 1, count - 1, -count, *LONGS))

    def _lie(self) -> None:
        """Write something else than a value, or nothing."""
        match self._source.randrange(5):
            case 0:
                self._out += varint(self._choice(LONGS))
            case 1:
                self._out += self._choice(OVERLONG)
            case 2:
                self._out += self._source.randbytes(self._source.randrange(1, 12))
            case 3:
                self._out += bytes((self._choice((0x01, 0x03, 0x7F, 0xFE)),))  # an index, a flag
            case 4:
                pass


def _single(number: float) -> bytes:
    try:
        return struct.pack("<f", number)
    except OverflowError:
        return struct.pack("<f", float("inf"))
