"""The compiled encoder against the slow path: the same bytes, or the same reason, for any datum."""

import array
import enum
import re
import struct
from collections import OrderedDict
from collections.abc import Callable, Mapping
from decimal import Decimal
from fractions import Fraction
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from fastavro import parse_schema, schemaless_writer
from fastavro.validation import validate
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from labline.engine.errors import LablineError
from labline.schemas.avro import Schema
from labline.schemas.constraints import record_check
from labline.schemas.encoder import compile_encoder
from labline.schemas.rejection import (
    MISTYPED,
    PAYLOAD_MAX_BYTES,
    TOO_LARGE,
    Rejection,
    SchemaViolation,
)
from labline.schemas.shape import expand
from labline.schemas.varint import varint
from tests.slices import part

pytestmark = pytest.mark.slice

# a numpy float32 beside the greatest double says that, and compares rightly
pytestmark = pytest.mark.filterwarnings("ignore:overflow encountered in cast:RuntimeWarning")

HEAD = b"head"
LONGS = st.integers(-(2**63), 2**63 - 1)
EDGES = st.sampled_from([0, -1, 1, 8191, 8192, 2**31 - 1, 2**31, -(2**31) - 1, 2**53 + 1, 2**63])


class Number(int):
    """As an IntEnum's values and many libraries' numbers are."""


class Text(str):
    """As a StrEnum's values are."""

    __slots__ = ()


class Colour(enum.IntEnum):
    RED = 1


ODD = st.sampled_from(
    [
        None, True, False, 1, 1.0, -0.0, 10**400, float("nan"), float("inf"), 1e300, "", "a", "A",
        "\ud800", "a" * 9_000, b"a", b"ab", bytearray(b"a"), memoryview(b"a"), [], (), {}, [1],
        (1,), {"a": 1}, {1: "a"}, {"\ud800": 1}, Number(1), Text("a"), Colour.RED, Decimal(1),
        Fraction(1, 2), 1j, array.array("d", [1.0]), np.float64(1.5), np.float32(1.5), np.int64(1),
        np.bool_(True), np.str_("a"), np.array([1.0]), OrderedDict(f0=1), range(3), object(),
    ]
)  # fmt: skip


def slow(schema: Schema, datum: Any) -> bytes | Rejection:
    """Encode with fastavro and the checks, as it was before there was a compiled encoder."""
    parsed = parse_schema(schema.document)
    out = BytesIO(HEAD)
    out.seek(len(HEAD))
    options = {"strict": True, "disable_tuple_notation": True}
    try:
        if not validate(datum, parsed, raise_errors=False, **options):  # type: ignore[call-arg]
            return MISTYPED
        if set(datum) != set(schema.field_names):
            return MISTYPED
        if broken := record_check(expand(schema.document))(datum):
            return Rejection("constraints", *broken)
        schemaless_writer(out, parsed, datum, **options)  # type: ignore[arg-type]
    except (ValueError, TypeError, ArithmeticError, LookupError, struct.error):
        return MISTYPED
    return TOO_LARGE if out.tell() > PAYLOAD_MAX_BYTES else out.getvalue()


def compiled(document: dict[str, Any]) -> Callable[[Any, bytes], bytes]:
    """Return a schema's compiled encoder, which gives nothing for what it is not sure of."""

    def nothing(*args: object) -> bytes:
        del args
        return b""

    return compile_encoder(expand(document), nothing, PAYLOAD_MAX_BYTES)


def fast(schema: Schema, datum: Any) -> bytes | Rejection:
    try:
        return schema.encode(datum, HEAD)
    except SchemaViolation as violation:
        return violation.rejection


def agree(schema: Schema, datum: Any) -> None:
    found, wanted = fast(schema, datum), slow(schema, datum)
    if isinstance(wanted, Rejection) and wanted.reason == "mistyped":
        assert isinstance(found, Rejection)
        found = found._replace(message=wanted.message)  # the slow path of old named no field
    assert found == wanted


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a record schema with constraints here and there."""
    count = iter(range(1_000))

    def avro(depth: int, in_union: bool = False) -> Any:
        kinds = ["boolean", "int", "long", "float", "double", "double", "string", "bytes"]
        kinds += ["enum", "fixed"]
        if depth < 3:
            kinds += ["array", "map", "record"] + ([] if in_union else ["nullable", "union"])
        kind = draw(st.sampled_from(kinds))
        name = f"T{next(count)}"
        match kind:
            case "enum":
                symbols = draw(st.lists(st.sampled_from("aAbc"), min_size=1, unique=True))
                return {"type": "enum", "name": name, "symbols": symbols}
            case "fixed":
                return {"type": "fixed", "name": name, "size": draw(st.integers(1, 3))}
            case "array" | "map":
                part = "items" if kind == "array" else "values"
                return {"type": kind, part: avro(depth + 1)}
            case "record":
                return {"type": "record", "name": name, "fields": fields(depth + 1)}
            case "nullable":
                return draw(st.permutations(["null", avro(depth + 1, in_union=True)]))
            case "union":
                return [avro(depth + 1, in_union=True) for _ in range(draw(st.integers(1, 4)))] + (
                    ["null"] if draw(st.booleans()) else []
                )
        return kind

    def fields(depth: int) -> list[dict[str, Any]]:
        names = [f"f{n}" for n in range(draw(st.integers(1, 5)))]
        return [{"name": name, "type": avro(depth), **draw(CONSTRAINTS)} for name in names]

    return {"type": "record", "name": "R", "fields": fields(0)}


CONSTRAINTS = st.just({}) | st.sampled_from(
    [
        {"minimum": 0}, {"maximum": 0.5}, {"minimum": -3, "maximum": 9_000}, {"finite": False},
        {"finite": False, "minimum": -1}, {"max_length": 2}, {"pattern": "[aA]*"},
        {"minimum": -(2**70), "maximum": 2**70}, {"pattern": "[ab]", "max_length": 9},
    ]
)  # fmt: skip


def data(avro: Any) -> st.SearchStrategy[Any]:
    """Draw values of an expanded type, most of them right."""
    if isinstance(avro, list):
        return st.one_of(*map(data, avro))
    kind = avro if isinstance(avro, str) else avro["type"]
    match kind:
        case "enum":
            return st.sampled_from(avro["symbols"])
        case "fixed":
            return st.binary(min_size=avro["size"], max_size=avro["size"])
        case "array":
            return st.lists(data(avro["items"]), max_size=3)
        case "map":
            return st.dictionaries(st.text(max_size=2), data(avro["values"]), max_size=3)
        case "record":
            fields = {field["name"]: data(field["type"]) for field in avro["fields"]}
            return st.fixed_dictionaries(fields)
    return PRIMITIVES[kind]


PRIMITIVES: dict[str, st.SearchStrategy[Any]] = {
    "null": st.none(),
    "boolean": st.booleans(),
    "int": st.integers(-5, 10_000) | EDGES,
    "long": LONGS | EDGES,
    "float": st.floats(-2, 9_000) | st.floats() | EDGES,
    "double": st.floats(-2, 9_000) | st.floats() | EDGES,
    "string": st.text("aAb\u20ac", max_size=3) | st.text(max_size=3),
    "bytes": st.binary(max_size=3),
}


def places(datum: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the paths to all values in a datum."""
    found = [path]
    if isinstance(datum, Mapping):
        for name in datum:
            found += places(datum[name], (*path, name))
    elif isinstance(datum, list):
        for n, item in enumerate(datum):
            found += places(item, (*path, n))
    return found


def changed(datum: Any, path: tuple[Any, ...], value: Any) -> Any:
    """Return a copy of a datum with another value at a path."""
    if not path:
        return value
    copy = dict(datum) if isinstance(datum, Mapping) else list(datum)
    copy[path[0]] = changed(datum[path[0]], path[1:], value)
    return copy


def parsed(document: dict[str, Any]) -> Schema:
    try:
        return Schema.parse(document)
    except LablineError:  # a constraint that its type cannot have
        assume(False)
        raise


MANY = settings(
    deadline=None,
    max_examples=part(50, of=200),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


@MANY
@given(documents(), st.data())
def test_right_and_wrong_values_of_any_schema(
    document: dict[str, Any], draw: st.DataObject
) -> None:
    schema = parsed(document)
    datum = draw.draw(data(expand(document)))
    agree(schema, datum)
    path = draw.draw(st.sampled_from(places(datum)))
    agree(schema, changed(datum, path, draw.draw(ODD)))


@MANY
@given(documents(), st.data())
def test_missing_and_unknown_fields(document: dict[str, Any], draw: st.DataObject) -> None:
    schema = parsed(document)
    datum = draw.draw(data(expand(document)))
    records = [path for path in places(datum) if "f0" in (found := at(datum, path)) and found]
    record = at(datum, path := draw.draw(st.sampled_from(records)))
    agree(schema, changed(datum, path, {**record, "g": 1}))
    fewer = {name: value for name, value in record.items() if name != "f0"}
    agree(schema, changed(datum, path, fewer))
    agree(schema, changed(datum, path, {**fewer, "g": 1}))
    agree(schema, changed(datum, path, OrderedDict(record)))


def at(datum: Any, path: tuple[Any, ...]) -> Any:
    for step in path:
        datum = datum[step]
    return datum if isinstance(datum, Mapping) else {}


@pytest.mark.parametrize(
    ("avro", "values"),
    [
        ("double", [1.5, 2, -0.0]), ("float", [1.5, 2]), ("int", [-1, 5]), ("long", [-1, 2**62]),
        (["null", "double"], [None, 1.5, 2]), (["double", "null"], [None, 1.5]),
        ("string", ["", "aé\u20ac"]), ("bytes", [b"", b"a"]), ("boolean", [True, False]),
        ({"type": "enum", "name": "E", "symbols": ["a", "b"]}, ["b"]),
        ({"type": "fixed", "name": "F", "size": 2}, [b"ab"]),
        ({"type": "array", "items": "string"}, [[], ["a", "b"]]),
        ({"type": "map", "values": ["null", "long"]}, [{}, {"a": 1, "b": None}]),
        (["string", "long", "double", "null"], ["a", 1, 1.5, None]),
        (["float", "double"], [1.5]),
    ],
)  # fmt: skip
def test_plain_records_are_left_to_nobody(avro: Any, values: list[Any]) -> None:
    fields = [{"name": "x", "type": avro}, {"name": "d", "type": "double"}]
    document = {"type": "record", "name": "R", "fields": fields}
    encode = compiled(document)
    for value in values:
        datum = {"x": value, "d": 0.25}
        assert encode(datum, HEAD) == slow(Schema.parse(document), datum)


def test_no_text_of_the_schema_is_code() -> None:
    """A pattern, a symbol or a name that would be code if it were put into the source."""
    evil = '\'); raise SystemExit(1) #\n"""\\'
    document = {
        "type": "record",
        "name": "R",
        "doc": evil,
        "fields": [
            {"name": "join", "type": "string", "pattern": f"{re.escape(evil)}|x", "doc": evil},
            {"name": "encode", "type": "string", "default": evil},
            {"name": "Unsure", "type": "double", "minimum": -1e308},
        ],
    }
    schema = Schema.parse(document)
    datum = {"join": evil, "encode": evil, "Unsure": 1.0}
    assert compiled(document)(datum, HEAD) == slow(schema, datum)


def test_a_large_schema_goes_the_slow_way() -> None:
    fields = [{"name": f"f{n}", "type": ["null", "double"]} for n in range(2_000)]
    schema = Schema.parse({"type": "record", "name": "R", "fields": fields})
    datum = {field["name"]: 1.0 for field in fields}
    assert compiled(schema.document)(datum, HEAD) == b""
    agree(schema, datum)


@given(LONGS | st.integers(-(2**15), 2**15) | st.integers(2**27, 2**29) | st.integers(2**41, 2**43))
def test_varint(number: int) -> None:
    out = BytesIO()
    schemaless_writer(out, {"type": "long"}, number)
    assert varint(number) == out.getvalue()
