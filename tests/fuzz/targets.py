"""What is fired at: schemas, each with a reader that knows other writers and every framing."""

import json
from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from labline.engine.demo.flights_source import DEPARTED, timeline
from labline.engine.workspace.example import example_folder
from labline.schemas.avro import Schema
from labline.schemas.framing import GUID_MARKER, ID_HEADER, Headers, confluent_head
from labline.schemas.shape import expand
from labline.schemas.values.avro_binary import AvroReader
from tests.fuzz.walk import Walk

HERE = Path(__file__).parent / "schemas"
DAY = date(2013, 1, 1)
BODIES = 64  # valid ones that are kept ready, per writer


class Framing(NamedTuple):
    """One way in which a value of a target may be framed."""

    name: str
    head: bytes  # before the body
    headers: Headers
    bodies: tuple[bytes, ...]
    writer: Mapping[str, Any]  # the schema of the bodies, named types written out


class Target(NamedTuple):
    """A reader under fire, and the frames that it knows."""

    name: str
    reader: AvroReader
    framings: tuple[Framing, ...]


Written = tuple[str, Schema, Iterable[bytes]]  # a writer's name, its schema, bodies


def targets(seed: int) -> tuple[Target, ...]:
    """Return the targets; the same seed gives the same bodies."""
    return _flights(), _nasty(Random(seed))


def _target(name: str, reader: Schema, written: Iterable[Written]) -> Target:
    """Return a target whose every writer is known by fingerprint, by id and by GUID."""
    heads: dict[bytes, Schema] = {}
    framings = []
    for number, (writer_name, writer, bodies) in enumerate(written, start=1):
        by_id, guid = confluent_head(number), GUID_MARKER + bytes([number]) * 16
        heads |= dict.fromkeys((writer.head, by_id, guid), writer)
        known: tuple[tuple[str, bytes, Headers], ...] = (
            ("fingerprint", writer.head, None),
            ("id", by_id, []),
            ("guid", b"", [("ce_source", b"fuzz"), (ID_HEADER, guid)]),
        )
        kept, document = tuple(bodies), expand(writer.document)
        for kind, head, headers in known:
            framings.append(Framing(f"{name}/{writer_name}/{kind}", head, headers, kept, document))
    return Target(name, AvroReader(reader, heads), tuple(framings))


def _flights() -> Target:
    """Return real departures, read as they are, from an older schema, and from a foreign one."""
    document = json.loads(
        (example_folder("flights") / "schemas/flights.departed/v1.avsc").read_text()
    )
    reader = Schema.parse(document)
    older = Schema.parse(_changed(document, distance="int", dep_delay=["null", "float"]))
    other = Schema.parse(_changed(document, flight="string"))  # cannot be read as a number
    data = [datum for _, kind, datum in timeline(DAY, DAY) if kind == DEPARTED][:BODIES]
    whole = [{**datum, "distance": int(datum["distance"])} for datum in data]
    told = [{**datum, "flight": "1545"} for datum in data]
    return _target(
        "flights",
        reader,
        [
            ("same", reader, [reader.encode(datum, b"") for datum in data]),
            ("older", older, [older.encode(datum, b"") for datum in whole]),
            ("other", other, [other.encode(datum, b"") for datum in told]),
        ],
    )


def _changed(document: Mapping[str, Any], **types: object) -> dict[str, Any]:
    """Return a schema with other types for some fields, and without constraints on them."""
    fields = [
        {"name": field["name"], "type": types[field["name"]]} if field["name"] in types else field
        for field in document["fields"]
    ]
    return {**document, "fields": fields}


def _nasty(source: Random) -> Target:
    older, reader = (Schema.load(HERE / f"nasty.v{version}.avsc") for version in (1, 2))
    return _target(
        "nasty",
        reader,
        [
            ("same", reader, _readable(source, reader, reader)),
            ("older", older, _readable(source, older, reader)),
        ],
    )


def _readable(source: Random, writer: Schema, reader: Schema) -> list[bytes]:
    """Return bodies that are read as records."""
    values, document = AvroReader(reader, {writer.head: writer}), expand(writer.document)
    found: list[bytes] = []
    while len(found) < BODIES:
        body = Walk(source, lies=0.0).body(document)
        if isinstance(values.decode(writer.head + body), dict):
            found.append(body)
    return found
