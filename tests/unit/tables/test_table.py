"""Files as tables: what cannot be read is said with what to do."""

from pathlib import Path

import pytest

from labline.engine.errors import LablineError
from labline.engine.tables.table import INIT, table_of


def test_any_line_end_ends_a_line(tmp_path: Path) -> None:
    for end in ("\n", "\r\n", "\r"):
        path = tmp_path / "a.csv"
        path.write_bytes(f"id,x{end}1,2{end}".encode())
        table = table_of(path)
        assert (table.header, [cells for _, cells in table.rows()]) == (["id", "x"], [["1", "2"]])


@pytest.mark.parametrize(("encoding", "code"), [("utf-16", "utf-16"), ("latin1", "latin1")])
def test_another_encoding_is_named_in_the_remedy(tmp_path: Path, encoding: str, code: str) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("id,x\né,1\n".encode(encoding))
    with pytest.raises(LablineError, match=f"(?s)LL-INIT-FILE: .*not UTF-8.*iconv -f {code} "):
        table_of(path, INIT)


def test_rows_come_as_often_as_they_are_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"x": 1}\n{}\n[]\n{"y": null, "x": 2}\n')
    table = table_of(path)
    expected = [(1, ["1", ""]), (2, ["", ""]), (3, "[]"), (4, ["2", ""])]
    assert [list(table.rows()) for _ in range(2)] == [expected, expected]
