"""Rows of files: what is read, what is rejected, and at which line."""

import pytest

from labline.engine.errors import LablineError
from labline.engine.tables.rows import by_event_time, csv_rows, json_rows
from labline.schemas.avro import Schema
from labline.schemas.rejection import Rejection

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


def test_unknown_columns_are_told_once_and_left_out() -> None:
    told: list[list[str]] = []
    rows = list(csv_rows(["id,y,\n", "a,1,\n", "b,2,\n"], SCHEMA, told.append))
    assert told == [["y", ""]]
    assert [row.datum["id"] for row in rows if isinstance(row.datum, dict)] == ["a", "b"]
    assert rows[0].raw == {"id": "a", "y": "1", "": ""}


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("idd,n\n", "needs columns that the file has not: 'id'.*is it 'idd'"),
        ("id,id\n", "two columns are called 'id'"),
    ],
)
def test_a_header_that_cannot_do(header: str, message: str) -> None:
    with pytest.raises(LablineError, match=f"(?s)LL-PUBLISH-COLUMNS.*{message}"):
        list(csv_rows([header, "1,2\n"], SCHEMA))


def test_nothing_comes_of_an_empty_file() -> None:
    assert list(csv_rows([], SCHEMA)) == []
    assert list(csv_rows(["id,n\n"], SCHEMA)) == []


def test_what_a_spreadsheet_saves() -> None:
    rows = csv_rows(["\ufeffid;x\n", "a;1\n"], SCHEMA)
    assert [row.datum for row in rows] == [{"id": "a", "x": 1.0, **DEFAULTS}]


DEFAULTS = {"n": None, "ok": True, "tags": []}
MAPPED = Schema.parse(
    {
        "type": "record",
        "name": "M",
        "fields": [
            {"name": "id", "type": "string", "csv": {"columns": ["A", "B"], "missing": [""]}},
            {
                "name": "at",
                "type": "long",
                "event_time": True,
                "csv": {"columns": ["When"], "time": "%d.%m.%Y", "zone": "Europe/Paris"},
            },
            {"name": "x", "type": ["null", "double"], "csv": {"missing": ["NA", "-"]}},
            {
                "name": "won",
                "type": "boolean",
                "csv": {"true": ["rain"], "false": ["sun", "fog"], "skip": ["NA"]},
            },
        ],
    }
)


@pytest.mark.parametrize(
    ("line", "datum"),
    [
        ("a,1,02.01.2013,NA,rain", {"id": "a/1", "at": 1357081200000, "x": None, "won": True}),
        ("a,1,02.07.2013,-,fog", {"id": "a/1", "at": 1372716000000, "x": None, "won": False}),
        ("a,1,02.07.2013,1,NA", None),
        ("a,1,,1,NA", None),  # nothing else of a row to skip is looked at
        ("a,,02.07.2013,1,fog", "missing-cell"),
        ("a,1,2013-07-02,1,fog", "unreadable-cell"),
        ("a,1,02.07.2013,1,snow", "unreadable-cell"),
    ],
)
def test_fields_of_columns(line: str, datum: object) -> None:
    (row,) = csv_rows(["A,B,When,x,won\n", f"{line}\n"], MAPPED)
    assert (row.datum.reason if isinstance(row.datum, Rejection) else row.datum) == datum


def test_a_csv_attribute_that_makes_no_sense() -> None:
    document = {**MAPPED.document, "fields": [{"name": "x", "type": "int", "csv": {"colums": []}}]}
    with pytest.raises(LablineError, match=r"M\.x: csv: colums: no such field, did you mean col"):
        list(csv_rows(["x\n"], Schema.parse(document)))


def test_rows_in_order_of_time() -> None:
    lines = [
        "A,B,When,x,won\n",
        "a,1,03.01.2013,,rain\n",
        "a,2,02.01.2013,,rain\n",
        "a,3,soon,,rain\n",
        "a,4,02.01.2013,,rain\n",
    ]
    assert [row.line for row in by_event_time(csv_rows(lines, MAPPED), MAPPED)] == [4, 3, 5, 2]
    with pytest.raises(LablineError, match="LL-PUBLISH-SORT"):
        list(by_event_time([], SCHEMA))
