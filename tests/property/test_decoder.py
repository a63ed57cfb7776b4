"""The compiled decoder against fastavro and the flat check: the same answer for any bytes."""

import struct
from io import BytesIO
from itertools import product
from pathlib import Path
from typing import Any, NoReturn

import pytest
from fastavro import parse_schema, schemaless_reader
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labline.schemas.avro import Schema, body_decoder
from labline.schemas.avro_body import DecodeBody
from labline.schemas.constraints import record_check
from labline.schemas.decoder import compile_decoder
from labline.schemas.rejection import TRAILING, TRUNCATED, UNREADABLE, Rejection, SchemaViolation
from labline.schemas.shape import expand
from labline.schemas.varint import varint
from tests.slices import part

pytestmark = pytest.mark.slice

FLIGHTS = Path(__file__).parents[2] / "examples/flights/schemas"
START = 3
EDGES = st.sampled_from([0, -1, 1, 63, -64, 64, 8191, 8192, 2**31, -(2**31) - 1, 2**62, 2**63 - 1])
LONGS = (
    st.integers(-(2**63), 2**63 - 1)
    | EDGES
    | st.integers(1_356_998_400_000, 2**41)
    | st.integers(0, 62).map(lambda bit: 2**bit)
)
DOUBLES = st.floats(-200, 200) | st.floats() | st.sampled_from([-0.0, 1e300, 3.5e38])
TEXTS = st.text(max_size=4) | st.text(st.sampled_from("aAé\N{GRINNING FACE}"), max_size=90)
BOUNDS: Any = st.fixed_dictionaries(
    {}, optional={"minimum": st.sampled_from([-90, -0.5, 0]), "maximum": st.sampled_from([50, 1e9])}
)
REALS: Any = st.fixed_dictionaries({}, optional={"finite": st.just(False)}).flatmap(
    lambda found: BOUNDS.map(lambda more: found | more)
)
LIMITED: Any = st.fixed_dictionaries({}, optional={"max_length": st.sampled_from([0, 3, 80])})
PATTERNS: Any = st.fixed_dictionaries({}, optional={"pattern": st.sampled_from(["a*", "[^A]*"])})
KINDS: dict[str, tuple[Any, Any, Any]] = {  # type, words for it, its values
    "boolean": ("boolean", st.just({}), st.booleans()),
    "int": ("int", BOUNDS, st.integers(-(2**31), 2**31 - 1) | st.integers(-100, 100)),
    "long": ("long", BOUNDS, LONGS),
    "float": ("float", REALS, st.floats(width=32) | st.floats(-99, 99, width=32)),
    "double": ("double", REALS, DOUBLES),
    "string": ("string", st.builds(lambda a, b: a | b, LIMITED, PATTERNS), TEXTS),
    "bytes": ("bytes", LIMITED, st.binary(max_size=5) | st.binary(min_size=60, max_size=90)),
    "enum": ({"type": "enum", "symbols": ["A", "B", "C"]}, st.just({}), st.sampled_from("ABC")),
    "fixed": ({"type": "fixed", "size": 3}, LIMITED, st.binary(min_size=3, max_size=3)),
}
many = settings(
    max_examples=part(100, of=400),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)


def oracle(schema: Schema) -> DecodeBody:
    """Return what decides, and says why: fastavro, then the check."""
    check, used = record_check(expand(schema.document)), body_decoder(schema, schema)
    parsed = parse_schema(_bare(schema.document))

    def decode(value: bytes, start: int) -> dict[str, Any] | Rejection:
        found = read(value, start)
        assert _exactly(used(value, start)) == _exactly(found)  # wired in or not
        return found

    def read(value: bytes, start: int) -> dict[str, Any] | Rejection:
        source = BytesIO(value)
        source.seek(start)
        try:
            datum: Any = schemaless_reader(source, parsed, None)
        except EOFError:
            return TRUNCATED
        except Exception:
            return TRUNCATED if source.tell() == len(value) else UNREADABLE
        if source.tell() != len(value):
            return TRAILING
        broken = check(datum)
        return datum if broken is None else Rejection("constraints", *broken)

    return decode


def _bare(avro: Any) -> Any:
    """Return a schema without words that are not Avro's."""
    words = ("type", "name", "fields", "symbols", "size", "namespace")
    if isinstance(avro, dict):
        return {word: _bare(avro[word]) for word in words if word in avro}
    return [_bare(part) for part in avro] if isinstance(avro, list) else avro


def _exactly(found: dict[str, Any] | Rejection) -> Any:
    """Return an answer with its order, types and bits."""
    if isinstance(found, Rejection):
        return found
    return [
        (name, type(v), struct.pack("<d", v) if isinstance(v, float) else v)
        for name, v in found.items()
    ]


@st.composite
def schemas(draw: st.DrawFn) -> tuple[Schema, dict[str, Any]]:
    """Draw a flat record schema, and the strategies for its fields' values."""
    fields, values = [], {}
    kinds = st.sampled_from([*sorted(KINDS), "double", "double", "long"])
    for n, kind in enumerate(draw(st.lists(kinds, min_size=1, max_size=9))):
        avro, words, drawn = KINDS[kind]
        named = {**avro, "name": f"N{n}"} if isinstance(avro, dict) else avro
        form = draw(st.sampled_from(["plain", "null first", "null last"]))
        union = {"plain": named, "null first": ["null", named], "null last": [named, "null"]}
        fields.append({"name": f"f{n}", "type": union[form], **draw(words)})
        values[f"f{n}"] = drawn if form == "plain" else drawn | st.none()
    return Schema.parse({"type": "record", "name": "R", "fields": fields}), values


def forced(schema: Schema, datum: dict[str, Any]) -> bytes:
    """Return a record as bytes, whether or not it keeps the constraints."""
    try:
        return schema.encode(datum, b"\xff" * START)
    except SchemaViolation:
        free = [
            {"name": f["name"], "type": f["type"], **_unlimited(f)}
            for f in schema.document["fields"]
        ]
        return Schema.parse({**schema.document, "fields": free}).encode(datum, b"\xff" * START)


def _unlimited(field: Any) -> dict[str, Any]:
    leaves = field["type"] if isinstance(field["type"], list) else [field["type"]]
    return {"finite": False} if {"float", "double"} & {str(leaf) for leaf in leaves} else {}


def refuse(*_: object) -> NoReturn:
    raise AssertionError("left to the slow path")


@many
@given(st.data())
def test_right_records_are_read_without_the_slow_path(data: st.DataObject) -> None:
    schema, values = data.draw(schemas())
    datum = data.draw(st.fixed_dictionaries(values))
    value, slow = forced(schema, datum), oracle(schema)
    expected = slow(value, START)
    assert _exactly(compile_decoder(expand(schema.document), slow)(value, START)) == _exactly(
        expected
    )
    whole = [v for v in datum.values() if isinstance(v, int)]
    if isinstance(expected, dict) and all(abs(v) < 2**62 for v in whole):
        compile_decoder(expand(schema.document), refuse)(value, START)


@many
@given(st.data())
def test_cut_lengthened_and_mutated_bytes(data: st.DataObject) -> None:
    schema, values = data.draw(schemas())
    value = bytearray(forced(schema, data.draw(st.fixed_dictionaries(values))))
    slow = oracle(schema)
    decode = compile_decoder(expand(schema.document), slow)
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(START, len(value)))
        piece = data.draw(
            st.sampled_from(
                [b"", b"\x00", b"\x01", b"\x02", b"\x7f", b"\x80", b"\xff", b"\x80\x00"]
            )
            | st.binary(max_size=3)
            | LONGS.map(varint)
        )
        value[at : at + data.draw(st.integers(0, 3))] = piece
    for found in (bytes(value), bytes(value[: data.draw(st.integers(START, len(value)))])):
        assert _exactly(decode(found, START)) == _exactly(slow(found, START))


@many
@given(st.data())
def test_any_bytes(data: st.DataObject) -> None:
    schema, _ = data.draw(schemas())
    slow = oracle(schema)
    value = data.draw(st.binary(max_size=60))
    start = data.draw(st.integers(0, len(value)))
    found = compile_decoder(expand(schema.document), slow)(value, start)
    assert _exactly(found) == _exactly(slow(value, start))


@pytest.mark.parametrize("subject", ["flights.departed", "flights.arrived"])
def test_the_examples_schemas_are_flat(subject: str) -> None:
    schema = Schema.load(FLIGHTS / subject / "v1.avsc")
    assert compile_decoder(expand(schema.document), refuse) is not refuse


@pytest.mark.parametrize(
    "avro",
    [
        {"type": "array", "items": "int"},
        {"type": "map", "values": "int"},
        {"type": "record", "name": "Inner", "fields": [{"name": "x", "type": "int"}]},
        ["null", "int", "string"],
        ["int", "string"],
        ["int"],
    ],
)
def test_other_schemas_are_left_to_the_slow_path_whole(avro: Any) -> None:
    schema = Schema.parse({"type": "record", "name": "R", "fields": [{"name": "f", "type": avro}]})
    assert compile_decoder(expand(schema.document), refuse) is refuse


ODD_BYTES = [bytes((n,)) for n in (0, 1, 2, 3, 4, 6, 8, 127, 128, 129, 130, 132, 254, 255)]


@pytest.mark.parametrize(
    "avro",
    ["boolean", "int", "long", "string", "bytes", ["null", "double"], ["long", "null"],
     {"type": "enum", "name": "N", "symbols": ["A", "B", "C"]}],
    ids=str,
)  # fmt: skip
def test_odd_forms_of_right_values_read_as_ever(avro: Any) -> None:
    schema = Schema.parse({"type": "record", "name": "R", "fields": [{"name": "f", "type": avro}]})
    slow = oracle(schema)
    decode = compile_decoder(expand(schema.document), slow)
    taken = 0
    for first, second, third in product([b"", *ODD_BYTES], repeat=3):
        for tail in (b"", bytes(8), b"\x80" * 6 + b"\x01", b"\xff" * 8 + b"\x7f"):
            value = first + second + third + tail
            found = slow(value, 0)
            assert _exactly(decode(value, 0)) == _exactly(found)
            taken += isinstance(found, dict)
    assert taken


@many
@given(st.lists(LONGS, min_size=1, max_size=6), st.data())
def test_whole_numbers_in_a_row(numbers: list[int], data: st.DataObject) -> None:
    fields = [{"name": f"f{n}", "type": "long"} for n in range(len(numbers))]
    schema = Schema.parse({"type": "record", "name": "R", "fields": fields})
    value = bytearray(b"".join(map(varint, numbers)))
    at = data.draw(st.integers(0, len(value) - 1))
    value[at] ^= data.draw(st.sampled_from([0, 0x80, 1]))
    slow = oracle(schema)
    decode = compile_decoder(expand(schema.document), slow)
    assert _exactly(decode(bytes(value), 0)) == _exactly(slow(bytes(value), 0))


def test_a_length_of_three_bytes() -> None:
    fields = [{"name": "text", "type": "string"}, {"name": "raw", "type": "bytes"}]
    schema = Schema.parse({"type": "record", "name": "R", "fields": fields})
    datum = {"text": "a" * 8_191 + "\x04", "raw": b"a"}  # two bytes of it, and all still fits
    value = schema.encode(datum, b"")
    assert compile_decoder(expand(schema.document), oracle(schema))(value, 0) == datum


@pytest.mark.parametrize("bits", ["7f800001", "ffc12345", "7fffffff", "ff800000"])
def test_the_bits_of_what_is_no_number(bits: str) -> None:
    for kind, body in (("float", bytes.fromhex(bits)), ("double", bytes.fromhex(bits) + bytes(4))):
        fields = [{"name": "x", "type": kind, "finite": False}]
        schema = Schema.parse({"type": "record", "name": "R", "fields": fields})
        found = compile_decoder(expand(schema.document), refuse)(body[::-1], 0)
        assert _exactly(found) == _exactly(oracle(schema)(body[::-1], 0))


def test_a_bytearray_is_read_as_bytes() -> None:
    fields = [{"name": "raw", "type": "bytes"}]
    schema = Schema.parse({"type": "record", "name": "R", "fields": fields})
    found = compile_decoder(expand(schema.document), oracle(schema))(bytearray(b"\x02a"), 0)
    assert found == {"raw": b"a"}
    assert type(found["raw"]) is bytes
