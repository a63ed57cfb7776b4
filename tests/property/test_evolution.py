"""What is called compatible, fastavro reads; what is not, it cannot, by a record that shows it."""

import copy
from collections.abc import Iterator
from io import BytesIO
from itertools import product
from typing import Any

import pytest
from fastavro import parse_schema, schemaless_reader
from hypothesis import given, settings
from hypothesis import strategies as st

from labline.schemas.avro import Schema
from labline.schemas.evolution import check_evolution, problems
from labline.schemas.framing import SINGLE_OBJECT_HEAD_BYTES
from labline.schemas.rejection import SchemaViolation
from labline.schemas.shape import expand
from tests.slices import part

#: Where the rules are stricter than fastavro on purpose, in the order of the module's own list.
STRICTER = ("pattern", "only one of them", "default that it may not", "event time", "as fixed ")
LENGTHS = st.none() | st.integers(0, 4)
BOUNDS = st.none() | st.integers(-3, 3)
PRIMITIVES = ("boolean", "int", "long", "float", "double", "string", "bytes")
NUMBERS = ("int", "long", "float", "double")
CHANGES = ("limits", "type", "promote", "rename", "drop", "add", "inner")
NOT_FINITE = (float("inf"), float("-inf"), float("nan"))
DEFAULTS: dict[str, tuple[Any, ...]] = {
    "null": (None,), "boolean": (True,), "int": (0, -9), "long": (0, -9), "float": (0, -9.5),
    "double": (0, 1.5), "string": ("", "B"), "bytes": ("b",), "fixed": ("b",), "enum": ("A", "D"),
    "record": ({},), "array": ([],), "map": ({},),
}  # fmt: skip

Avro = Any  # a JSON document


@st.composite
def named(draw: st.DrawFn, name: str) -> Avro:
    kind = draw(st.sampled_from(("enum", "fixed", "record")))
    if kind == "fixed":
        return {"type": kind, "name": name, "size": draw(st.integers(1, 2))}
    if kind == "record":
        inner = st.sampled_from(PRIMITIVES)
        return {"type": kind, "name": name, "fields": draw(fields(inner, ("p", "q")))}
    symbols = draw(st.lists(st.sampled_from("ABC"), min_size=1, unique=True))
    made = {"type": kind, "name": name, "symbols": symbols}
    return made | ({"default": symbols[0]} if draw(st.booleans()) else {})


@st.composite
def types(draw: st.DrawFn, name: str) -> Avro:
    branch = st.sampled_from(PRIMITIVES) | named(name)
    shape = draw(st.sampled_from(("plain", "plain", "nullable", "union", "array", "map")))
    if shape == "plain":
        return draw(branch)
    if shape == "array":
        return {"type": "array", "items": draw(branch | branch.map(lambda b: ["null", b]))}
    if shape == "map":
        return {"type": "map", "values": draw(branch)}
    most = 1 if shape == "nullable" else 3
    found = draw(st.lists(branch, min_size=1, max_size=most, unique_by=lambda b: str(kind_of(b))))
    if {"float", "double"} <= {str(b) for b in found}:
        found.remove("float")
    return draw(st.permutations(["null", *found]))


def kind_of(avro: Avro) -> str:
    return avro["name"] if isinstance(avro, dict) else avro


def leaves(avro: Avro) -> set[str]:
    if isinstance(avro, list):
        return set().union(*map(leaves, avro))
    if isinstance(avro, dict):
        return leaves(avro.get("items", avro.get("values", avro["type"])))
    return {avro}


@st.composite
def constrained(draw: st.DrawFn, field: dict[str, Any]) -> dict[str, Any]:
    """Return the field with other constraints, which have a meaning for its type."""
    field = {k: v for k, v in field.items() if k in ("name", "type", "default", "aliases")}
    inside = leaves(field["type"])
    if inside & set(NUMBERS):
        low, high = draw(BOUNDS), draw(BOUNDS)
        if low is not None and high is not None:
            low, high = sorted((low, high))
        field |= {"minimum": low} if low is not None else {}
        field |= {"maximum": high} if high is not None else {}
    if inside & {"string", "bytes", "fixed"} and (length := draw(LENGTHS)) is not None:
        field["max_length"] = length
    if inside & {"float", "double"} and draw(st.integers(0, 3)) == 0:
        field["finite"] = False
    if "string" in inside and draw(st.integers(0, 4)) == 0:
        field["pattern"] = draw(st.sampled_from(("a*", "[a-z]*")))
    return field


@st.composite
def fields(draw: st.DrawFn, of: st.SearchStrategy[Avro], names: tuple[str, ...]) -> list[Any]:
    made = []
    for name in draw(st.lists(st.sampled_from(names), min_size=1, unique=True)):
        field = {"name": name, "type": draw(of)}
        if draw(st.booleans()):
            field["default"] = draw(st.sampled_from(defaults(field["type"])))
        made.append(draw(constrained(field)))
    return made


def defaults(avro: Avro) -> tuple[Any, ...]:
    if isinstance(avro, list):
        return sum((defaults(branch) for branch in avro), ())
    return DEFAULTS[avro["type"] if isinstance(avro, dict) else avro]


@st.composite
def writers(draw: st.DrawFn) -> Avro:
    """Return a record; a named type of it may stand in two places."""
    made = []
    for number, name in enumerate("xyz"[: draw(st.integers(1, 3))]):
        made.append(draw(constrained({"name": name, "type": draw(types(f"T{number}"))})))
    shared = draw(st.none() | named("Shared"))
    if shared is not None:
        made += [{"name": "s", "type": shared}, {"name": "t", "type": ["null", shared]}]
    return {"type": "record", "name": "R", "fields": made}


@st.composite
def readers(draw: st.DrawFn, writer: Avro) -> Avro:
    """Return the writer's schema as a next version might have it: little is changed."""
    reader = copy.deepcopy(writer)
    found = reader["fields"]
    for _ in range(draw(st.integers(0, 2))):
        at = draw(st.integers(0, len(found) - 1))
        field = found[at]
        match draw(
            st.sampled_from(("limits", "type", "promote", "rename", "drop", "add", "inner"))
        ):
            case "limits" if field["name"] in "xyz":
                found[at] = draw(constrained(field))
            case "type" if field["name"] in "xyz":
                found[at] = draw(
                    constrained({"name": field["name"], "type": draw(types(f"U{at}"))})
                )
            case "promote" if isinstance(field["type"], str):
                other = draw(st.sampled_from(PRIMITIVES))
                wrapped = draw(st.sampled_from((other, ["null", other], [field["type"], "null"])))
                found[at] = draw(constrained({"name": field["name"], "type": wrapped}))
            case "rename":
                found[at] = {**field, "name": "renamed", "aliases": [field["name"]]}
            case "drop" if len(found) > 1:
                del found[at]
            case "add":
                of = types("Added")
                found += draw(fields(of, ("added",)))
            case "inner":
                for inner in inside(field["type"]):
                    draw(changed(inner))
    shuffled = draw(st.permutations(found))
    reader["fields"] = list({field["name"]: field for field in shuffled}.values())
    if draw(st.integers(0, 9)) == 0:
        reader |= {"name": "R2", "aliases": draw(st.sampled_from(([], ["R"], ["n.R"])))}
    return reader


@st.composite
def changed(draw: st.DrawFn, avro: dict[str, Any]) -> None:
    """Change a named type where it stands."""
    if avro["type"] == "enum":
        avro["symbols"] = draw(st.lists(st.sampled_from("ABCD"), min_size=1, unique=True))
        if "default" in avro:
            avro["default"] = avro["symbols"][-1]
    elif avro["type"] == "fixed":
        avro["size"] = draw(st.integers(1, 2))
    else:
        avro["fields"] = draw(fields(st.sampled_from(PRIMITIVES), ("p", "q")))
    if draw(st.integers(0, 3)) == 0:
        avro |= {
            "name": avro["name"] + "New",
            "aliases": draw(st.sampled_from(([], [avro["name"]]))),
        }


def inside(avro: Avro) -> Iterator[dict[str, Any]]:
    if isinstance(avro, list):
        for branch in avro:
            yield from inside(branch)
    elif isinstance(avro, dict) and "name" in avro:
        yield avro
    elif isinstance(avro, dict):
        yield from inside(avro.get("items", avro.get("values")))


def written_once(avro: Avro, seen: dict[str, Avro]) -> Avro:
    """Return the schema with each named type defined where it comes first, then only named."""
    if isinstance(avro, list):
        return [written_once(branch, seen) for branch in avro]
    if not isinstance(avro, dict):
        return avro
    if avro.get("name") in seen:
        return avro["name"]
    made = {k: written_once(v, seen) if k in ("items", "values") else v for k, v in avro.items()}
    if "fields" in avro:
        made["fields"] = [{**f, "type": written_once(f["type"], seen)} for f in avro["fields"]]
    if "name" in avro:
        seen[avro["name"]] = avro
    return made


def values(avro: Avro) -> list[Any]:
    """Return values of a type that lie on both sides of each of its edges."""
    if isinstance(avro, list):
        return [value for branch in avro for value in values(branch)]
    if isinstance(avro, dict):
        match avro["type"]:
            case "array":
                return [[], *([value] for value in values(avro["items"]))]
            case "map":
                return [{}, *({"k": value} for value in values(avro["values"]))]
            case "enum":
                return list(avro["symbols"])
            case "fixed":
                return [b"\xff" * avro["size"]]
        return list(data(avro))
    around = (-4, -3, -2, -1, 0, 1, 2, 3, 4)
    return {
        "null": [None], "boolean": [True, False],
        "int": [*around, -(2**31), 2**31 - 1], "long": [*around, -(2**63), 2**63 - 1],
        "float": [*map(float, around), 0.3, 0.8, 2.0**63, -(2.0**63), -3e38, 3e38, *NOT_FINITE],
        "double": [*map(float, around), 0.2, 0.8, -1e308, 1e308, *NOT_FINITE],
        "string": ["a" * n for n in range(6)] + ["b", *("\U0001f600" * n for n in range(1, 5))],
        # no text, also where one byte is a fixed type of the same union
        "bytes": [b"a" * n for n in range(6)] + [b"\xff", b"\xff" * 3],
    }[avro]  # fmt: skip


def data(record: Avro) -> Iterator[dict[str, Any]]:
    """Yield records that differ from a first one in one field each, so each edge shows alone."""
    wanted = {field["name"]: allowed(field) for field in record["fields"]}
    if not all(wanted.values()):
        return
    first = {name: found[0] for name, found in wanted.items()}
    yield first
    for name, found in wanted.items():
        yield from ({**first, name: value} for value in found[1:])


def allowed(field: dict[str, Any]) -> list[Any]:
    schema = alone(field["type"], **{k: v for k, v in field.items() if k not in ("name", "type")})
    found = []
    for value in values(field["type"]):
        try:
            value_bytes = schema.encode({"x": value})
        except SchemaViolation:
            continue
        assert isinstance(schema.decode(value_bytes), dict)  # what was taken can be read
        found.append(value)
    return found


class Version:
    """A schema, ready to write and to read many records."""

    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        self.parsed = parse_schema(copy.deepcopy(schema.document), expand=True)
        self.records = [schema.encode(datum) for datum in data(expand(schema.document))]

    def reads(self, writer: "Version", value: bytes) -> bool:
        """Tell whether fastavro reads a record of the writer, and our constraints hold."""
        wanted = None if self.schema.fingerprint == writer.schema.fingerprint else self.parsed
        try:
            datum: Any = schemaless_reader(
                BytesIO(value[SINGLE_OBJECT_HEAD_BYTES:]), writer.parsed, wanted
            )
            return self.schema.check(datum) is None
        except Exception:  # it raises whatever it comes to
            return False


@st.composite
def versions(draw: st.DrawFn) -> tuple[Schema, Schema]:
    writer = draw(writers())
    reader = draw(readers(writer))
    return tuple(Schema.parse(written_once(avro, {})) for avro in (writer, reader))


def check_verdict(writer: Version, reader: Version) -> None:
    """Hold what the rules say of two schemas against what fastavro reads."""
    documents = reader.schema.document, writer.schema.document
    found = problems(*documents)
    read = [reader.reads(writer, value) for value in writer.records]
    certain = [why for why in found if not any(word in why for word in STRICTER)]
    if not found:
        assert all(read), documents
    elif certain and read:
        assert not all(read), (certain, *documents)


def check_every_pair(schemas: list[Schema]) -> None:
    versions = [Version(schema) for schema in schemas]
    for writer, reader in product(versions, repeat=2):
        check_verdict(writer, reader)


@pytest.mark.slice
@given(versions())
@settings(max_examples=part(100, of=400), deadline=None)
def test_the_verdict_is_fastavros(pair: tuple[Schema, Schema]) -> None:
    check_verdict(*map(Version, pair))


def enum(symbols: str, name: str = "E", **more: Any) -> Avro:
    return {"type": "enum", "name": name, "symbols": list(symbols), **more}


def inner(name: str, avro: Avro, **more: Any) -> Avro:
    return {"type": "record", "name": name, "fields": [{"name": "p", "type": avro, **more}]}


NAMED_TYPES = (
    enum("AB"), enum("BA"), enum("ABC"), enum("A", default="A"), enum("AB", "n.E"),
    enum("AB", "E2"), enum("AB", "E2", aliases=["E"]), enum("AB", "E2", aliases=["n.E"]),
    {"type": "fixed", "name": "E", "size": 1}, {"type": "fixed", "name": "E", "size": 2},
    inner("E", "int"), inner("E", "string"), inner("E", "long", default=1),
    inner("E2", ["null", "int"], aliases=["E"]),
)  # fmt: skip
PAIRED = (*PRIMITIVES, *NAMED_TYPES[:1], NAMED_TYPES[3], *NAMED_TYPES[8:11])
SMALL = (
    *PRIMITIVES, *NAMED_TYPES, *(["null", avro] for avro in PAIRED),
    *([avro, "null", "boolean"] for avro in ("int", "double")), ["string", "bytes"],
    ["bytes", "string"], ["double", "long"], ["long", "double"], [enum("AB"), "string"],
    [NAMED_TYPES[8], NAMED_TYPES[5]], [NAMED_TYPES[9], NAMED_TYPES[6]],
    *({"type": "array", "items": avro} for avro in PAIRED[::2]),
    *({"type": "array", "items": ["null", avro]} for avro in PAIRED[::4]),
    *(["null", {"type": "array", "items": avro}, enum("AB")] for avro in PAIRED[:4]),
    *({"type": "map", "values": avro} for avro in PAIRED[1::4]),
)  # fmt: skip


def alone(avro: Avro, **words: Any) -> Schema:
    return Schema.parse(
        {"type": "record", "name": "R", "fields": [{"name": "x", "type": avro, **words}]}
    )


@pytest.mark.slow
def test_every_pair_of_small_types() -> None:
    check_every_pair([alone(avro) for avro in SMALL])


@pytest.mark.slow
def test_every_pair_of_limits() -> None:
    bounds = ({}, {"minimum": 0}, {"minimum": 0.5}, {"maximum": 2}, {"minimum": 0, "maximum": 2},
              {"minimum": 0.2, "maximum": 0.8}, {"maximum": 2**63 - 1})  # fmt: skip
    lengths = ({}, {"max_length": 0}, {"max_length": 1}, {"max_length": 2}, {"max_length": 4})
    free = tuple({**words, "finite": False} for words in bounds[:4])
    schemas = [
        *(alone(kind, **words) for kind in NUMBERS for words in bounds),
        *(alone(kind, **words) for kind in NUMBERS[2:] for words in free),
        *(alone(["null", "long", "double"], **words) for words in bounds),
        *(alone(kind, **words) for kind in ("string", "bytes") for words in lengths),
        *(alone({"type": "array", "items": ["string", "null"]}, **words) for words in lengths),
        *(alone({"type": "fixed", "name": "F", "size": 2}, **words) for words in lengths),
    ]
    check_every_pair(schemas)


@pytest.mark.slow
def test_every_pair_of_fields() -> None:
    """Names, aliases and defaults, alone and where they meet."""
    x, y = {"name": "x", "type": "int"}, {"name": "y", "type": "int"}
    records = (
        [x], [y], [x, y], [y, x], [{**x, "default": 1}, y], [{**x, "aliases": ["y"]}],
        [{**y, "aliases": ["x"]}], [{**y, "aliases": ["x"], "default": 0}, x],
        [x, {**y, "default": -1, "minimum": 0}], [x, {**y, "default": 1, "minimum": 0}],
        [x, {"name": "r", "type": inner("I", "int", default=1), "default": {}}],
        [x, {"name": "r", "type": inner("I", "int", default=1), "default": {"p": 2}}],
        [x, {"name": "b", "type": "bytes", "default": "a"}],
        [x, {"name": "at", "type": "long", "event_time": True, "default": 0}],
    )  # fmt: skip
    schemas = [
        Schema.parse({"type": "record", "fields": fields, **named})
        for fields in records
        for named in ({"name": "R"}, {"name": "n.R"}, {"name": "R2", "aliases": ["n.R"]})
    ]
    check_every_pair(schemas)


@pytest.mark.slice
@given(writers())
@settings(max_examples=part(30, of=100), deadline=None)
def test_a_schema_follows_itself(avro: Avro) -> None:
    document = written_once(avro, {})
    assert problems(document, document) == []
    found = check_evolution("FULL_TRANSITIVE", document, [document, document])
    assert all("the default of" in why for why in found)
