"""Rows of files: what is read, what is rejected, and at which line."""

import pytest

from engine.publish.rows import csv_rows, json_rows
from schemas.avro import Rejection, Schema

SCHEMA = Schema.parse(
    {
        "type": "record",
        "name": "R",
        "fields": [
            {"name": "id", "type": "string"},
            {"name": "n", "type": ["null", "long"], "default": None},
            {"name": "x", "type": "double", "default": 0.5},
            {"name": "ok", "type": "boolean", "default": True},
            {"name": "tags", "type": {"type": "array", "items": "string"}, "default": []},
        ],
    }
)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "not-json"),
        ('{"id": "a", "x": NaN}', "not-json"),
        ('{"id": "a", "id": "b"}', "not-json"),
        ('["a"]', "not-an-object"),
        ("[" * 100_000, "not-json"),
        ('{"id": ' + "9" * 5_000 + "}", "not-json"),
        ('"' + "a" * 1_000_000 + '"', "too-large"),
    ],
)
def test_json_rejections(line: str, reason: str) -> None:
    (row,) = json_rows([line], SCHEMA)
    assert isinstance(row.datum, Rejection)
    assert row.datum.reason == reason


def test_json_defaults() -> None:
    rows = list(json_rows(['{"id": "a"}', "", '{"id": "b", "n": 7, "x": 1}'], SCHEMA))
    assert [row.line for row in rows] == [1, 3]
    for row in rows:
        assert isinstance(row.datum, dict)
        assert SCHEMA.encode(row.datum)


def test_csv() -> None:
    lines = ["id,n,x,ok,tags\n", 'a,1,2.5,true,"[""t""]"\n', 'b,,1e3,0,"[]"\n']
    assert [row.datum for row in csv_rows(lines, SCHEMA)] == [
        {"id": "a", "n": 1, "x": 2.5, "ok": True, "tags": ["t"]},
        {"id": "b", "n": None, "x": 1000.0, "ok": False, "tags": []},
    ]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("a,1.5,1", "unreadable-cell"),
        ("a,1,", "unreadable-cell"),
        ("a,1", "cells"),
        ("a,1,1,1", "cells"),
        ('a,"1', "not-csv"),
    ],
)
def test_csv_rejections(row: str, reason: str) -> None:
    (found,) = csv_rows(["id,n,x\n", row], SCHEMA)
    assert found.line == 2
    assert isinstance(found.datum, Rejection)
    assert found.datum.reason == reason


def test_unknown_column() -> None:
    (found,) = csv_rows(["id,y\n", "a,1\n"], SCHEMA)
    assert isinstance(found.datum, Rejection)
    assert found.datum.reason == "unknown-column"
