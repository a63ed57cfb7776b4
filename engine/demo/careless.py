"""A careless publisher: records that no schema allows, of every kind that is seen in the field.

The demo and the tests publish them among good records: each must become one dead letter. The same
seed gives the same records.
"""

import json
import math
import random
from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Any

from fastavro import parse_schema, schemaless_writer

from labline.schemas.avro import Schema
from labline.schemas.rejection import Rejection

KINDS = (
    "truncated",
    "unknown-framing",
    "text",
    "empty",
    "wrong-types",
    "not-a-number",
    "out-of-range",
)
SEED = 2013


def careless(
    schema: Schema, count: int = 200, seed: int = SEED
) -> Iterator[tuple[bytes, bytes | None, str]]:
    """Yield (key, value, kind) of broken records for ``flights.departed``.

    The kinds take turns; the same seed gives the same bytes.

    Parameters
    ----------
    schema
        Of ``flights.departed``.
    """
    source = random.Random(seed)  # noqa: S311  # the same mess every time, not a secret
    for turn in range(count):
        kind = KINDS[turn % len(KINDS)]
        datum = _departure(source)
        value = _BREAK[kind](schema, datum, source)
        assert isinstance(schema.decode(value), Rejection), kind
        yield str(datum["flight_key"]).encode(), value, kind


def _departure(source: random.Random) -> dict[str, Any]:
    """Return a departure that is right but for being made up."""
    number, minute = source.randrange(1, 9000), source.randrange(0, 60)
    hour_ms = 1_357_034_400_000 + source.randrange(0, 360 * 24) * 3_600_000
    return {
        "id": f"ZZ-{number}-JFK-20130101T05{minute:02}",
        "event_time": hour_ms + minute * 60_000,
        "flight_key": f"ZZ{number}",
        "scheduled": hour_ms,
        "carrier": "ZZ",
        "flight": number,
        "tailnum": None,
        "origin": "JFK",
        "dest": "BOS",
        "dep_delay": float(minute),
        "distance": 187.0,
        "temp": 50.0,
        "humid": 60.0,
        "wind_speed": 10.0,
        "precip": 0.0,
        "pressure": 1013.0,
        "visib": 10.0,
    }


def _written(document: dict[str, Any], schema: Schema, datum: dict[str, Any]) -> bytes:
    """Return what a publisher that checks nothing writes, framed as if it were right."""
    out = BytesIO()
    out.write(schema.head)
    schemaless_writer(out, parse_schema(document), datum)
    return out.getvalue()


def _truncated(schema: Schema, datum: dict[str, Any], source: random.Random) -> bytes:
    value = schema.encode(datum)
    return value[: source.randrange(11, len(value))]


def _unknown_framing(schema: Schema, datum: dict[str, Any], source: random.Random) -> bytes:
    """Return a right body behind the head of a registry that is not there."""
    return b"\x00" + source.randrange(1, 500).to_bytes(4, "big") + schema.encode(datum)[10:]


def _text(schema: Schema, datum: dict[str, Any], source: random.Random) -> bytes:
    del schema, source
    return json.dumps(datum).encode()


def _empty(schema: Schema, datum: dict[str, Any], source: random.Random) -> bytes | None:
    del schema, datum
    return source.choice((None, b""))


def _wrong_types(schema: Schema, datum: dict[str, Any], source: random.Random) -> bytes:
    """Return a body in which every number was written as text."""
    del source
    fields = [{"name": name, "type": ["null", "string"]} for name in schema.field_names]
    document = {"type": "record", "name": "Departed", "fields": fields}
    texts = {name: None if value is None else str(value) for name, value in datum.items()}
    return _written(document, schema, texts)


def _not_a_number(schema: Schema, datum: dict[str, Any], source: random.Random) -> bytes:
    wrong = source.choice((math.nan, math.inf, -math.inf))
    return _written(schema.document, schema, {**datum, "dep_delay": wrong})


def _out_of_range(schema: Schema, datum: dict[str, Any], source: random.Random) -> bytes:
    name, wrong = source.choice(
        (("dep_delay", 1e308), ("distance", -1.0), ("humid", 101.0), ("flight", 10_000))
    )
    return _written(schema.document, schema, {**datum, name: wrong})


_BREAK: dict[str, Callable[[Schema, dict[str, Any], random.Random], bytes | None]] = {
    "truncated": _truncated,
    "unknown-framing": _unknown_framing,
    "text": _text,
    "empty": _empty,
    "wrong-types": _wrong_types,
    "not-a-number": _not_a_number,
    "out-of-range": _out_of_range,
}
