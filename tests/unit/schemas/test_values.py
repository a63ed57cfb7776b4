"""The door for value formats: what declares one, what finds one, and who knows which head."""

import json
import math
import pickle
from typing import Any, get_args
from uuid import UUID

import pytest

from labline.engine.core.line import Line
from labline.engine.errors import LablineError
from labline.engine.models.control.configuration import declaration
from labline.schemas.avro import Schema
from labline.schemas.framing import (
    GUID_MARKER,
    ID_HEADER,
    confluent_head,
    fingerprint_in,
    head_name,
    head_of,
    registry_key,
    single_object_head,
)
from labline.schemas.rejection import Rejection, SchemaViolation
from labline.schemas.values.formats import format_of, reader_of, value_formats
from labline.topics.declaration import Topic

FIELDS: list[dict[str, Any]] = [
    {"name": "id", "type": "string", "max_length": 9},
    {"name": "at", "type": "long", "event_time": True},
    {"name": "x", "type": ["null", "double"], "default": None, "minimum": -9},
    {"name": "raw", "type": "bytes", "default": "\u00ff"},
    {"name": "kind", "type": {"type": "enum", "name": "K", "symbols": ["A", "B"]}, "default": "B"},
]
SCHEMA = Schema.parse({"type": "record", "name": "R", "fields": FIELDS})
JSON = SCHEMA.written_as("json")
DATUM = {"id": "é", "at": 7, "x": 2.0, "raw": b"\xff\x00", "kind": "A"}


def reason(schema: Schema, value: bytes | None) -> str:
    found = reader_of(schema).decode(value)
    assert isinstance(found, Rejection), found
    return f"{found.stage}/{found.reason}"


def test_every_format_can_be_declared_and_every_declared_one_exists() -> None:
    declared = get_args(Topic.model_fields["format"].annotation)
    assert sorted(declared) == sorted(value_formats())


def test_a_schema_says_how_its_values_are_written() -> None:
    assert SCHEMA.written_as("avro") is SCHEMA
    assert JSON.written_as("avro").document == SCHEMA.document
    assert JSON.fingerprint == SCHEMA.fingerprint
    assert JSON.value_format == "json"
    with pytest.raises(LablineError, match="LL-SCHEMA-REFUSED: values of R are in the format"):
        format_of(SCHEMA.written_as("morse"))


def test_what_keeps_a_schema_keeps_its_format() -> None:
    line = Line.parse(
        {"name": "l", "kind": "anomaly", "events": "e", "id": "id", "features": {"numeric": ["x"]}}
    )
    kept = json.loads(json.dumps(declaration(line, JSON, None)["event_schema"]))
    for again in (Schema.parse(kept), pickle.loads(pickle.dumps(JSON))):  # noqa: S301  # our own
        assert reader_of(again).decode(b'{"id":"a","at":1}') == {
            "id": "a", "at": 1, "x": None, "raw": b"\xff", "kind": "B",
        }  # fmt: skip
    assert "value_format" not in declaration(line, SCHEMA, None)["event_schema"]


@pytest.mark.parametrize(
    ("head", "name", "key"),
    [
        (confluent_head(2**31), f"registry:{2**31}", 2**31),
        (GUID_MARKER + bytes(range(16)), f"registry:{bytes(range(16)).hex()}",
         UUID(bytes=bytes(range(16)))),
        (single_object_head(b"\x01" * 8), "avro:" + "01" * 8, None),
    ],
)  # fmt: skip
def test_heads_and_their_names(head: bytes, name: str, key: int | UUID | None) -> None:
    assert (head_name(head), head_of(name), registry_key(head)) == (name, head, key)
    assert fingerprint_in(head) == (None if key is not None else b"\x01" * 8)


def test_avro_is_read_in_every_framing() -> None:
    guid = GUID_MARKER + bytes(16)
    reader = reader_of(SCHEMA, {confluent_head(7): SCHEMA, guid: SCHEMA})
    values = format_of(SCHEMA)
    for schema_id in (None, 7):
        value = values.encoder(SCHEMA)(DATUM, values.head(SCHEMA, schema_id))
        assert reader.decode(value) == DATUM
    assert reader.decode(SCHEMA.encode(DATUM, b""), [(ID_HEADER, guid)]) == DATUM


def test_json_is_the_text_alone() -> None:
    values = format_of(JSON)
    assert values.head(JSON, 7) == b""
    value = values.encoder(JSON)(dict(reversed(DATUM.items())), values.head(JSON))
    assert value == '{"id":"é","at":7,"x":2.0,"raw":"ÿ\\u0000","kind":"A"}'.encode()
    assert reader_of(JSON).decode(value) == DATUM


def test_json_of_other_hands() -> None:
    """Another order, whole numbers for real ones, names that the schema lacks, blanks."""
    text = b' {"more": {"a": [1]}, "x": 2, "at": 7, "raw": "", "id": "\\u00e9"}\n'
    found = reader_of(JSON).decode(text)
    assert found == {"id": "é", "at": 7, "x": 2.0, "raw": b"", "kind": "B"}
    assert isinstance(found, dict)
    assert type(found["x"]) is float
    assert tuple(found) == JSON.field_names


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (None, "decode/empty-value"), (b"", "decode/empty-value"),
        (b"\xff", "decode/not-json"), (b"{", "decode/not-json"), (b'{"x": NaN}', "decode/not-json"),
        (b'{"id": "a", "id": "b"}', "decode/not-json"), (b"[" * 100_000, "decode/not-json"),
        (b"[]", "decode/not-an-object"), (b'"{}"', "decode/not-an-object"),
        (b"{}", "decode/mistyped"), (b'{"id": 1, "at": 7}', "decode/mistyped"),
        (b'{"id": "a", "at": 7.0}', "decode/mistyped"),
        (b'{"id": "a", "at": true}', "decode/mistyped"),
        (b'{"id": "a", "at": 9223372036854775808}', "decode/mistyped"),
        (b'{"id": "\\ud800", "at": 7}', "decode/mistyped"),
        (b'{"id": "a", "at": 7, "raw": "\\u0100"}', "decode/mistyped"),
        (b'{"id": "a", "at": 7, "kind": "C"}', "decode/mistyped"),
        (b'{"id": "a", "at": 7, "x": -10}', "constraints/out-of-range"),
        (b'{"id": "a", "at": 7, "x": 1e999}', "constraints/not-finite"),
        (b'{"id": "abcdefghij", "at": 7}', "constraints/too-long"),
        (b" " * 262_145, "decode/too-large"),
    ],
)  # fmt: skip
def test_reasons_of_json(text: bytes | None, why: str) -> None:
    assert reason(JSON, text) == why


def test_json_is_not_avro_nor_avro_json() -> None:
    value = SCHEMA.encode(DATUM)
    assert reason(JSON, value) == "decode/not-json"
    text = format_of(JSON).encoder(JSON)(DATUM, b"")
    assert reason(SCHEMA, text) == "decode/unknown-framing"


def test_a_renamed_and_a_dropped_field_are_read_as_in_avro() -> None:
    newer = Schema.parse(
        {**JSON.document, "fields": [{**FIELDS[0], "name": "name", "aliases": ["id"]}, FIELDS[1]]}
    )
    text = format_of(JSON).encoder(JSON)(DATUM, b"")
    assert reader_of(newer).decode(text) == {"name": "é", "at": 7}


def test_what_json_cannot_say_is_refused() -> None:
    free = Schema.parse(
        {"type": "record", "name": "R", "value_format": "json", "fields": [
            {"name": "x", "type": "double", "finite": False}, {"name": "s", "type": "string"}]}
    )  # fmt: skip
    encode = format_of(free).encoder(free)
    with pytest.raises(SchemaViolation, match="not-finite"):
        encode({"x": math.nan, "s": ""}, b"")
    with pytest.raises(SchemaViolation, match="mistyped"):
        encode({"x": 1.0, "s": "\ud800"}, b"")
    with pytest.raises(SchemaViolation, match="too-large"):
        encode({"x": 1.0, "s": "a" * 262_144}, b"")
    with pytest.raises(SchemaViolation, match="s is missing"):
        encode({"x": 1.0}, b"")


def test_rewriting_json_leaves_nothing_that_no_field_reads() -> None:
    text = b'{"id": "a", "at": 7, "x": 1, "secret": "s"}'
    left = reader_of(JSON).rewrite(text, None, lambda _: {"x": None})
    assert left == '{"id":"a","at":7,"x":null,"raw":"ÿ","kind":"B"}'.encode()
    assert isinstance(reader_of(JSON).rewrite(b"a@b.c", None, lambda _: {}), Rejection)
