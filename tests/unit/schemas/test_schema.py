"""Schemas: what is refused, what is rejected and why, and what the bytes are."""

import json
import math
import struct
from io import BytesIO
from pathlib import Path
from typing import Any

import fastavro
import pytest

from labline.engine.errors import LablineError
from labline.schemas.avro import Schema
from labline.schemas.engine_schemas import engine_schema
from labline.schemas.framing import SINGLE_OBJECT_MARKER
from labline.schemas.rejection import PAYLOAD_MAX_BYTES, Rejection, SchemaViolation

DEPARTED = Path(__file__).parents[3] / "examples/flights/schemas/flights.departed/v1.avsc"
EMPTY_FIXED = {"type": "fixed", "name": "F", "size": 0}


def record(*fields: Any, name: str = "R", **more: Any) -> dict[str, Any]:
    return {"type": "record", "name": name, "fields": list(fields), **more}


def one(avro: Any, **attributes: Any) -> Schema:
    """Return a schema of the single field x."""
    return Schema.parse(record({"name": "x", "type": avro, **attributes}))


def framed(schema: Schema, body: bytes) -> bytes:
    return SINGLE_OBJECT_MARKER + schema.fingerprint + body


def reason(schema: Schema, value: bytes | None) -> str:
    found = schema.decode(value)
    assert isinstance(found, Rejection), found
    return f"{found.stage}/{found.reason}"


@pytest.mark.parametrize(
    "document",
    [
        {"type": "enum", "name": "E", "symbols": ["A"]},
        "string",
        record(),
        record({"name": "x", "type": "null"}),
        record({"name": "x", "type": {"type": "array", "items": "null"}}),
        record({"name": "x", "type": {"type": "array", "items": record(name="Empty")}}),
        record({"name": "x", "type": {"type": "map", "values": EMPTY_FIXED}}),
        record({"name": "next", "type": ["null", "R"]}),
        record({"name": "next", "type": ["null", "ns.R"]}, namespace="ns"),
        record({"name": "x", "type": record({"name": "y", "type": ["null", "R"]}, name="S")}),
        record({"name": "x; drop", "type": "int"}),
        record({"name": "x", "type": "int"}, {"name": "x", "type": "int"}),
        record({"name": "x", "type": "int"}, name="a-b"),
        record({"name": "x", "type": "unheard.Of"}),
        record({"name": "x", "type": [["null", "int"], "string"]}),
        record({"name": "x", "type": []}),
        record({"name": "x", "type": {"type": "enum", "name": "E", "symbols": ["a b"]}}),
        record({"name": "x", "type": "int", "minimum": "1"}),
        record({"name": "x", "type": "int", "minimum": 2, "maximum": 1}),
        record({"name": "x", "type": "string", "minimum": 1}),
        record({"name": "x", "type": "int", "pattern": "a"}),
        record({"name": "x", "type": "string", "pattern": "("}),
        record({"name": "x", "type": "string", "max_length": -1}),
        record({"name": "x", "type": "double", "finite": "no"}),
        record({"name": "x", "type": "int", "event_time": True}),
        record({"name": "x", "type": ["null", "long"], "event_time": True}),
        record(
            {"name": "x", "type": "long", "event_time": True},
            {"name": "y", "type": "long", "event_time": True},
        ),
    ],
)  # fmt: skip
def test_refused(document: Any) -> None:
    with pytest.raises(LablineError, match="LL-SCHEMA-REFUSED"):
        Schema.parse(document)


def test_depth_and_doubling_are_refused() -> None:
    deep: Any = "int"
    for _ in range(40):
        deep = {"type": "array", "items": deep}
    with pytest.raises(LablineError, match="nested too deeply"):
        Schema.parse(record({"name": "x", "type": deep}))
    fields = [{"name": "f0", "type": record({"name": "x", "type": "int"}, name="R0")}]
    for level in range(1, 20):  # each record holds the one before twice: 2 ** 20 ints
        inner = [{"name": name, "type": f"R{level - 1}"} for name in "ab"]
        fields.append({"name": f"f{level}", "type": record(*inner, name=f"R{level}")})
    with pytest.raises(LablineError, match="too large"):
        Schema.parse(record(*fields))


def test_a_named_type_may_be_used_again() -> None:
    point = record({"name": "v", "type": "double"}, name="Point")
    schema = Schema.parse(
        record({"name": "a", "type": point}, {"name": "b", "type": "Point"}, namespace="ns")
    )
    datum = {"a": {"v": 1.0}, "b": {"v": 2.0}}
    assert schema.decode(schema.encode(datum)) == datum
    with pytest.raises(SchemaViolation, match="not-finite"):
        schema.encode({"a": {"v": 1.0}, "b": {"v": math.nan}})


def test_reasons_of_decoding() -> None:
    schema = one("string")
    value = schema.encode({"x": "abc"})
    assert schema.decode(value) == {"x": "abc"}
    assert reason(schema, None) == reason(schema, b"") == "decode/empty-value"
    assert reason(schema, b'{"x": "abc"}') == "decode/unknown-framing"
    assert reason(schema, b"\x00\x00\x00\x00\x01\x06abc") == "decode/unknown-framing"
    assert reason(schema, one("bytes").encode({"x": b"abc"})) == "decode/other-schema"
    assert {reason(schema, value[:n]) for n in range(2, len(value))} == {"decode/truncated"}
    assert reason(schema, value + b"\x00") == "decode/trailing-bytes"
    assert reason(schema, framed(schema, b"\x02\xff\x00")) == "decode/unreadable"
    assert reason(schema, bytes(PAYLOAD_MAX_BYTES + 1)) == "decode/too-large"


def test_bombs_are_cheap_rejections() -> None:
    longs = one({"type": "array", "items": "long"})
    huge = b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01"  # 2 ** 63 - 1
    assert reason(longs, framed(longs, huge)) == "decode/truncated"
    assert isinstance(one("bytes").decode(framed(one("bytes"), huge)), Rejection)
    assert isinstance(longs.decode(framed(longs, b"\xff" * 200)), Rejection)
    union = one(["null", "int"])
    assert reason(union, framed(union, b"\x08\x00")) == "decode/unreadable"
    enum = one({"type": "enum", "name": "E", "symbols": ["A"]})
    assert reason(enum, framed(enum, b"\x08\x00")) == "decode/unreadable"


@pytest.mark.parametrize(
    ("avro", "attributes", "good", "bad", "word"),
    [
        ("double", {}, 1.5, math.nan, "not-finite"),
        ("double", {}, -0.0, math.inf, "not-finite"),
        ("float", {}, 1.5, -math.inf, "not-finite"),
        ("double", {"minimum": 0, "maximum": 1}, 1.0, 1.0000000001, "out-of-range"),
        ("double", {"finite": False, "minimum": 0}, math.inf, -1.0, "out-of-range"),
        (["null", "double"], {"minimum": 0}, None, -1.0, "out-of-range"),
        ("long", {"maximum": 7}, 7, 8, "out-of-range"),
        ("string", {"max_length": 3}, "äöü", "abcd", "too-long"),
        ("bytes", {"max_length": 3}, b"abc", b"abcd", "too-long"),
        ("string", {"pattern": "[a-z]+"}, "ab", "ab1", "pattern"),
        ("string", {"pattern": "[a-z]+"}, "ab", "ab\n", "pattern"),
        ({"type": "array", "items": "double"}, {"minimum": 0}, [0.0], [0.0, -1.0], "out-of-range"),
        ({"type": "map", "values": "double"}, {}, {"a": 1.0}, {"a": math.nan}, "not-finite"),
        (["string", "double"], {"maximum": 1, "max_length": 1}, "a", 2.0, "out-of-range"),
        (["string", "double"], {"maximum": 1, "max_length": 1}, 0.5, "ab", "too-long"),
        (["null", record({"name": "y", "type": "int", "minimum": 1}, name="S")], {},
         {"y": 1}, {"y": 0}, "out-of-range"),
    ],
)  # fmt: skip
def test_constraints(avro: Any, attributes: dict[str, Any], good: Any, bad: Any, word: str) -> None:
    schema = one(avro, **attributes)
    assert schema.decode(schema.encode({"x": good})) == {"x": good}
    with pytest.raises(SchemaViolation) as caught:
        schema.encode({"x": bad})
    body = BytesIO()
    fastavro.schemaless_writer(body, fastavro.parse_schema(schema.document), {"x": bad})
    found = schema.decode(framed(schema, body.getvalue()))
    assert found == caught.value.rejection
    assert (found.stage, found.reason) == ("constraints", word)
    assert str(bad) not in found.message


def test_an_int_of_more_than_32_bits_is_out_of_range() -> None:
    wide, narrow = one("long"), one("int")
    body = wide.encode({"x": 2**31})[10:]
    assert reason(narrow, framed(narrow, body)) == "constraints/out-of-range"


@pytest.mark.parametrize(
    "datum",
    [{}, {"x": "1"}, {"x": True}, {"x": None}, {"x": 1, "y": 2}, {"x": 2**31}, {"x": 1.5}],
)
def test_encode_is_strict(datum: dict[str, Any]) -> None:
    with pytest.raises(SchemaViolation, match="mistyped"):
        one("int").encode(datum)


def test_encode_says_no_to_half_a_surrogate_pair_and_to_too_much() -> None:
    with pytest.raises(SchemaViolation, match="mistyped"):
        one("string").encode({"x": "\ud800"})
    with pytest.raises(SchemaViolation, match="too-large"):
        one("string").encode({"x": "a" * PAYLOAD_MAX_BYTES})


def test_logical_types_stay_plain() -> None:
    schema = one({"type": "long", "logicalType": "timestamp-millis"})
    for number in (0, -1, 2**62):
        assert schema.decode(schema.encode({"x": number})) == {"x": number}


def test_fingerprint_and_framing_are_those_of_avro() -> None:
    # from the specification's canonical form, by the bytewise algorithm it prints
    canonical = b'{"name":"R","type":"record","fields":[{"name":"x","type":"int"}]}'
    value = 0xC15D213AA4D7A795
    for byte in canonical:
        value ^= byte
        for _ in range(8):
            value = (value >> 1) ^ (0xC15D213AA4D7A795 if value & 1 else 0)
    schema = one("int", doc="not part of the fingerprint", minimum=-5)
    assert schema.fingerprint == struct.pack("<Q", value)
    assert schema.encode({"x": -2}) == b"\xc3\x01" + schema.fingerprint + b"\x03"


def test_load(tmp_path: Path) -> None:
    schema = Schema.load(DEPARTED)
    assert (schema.name, schema.event_time) == ("flights.Departed", "event_time")
    assert schema.document == json.loads(DEPARTED.read_text())
    (tmp_path / "bad.avsc").write_text("{")
    with pytest.raises(LablineError, match="LL-SCHEMA-FILE"):
        Schema.load(tmp_path / "bad.avsc")
    (tmp_path / "no.avsc").write_text('{"type": "record", "name": "A", "fields": []}')
    with pytest.raises(LablineError, match=r"LL-SCHEMA-REFUSED: no\.avsc"):
        Schema.load(tmp_path / "no.avsc")


@pytest.mark.parametrize("name", ["Score", "Shadow", "Journal", "Vitals"])
def test_the_engines_schemas_are_documented(name: str) -> None:
    schema = engine_schema(f"labline.{name}")
    assert schema.name == f"labline.{name}"
    assert schema.document["doc"]
    assert all(field["doc"] for field in schema.document["fields"])


def test_unknown_engine_schema() -> None:
    with pytest.raises(LablineError, match="LL-SCHEMA-UNKNOWN"):
        engine_schema("labline.Nothing")
