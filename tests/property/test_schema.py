"""Any bytes give a datum or a Rejection; what is encoded comes back."""

import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labline.schemas.avro import Schema
from labline.schemas.framing import SINGLE_OBJECT_MARKER
from labline.schemas.rejection import Rejection

FLIGHTS = Path(__file__).parents[2] / "examples/flights"
DEPARTED = Schema.load(FLIGHTS / "schemas/flights.departed/v1.avsc")
MANY = Schema.parse(
    {
        "type": "record",
        "name": "Many",
        "fields": [
            {"name": "flag", "type": "boolean"},
            {"name": "small", "type": "int", "minimum": -5, "maximum": 5},
            {"name": "large", "type": "long"},
            {"name": "real", "type": ["null", "double"]},
            {"name": "text", "type": "string", "max_length": 5},
            {"name": "raw", "type": "bytes"},
            {"name": "kind", "type": {"type": "enum", "name": "Kind", "symbols": ["A", "B"]}},
            {"name": "id", "type": {"type": "fixed", "name": "Id", "size": 4}},
            {"name": "list", "type": {"type": "array", "items": ["null", "string", "double"]}},
            {"name": "by_name", "type": {"type": "map", "values": "long"}, "minimum": 0},
            {
                "name": "inner",
                "type": {
                    "type": "record",
                    "name": "Inner",
                    "fields": [{"name": "x", "type": "double"}],
                },
            },
        ],
    }
)
LONGS = st.integers(-(2**63), 2**63 - 1)
DOUBLES = st.floats(allow_nan=False, allow_infinity=False)
DATA = st.fixed_dictionaries(
    {
        "flag": st.booleans(),
        "small": st.integers(-5, 5),
        "large": LONGS,
        "real": st.none() | DOUBLES,
        "text": st.text(max_size=5),
        "raw": st.binary(max_size=20),
        "kind": st.sampled_from(["A", "B"]),
        "id": st.binary(min_size=4, max_size=4),
        "list": st.lists(st.none() | st.text(max_size=3) | DOUBLES, max_size=5),
        "by_name": st.dictionaries(st.text(max_size=3), st.integers(0, 2**63 - 1), max_size=3),
        "inner": st.fixed_dictionaries({"x": DOUBLES}),
    }
)


def sound(schema: Schema, value: bytes | None) -> dict[str, Any] | Rejection:
    """Return what decoding gave, after checking that it is one of the two things it may be."""
    found = schema.decode(value)
    assert isinstance(found, dict | Rejection)
    if isinstance(found, dict):
        assert tuple(found) == schema.field_names
    return found


@given(DATA)
def test_round_trip(datum: dict[str, Any]) -> None:
    value = MANY.encode(datum)
    found = MANY.decode(value)
    assert found == datum
    assert isinstance(found, dict)
    assert MANY.encode(found) == value


@pytest.mark.parametrize("schema", [DEPARTED, MANY])
@given(data=st.data())
def test_any_bytes(schema: Schema, data: st.DataObject) -> None:
    body = data.draw(st.binary(max_size=300))
    assert isinstance(sound(schema, body), Rejection)  # no chance to hit the fingerprint
    sound(schema, SINGLE_OBJECT_MARKER + schema.fingerprint + body)


@given(DATA, st.data())
def test_truncations_and_flips(datum: dict[str, Any], data: st.DataObject) -> None:
    value = MANY.encode(datum)
    cut = data.draw(st.integers(0, len(value) - 1))
    assert isinstance(sound(MANY, value[:cut]), Rejection)
    flipped = bytearray(value)
    for at in data.draw(st.lists(st.integers(0, len(value) * 8 - 1), min_size=1, max_size=4)):
        flipped[at // 8] ^= 1 << at % 8
    found = sound(MANY, bytes(flipped))
    if isinstance(found, dict):  # another record, and a valid one
        assert -5 <= found["small"] <= 5
        assert math.isfinite(found["inner"]["x"])
        assert len(found["text"]) <= 5
