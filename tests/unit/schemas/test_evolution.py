"""What a person is told about a version that may not follow the ones before it."""

from typing import Any

import pytest

from labline.schemas.evolution import Level, check_evolution, problems


def record(*fields: dict[str, Any], name: str = "R", **words: Any) -> dict[str, Any]:
    return {"type": "record", "name": name, "fields": list(fields), **words}


X: dict[str, Any] = {"name": "x", "type": "int"}
Y: dict[str, Any] = {"name": "y", "type": "string"}
EVENT_TIME: dict[str, Any] = {"name": "at", "type": "long", "event_time": True, "default": 0}


def inner(field: dict[str, Any]) -> dict[str, Any]:
    items = {"type": "array", "items": ["null", record(field, name="Inner")]}
    return record({"name": "legs", "type": items})


@pytest.mark.parametrize(
    ("reader", "writer", "told"),
    [
        (record(X, Y), record(X), "y has no default, so records without it cannot be read"),
        (record({**X, "type": "long"}), record({**X, "type": "double"}),
         "x is written as double and read as long"),
        (record(X), record({**X, "type": ["null", "int"]}), "x is written as null and read as int"),
        (record({**X, "type": "string"}), record({**X, "type": "bytes"}),
         "x is written as bytes, and those that are no UTF-8 cannot be read as string"),
        (record({**X, "type": {"type": "enum", "name": "E", "symbols": ["A"]}}),
         record({**X, "type": {"type": "enum", "name": "E", "symbols": ["A", "B", "C"]}}),
         "x can be written as B, C, which the reader's enum has not, nor a default for it"),
        (record({**X, "type": {"type": "fixed", "name": "F", "size": 4}}),
         record({**X, "type": {"type": "fixed", "name": "F", "size": 8}}),
         "x is written in 8 bytes and read as 4"),
        (record(X, name="New"), record(X, name="Old"),
         "the record is written as Old, which New does not have as an alias"),
        (record({**X, "aliases": ["y"]}), record(X, {**X, "name": "y"}),
         "x is written as x and as y: only one of them can be read"),
        (record(X, EVENT_TIME), record(X),
         "at is the event time, and records without it have none"),
        (record(X, {"name": "b", "type": "bytes", "default": "a"}), record(X),
         "b has a default that it may not have, for records without it"),
        (record({**X, "minimum": 0}), record({**X, "minimum": -90}),
         "x: minimum 0 refuses records that were written with -90"),
        (record({**X, "maximum": 5}), record(X),
         "x: maximum 5 refuses records that were written without one"),
        (record({**Y, "max_length": 2}), record({**Y, "max_length": 3}),
         "y: max_length 2 refuses records that were written with 3"),
        (record({**Y, "pattern": "a"}), record(Y),
         "y: its pattern is another than records were written with"),
        (record({**X, "type": "double"}), record({**X, "type": "double", "finite": False}),
         "x: finite refuses records that were written with any number"),
        (inner({**X, "maximum": 5}), inner(X),
         "legs[].x: maximum 5 refuses records that were written without one"),
    ],
)  # fmt: skip
def test_the_reason(reader: dict[str, Any], writer: dict[str, Any], told: str) -> None:
    assert problems(reader, writer)[:1] == [told]


@pytest.mark.parametrize(
    ("reader", "writer"),
    [
        (record(X, {**Y, "default": ""}), record(X)),
        (record(X), record(X, Y)),
        (record({**X, "type": "double"}), record({**X, "type": "long"})),
        (record({**Y, "type": "bytes"}), record(Y)),
        (record({"name": "z", "type": "int", "aliases": ["x"]}), record(X)),
        (record(X, name="New", aliases=["old.R"]), record(X, name="old.R")),
        (record(X, name="new.R"), record(X, name="old.R")),
        (record({**X, "type": ["null", "long"]}), record(X)),
        (record({**X, "minimum": 0.5}), record({**X, "minimum": 1})),
        (record(Y), record({**Y, "pattern": "a"})),
    ],
)
def test_what_may_change(reader: dict[str, Any], writer: dict[str, Any]) -> None:
    assert problems(reader, writer) == []


ONE, TWO, THREE = record(X), record(X, {**Y, "default": ""}), record(X, Y)


@pytest.mark.parametrize(
    ("level", "fits"),
    [
        ("NONE", True), ("BACKWARD", True), ("BACKWARD_TRANSITIVE", False), ("FORWARD", True),
        ("FORWARD_TRANSITIVE", True), ("FULL", True), ("FULL_TRANSITIVE", False),
    ],
)  # fmt: skip
def test_levels(level: Level, fits: bool) -> None:
    """The third version reads the second's records, and not the first's."""
    assert (check_evolution(level, THREE, [ONE, TWO]) == []) is fits


def test_both_directions_name_the_versions() -> None:
    new = record({**X, "type": "string"})
    assert check_evolution("FULL_TRANSITIVE", new, [ONE, ONE]) == [
        "it cannot read records of versions 1, 2: x is written as int and read as string",
        "versions 1, 2 cannot read its records: x is written as string and read as int",
    ]


def test_a_tighter_limit_forward_and_backward() -> None:
    free, limited = record(X), record({**X, "maximum": 9})
    assert check_evolution("BACKWARD", limited, [free])
    assert check_evolution("FORWARD", limited, [free]) == []
    assert check_evolution("BACKWARD", free, [limited]) == []
    assert check_evolution("FORWARD", free, [limited])


def test_a_first_version_needs_right_defaults_only() -> None:
    wrong = record({**X, "default": -1, "minimum": 0})
    for level in ("NONE", "FULL_TRANSITIVE"):
        assert check_evolution(level, wrong, []) == [  # type: ignore[arg-type]
            "the default of x is no value that it may have"
        ]
        assert check_evolution(level, ONE, []) == []  # type: ignore[arg-type]
