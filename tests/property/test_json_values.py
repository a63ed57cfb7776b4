"""JSON against Avro: the same Python values of any schema and the same refusals."""

from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from labline.schemas.avro import Schema
from labline.schemas.rejection import Rejection, SchemaViolation
from labline.schemas.shape import AvroType, expand
from labline.schemas.values.formats import format_of, reader_of
from tests.property.test_encoder import MANY, ODD, changed, data, documents, parsed, places

# a numpy float32 beside the greatest double says that, and compares rightly
pytestmark = pytest.mark.filterwarnings("ignore:overflow encountered in cast:RuntimeWarning")

TEXTS = {"string", "bytes", "fixed", "enum"}
NUMBERS = {"int", "long", "float", "double"}
OBJECTS = {"map", "record"}


def is_plain(avro: AvroType) -> bool:
    """Tell whether JSON says of every union which branch a value is of."""
    if isinstance(avro, list):
        kinds = [branch if isinstance(branch, str) else branch["type"] for branch in avro]
        alike = (TEXTS, NUMBERS, OBJECTS)
        return all(map(is_plain, avro)) and all(sum(k in of for k in kinds) < 2 for of in alike)
    if not isinstance(avro, dict):
        return True
    inner = [field["type"] for field in avro.get("fields", ())]
    return all(map(is_plain, [*inner, *(avro[w] for w in ("items", "values") if w in avro)]))


def written(schema: Schema, datum: Any) -> bytes | Rejection:
    values = format_of(schema)
    try:
        return values.encoder(schema)(datum, values.head(schema))
    except SchemaViolation as violation:
        return violation.rejection


@MANY
@given(documents(), st.data())
def test_a_record_is_the_same_as_in_avro(document: dict[str, Any], draw: st.DataObject) -> None:
    avro = parsed(document)
    assume(is_plain(expand(document)))
    as_json = avro.written_as("json")
    datum = draw.draw(data(expand(document)))
    path = draw.draw(st.sampled_from(places(datum)))
    for each in (datum, changed(datum, path, draw.draw(ODD))):
        value, text = written(avro, each), written(as_json, each)
        if isinstance(value, Rejection) or isinstance(text, Rejection):
            assert text == value or "not finite" in text.message  # type: ignore[union-attr]
        else:
            assert reader_of(as_json).decode(text) == reader_of(avro).decode(value)


@given(documents(), st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_any_bytes(document: dict[str, Any], value: bytes) -> None:
    schema = parsed({**document, "value_format": "json"})
    found = reader_of(schema).decode(value)
    assert isinstance(found, Rejection | dict)
