"""CSV as the world writes it: stray quotes, odd separators, other line ends."""

import pytest

from labline.engine.errors import LablineError
from labline.engine.tables.csv_text import csv_table
from labline.engine.tables.rows import csv_rows
from labline.schemas.avro import Schema
from labline.schemas.rejection import Rejection

SCHEMA = Schema.parse(
    {"type": "record", "name": "Q", "fields": [
        {"name": "id", "type": "string"}, {"name": "x", "type": "double"},
    ]}
)  # fmt: skip


@pytest.mark.parametrize("stray", [[149], [149, 299], [0, 1, 2], [399]])
def test_a_quote_that_is_never_closed_spoils_its_own_line(stray: list[int]) -> None:
    lines = ["id,x\n", *(f"r{n}," + ('"1\n' if n in stray else "1\n") for n in range(400))]
    rows = list(csv_rows(lines, SCHEMA))
    assert [row.line for row in rows] == list(range(2, 402))
    bad = [row for row in rows if isinstance(row.datum, Rejection)]
    assert [(row.line, row.raw) for row in bad] == [(n + 2, f'r{n},"1') for n in stray]


def test_a_cell_over_several_lines_is_one_cell() -> None:
    lines = ["id,x\n", '"a\n', 'b",1\n', '"c,2\n', "d,3\n"]
    found = list(csv_table(lines))
    assert found == [(1, ["id", "x"]), (3, ["a\nb", "1"]), (4, '"c,2'), (5, ["d", "3"])]


def test_a_first_line_that_is_no_csv_is_said() -> None:
    with pytest.raises(LablineError, match=r"LL-PUBLISH-COLUMNS: the first line.* is not CSV"):
        list(csv_rows(['"id,x\n', "a,1\n"], SCHEMA))


@pytest.mark.parametrize(
    ("text", "table"),
    [
        (
            'id;"at, local";"size, cm, net"\n1;2;3\n',
            [["id", "at, local", "size, cm, net"], ["1", "2", "3"]],
        ),
        ("sep=;\nid;x\n1;2,5\n", [["id", "x"], ["1", "2,5"]]),
        ("\ufeffsep=|\r\nid|x\r\n1|2\r\n", [["id", "x"], ["1", "2"]]),
        ('id, x, label\n1, "a, b", yes\n', [["id", "x", "label"], ["1", "a, b", "yes"]]),
        ("id, x,y\n1, 2,3\n", [["id", " x", "y"], ["1", " 2", "3"]]),
    ],
)
def test_what_stands_between_cells(text: str, table: list[list[str]]) -> None:
    assert [cells for _, cells in csv_table(text.splitlines(keepends=True))] == table
