"""Models, written source and the schema itself agree on every record."""

import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from labline.schemas.avro import Schema
from labline.schemas.rejection import SchemaViolation
from labline.schemas.shape import expand
from labline.schemas.source import source_of
from labline.schemas.types import model_of
from tests.property.test_encoder import changed, data, documents, parsed, places
from tests.slices import part

ROOT = Path(__file__).parents[2]
FLIGHTS, ENGINE = ROOT / "examples/flights/schemas", ROOT / "schemas/avsc"
ODD = (
        None, True, False, 0, 1, -4, 1.0, -0.0, 1e300, -1e39, 2**31, 2**53, 2**63, 10**400,
        math.nan, math.inf, -math.inf, "", "a", "b", "aaa", "a\n", b"", b"a", b"abcd", [], [1],
        [None], ["a"], {}, {"a": 1}, {"a": None}, {1: "a"},
)  # fmt: skip
ENUM = {"type": "enum", "name": "E", "symbols": ["a", "aaa"]}
FIXED = {"type": "fixed", "name": "F", "size": 2}
RECORD = {"type": "record", "name": "I", "fields": [{"name": "a", "type": ["int", "null"]}]}
NUMBERS = ({}, {"minimum": 0}, {"maximum": 0.5}, {"minimum": -3, "maximum": 1})
REAL = (
    *NUMBERS,
    {"finite": False},
    {"finite": False, "minimum": 0},
    {"maximum": 2**53 + 1},
    {"minimum": 2**53 + 1},
    {"minimum": 10**400},
)
TEXTS = ({}, {"max_length": 1}, {"pattern": "a*"}, {"pattern": "(?i)A|aaa", "max_length": 2},
         {"pattern": "(?x) a # or none"})  # fmt: skip
LENGTHS = ({}, {"max_length": 0}, {"max_length": 2})
SMALL = (
    *((of, words) for of in ("int", "long") for words in NUMBERS),
    *((of, words) for of in ("float", "double") for words in REAL),
    *((of, words) for of in ("string", ["null", "string"], [ENUM, "string"]) for words in TEXTS),
    *((of, words) for of in ("bytes", FIXED, [FIXED, "int"]) for words in LENGTHS),
    *((of, words) for of in (["int", "double"], ["long", "float", "null"]) for words in NUMBERS),
    *((of, words) for of in (["int", "long"], ["boolean", "float"]) for words in NUMBERS),
    *(({"type": "array", "items": of}, {}) for of in ("int", ["null", "string"], RECORD)),
    *(({"type": "map", "values": of}, {}) for of in ("long", RECORD["fields"][0]["type"])),
    *(
        (of, {})
        for of in ("boolean", ENUM, RECORD, ["null", RECORD, {"type": "array", "items": "int"}])
    ),
)


def written(schema: Schema) -> type[BaseModel]:
    """Return the model in the source that is written for a schema."""
    module: dict[str, Any] = {"__name__": "events"}
    exec(source_of([schema]), module)  # noqa: S102  # this is what people import
    models = [of for of in module.values() if isinstance(of, type) and issubclass(of, BaseModel)]
    return models[-1]  # a record stands after those that it is made of


def takes(model: type[BaseModel], datum: Any) -> bool:
    try:
        model.model_validate(datum)
    except ValidationError:
        return False
    return True


def encodes(schema: Schema, datum: Any) -> bool:
    try:
        schema.encode(datum)
    except SchemaViolation:
        return False
    return True


def only_encoding_takes(avro: Any, datum: Any) -> bool:
    """Tell whether a datum has what a model refuses on purpose: bytes for a list of numbers."""
    if isinstance(datum, dict):
        return any(only_encoding_takes(avro, value) for value in datum.values())
    if isinstance(datum, list):
        return any(only_encoding_takes(avro, value) for value in datum)
    return isinstance(datum, bytes) and '"array"' in str(avro).replace("'", '"')


@st.composite
def cases(draw: st.DrawFn) -> tuple[Schema, Any]:
    schema = parsed(draw(documents()))
    datum = draw(data(expand(schema.document)))
    if draw(st.booleans()):
        path = draw(st.sampled_from(places(datum)))
        datum = changed(datum, path, draw(st.sampled_from(ODD)))
    if isinstance(datum, dict) and datum and draw(st.integers(0, 9)) == 0:
        datum = {**datum, "more": 1} if draw(st.booleans()) else dict(list(datum.items())[1:])
    return schema, datum


def check_verdict(schema: Schema, models: tuple[type[BaseModel], ...], datum: Any) -> None:
    if only_encoding_takes(schema.document, datum):
        return
    wanted = encodes(schema, datum)
    assert [takes(model, datum) for model in models] == [wanted, wanted]
    if wanted:
        for model in models:
            dumped = model.model_validate(datum).model_dump()
            assert schema.encode(dumped) == schema.encode(datum)


@pytest.mark.slice
@given(cases())
@settings(max_examples=part(40, of=150), deadline=None, suppress_health_check=list(HealthCheck))
def test_one_verdict(case: tuple[Schema, Any]) -> None:
    schema, datum = case
    check_verdict(schema, (model_of(schema), written(schema)), datum)


@pytest.mark.parametrize(("avro", "words"), SMALL, ids=str)
def test_one_verdict_on_every_small_type(avro: Any, words: dict[str, Any]) -> None:
    fields = [{"name": "x", "type": avro, **words}]
    schema = Schema.parse({"type": "record", "name": "R", "fields": fields})
    models = (model_of(schema), written(schema))
    for value in ODD:
        check_verdict(schema, models, {"x": value})
    for datum in ({}, {"x": ODD[0], "y": 1}, None, [], 5, "x"):
        check_verdict(schema, models, datum)


@pytest.mark.parametrize(
    "path", [*sorted(FLIGHTS.rglob("*.avsc")), *sorted(ENGINE.glob("*.avsc"))], ids=lambda p: p.stem
)
def test_the_schemas_that_ship(path: Path) -> None:
    schema = Schema.load(path)
    assert list(model_of(schema).model_fields) == list(schema.field_names)
    assert list(written(schema).model_fields) == list(schema.field_names)
