"""Files as people have them: what is no value, what is a time, what is damaged."""

import gzip
import json
import random
import zlib
from pathlib import Path
from typing import Any

import pytest

from labline.engine.errors import LablineError
from labline.engine.tables import order
from labline.engine.tables.order import as_due, in_time_order
from labline.engine.tables.roles import Roles
from labline.engine.tables.table import ENDINGS, table_of
from labline.lab_replay.histories.file_history import FileHistory, file_history


def imported(tmp_path: Path, name: str, content: str | bytes, **said: Any) -> FileHistory:
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return file_history(path, Roles(**said), cache_dir=tmp_path / "cache")


def times_ms(history: FileHistory, topic: str) -> list[int]:
    return [record[1] for batch in history.recording.records(topic, 0) for record in batch]


ROWS = [
    {"x": n, "kind": ["NA", "b"][n % 2], "label": ("None", "Scratch", "Dent")[n % 3]}
    for n in range(30)
]


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
def test_a_word_is_a_value_where_there_is_a_null(tmp_path: Path, form: str) -> None:
    rows = [*ROWS, {"x": None, "kind": None, "label": None}]
    path = tmp_path / f"a.{form}"
    if form == "parquet":
        pyarrow = pytest.importorskip("pyarrow")
        import pyarrow.parquet as parquet

        rows.append({"x": float("nan"), "kind": "b", "label": "Dent"})  # as pandas has it
        parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    else:
        path.write_text("\n".join(map(json.dumps, rows)))
    history = file_history(path, cache_dir=tmp_path / "cache")
    assert history.line.classes == ("Dent", "None", "Scratch")
    assert history.line.features.numeric == ("x",)
    assert history.recording.manifest.topics["a.labels"][0].records == len(rows) - 1
    assert history.proposal.remarks == (f"1 of {len(rows)} rows have no label",)


def test_a_word_that_is_taken_as_no_value_is_told(tmp_path: Path) -> None:
    lines = ["x,kind,label", *(f"{r['x']},{r['kind']},{r['label']}" for r in ROWS), "NA,b,"]
    history = imported(tmp_path, "a.csv", "\n".join(lines))
    assert history.line.classes == ("Dent", "Scratch")
    assert history.proposal.remarks == (
        "15 of 31 rows have no kind ('NA': 15)",
        "11 of 31 rows have no label ('None': 10)",
    )


@pytest.mark.parametrize(("per_s", "form"), [
    (1, "epoch_s"), (10**3, "epoch_ms"), (10**6, "epoch_us"), (10**9, "epoch_ns"),
])  # fmt: skip
def test_numbers_are_times_by_how_large_they_are(tmp_path: Path, per_s: int, form: str) -> None:
    rows = "".join(f"{(1_357_000_000 + n) * per_s},{n % 3},{n % 2}\n" for n in range(9))
    history = imported(tmp_path, "a.csv", f"timestamp,x,label\n{rows}")
    assert (history.proposal.time_form, history.proposal.remarks) == (form, ())
    assert times_ms(history, "a.events") == [(1_357_000_000 + n) * 1_000 for n in range(9)]


@pytest.mark.parametrize("late", ["sorted", "unsorted"])
def test_labels_of_any_number_are_taken_where_they_need_no_sorting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, late: str
) -> None:
    """Sorted ones none at all, others only those that are waited for."""
    monkeypatch.setattr(order, "SORT_MAX_ROWS", 8)
    start_ms = 1_357_000_000_000
    lags = [3_000 if late == "sorted" else 1_000 * (n * 7 % 5) for n in range(50)]
    known = [start_ms + 1_000 * n + lag for n, lag in enumerate(lags)]
    rows = "".join(f"{start_ms + 1_000 * n},{n},{n % 2},{known[n]}\n" for n in range(50))
    history = imported(tmp_path, "a.csv", f"time,x,label,came\n{rows}", label_time="came")
    assert times_ms(history, "a.labels") == sorted(known)
    if late == "unsorted":  # a label before its event cannot be waited for
        with pytest.raises(LablineError, match="LL-IMPORT-ORDER"):
            imported(
                tmp_path, "b.csv", f"time,x,label,came\n{rows}{start_ms + 50_000},1,1,{start_ms}\n",
                label_time="came",
            )  # fmt: skip


def test_what_is_waited_for_comes_as_if_it_were_sorted() -> None:
    chance = random.Random(1)
    known = sorted(chance.randrange(40) for _ in range(200))
    rows = [(ms, (ms + chance.randrange(6), n)) for n, ms in enumerate(known)]
    assert list(as_due(rows)) == list(in_time_order(row for _, row in rows))


def test_unordered_rows_come_with_every_cell(tmp_path: Path) -> None:
    rows = [(day, f"é \x1f,\0{day % 2}", day / 3, day % 2) for day in (9, 4, 7, 2)]
    text = "".join(f"2013-01-{day:02};{word};{x!r};{y}\n" for day, word, x, y in rows)
    history = imported(tmp_path, "a.csv", f"time;word;x;label\n{text}")
    read = [
        history.event_schema.decode(record[3])
        for batch in history.recording.records("a.events", 0)
        for record in batch
    ]
    told = [(datum["word"], datum["x"]) for datum in read]  # type: ignore[index]
    assert told == [(word, x) for _, word, x, _ in sorted(rows)]


def gzip_with_a_damaged_block() -> bytes:
    packed = bytearray(gzip.compress(b"x,label\n1,0\n", mtime=0))
    packed[10] |= 0b110  # there is no such type of blocks
    with pytest.raises(zlib.error):
        gzip.decompress(packed)
    return bytes(packed)


GOOD = '{"x": 2, "label": 1}\n'


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.csv.gz", gzip_with_a_damaged_block(), "LL-IMPORT-FILE: .* cannot be read"),
        ("a.jsonl", GOOD + r'{"id": "\ud800", "x": 1, "label": 0}', "line 2 cannot be read"),
        ("a.jsonl", GOOD + r'{"c": "\udfff", "x": 1, "label": 0}', "line 2 cannot be read"),
        ("a.jsonl", GOOD + '{"x": 1, "x": 2, "label": 0}', "line 2 cannot be read"),
        ("a.csv", "x,label\n1,\n2,\n", "but there is no value"),
        ("a.csv", "x,label\n" + "".join(f"{n},a{n}\n" for n in range(60)), "more than can be"),
    ],
)
def test_what_is_damaged_or_no_text_is_said(
    tmp_path: Path, name: str, content: str | bytes, says: str
) -> None:
    with pytest.raises(LablineError, match=says):
        imported(tmp_path, name, content)


def test_a_row_that_is_too_large_for_a_record_is_said(tmp_path: Path) -> None:
    text = [
        json.dumps({"id": f"n{n}", "c": "ab"[n % 2] * 300_000, "label": n % 2}) for n in range(4)
    ]
    with pytest.raises(
        LablineError, match=r"LL-IMPORT-ROWS: the row with the id 'n0' .* too-large"
    ):
        imported(tmp_path, "a.jsonl", "\n".join(text))


def test_a_parquet_file_that_ends_in_the_middle_or_leaves_the_calendar(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    import pyarrow.parquet as parquet

    path = tmp_path / "a.parquet"
    far = pyarrow.array([0, 2**60], pyarrow.timestamp("ms"))
    parquet.write_table(pyarrow.table({"when": far, "x": [1, 2], "label": [0, 1]}), path)
    with pytest.raises(
        LablineError, match=r"LL-IMPORT-FILE: a\.parquet cannot be read after row 0"
    ):
        file_history(path, cache_dir=tmp_path / "cache")
    whole = pyarrow.table({"x": list(range(9_000)), "label": [n % 2 for n in range(9_000)]})
    parquet.write_table(whole, path, compression="zstd")
    content = bytearray(path.read_bytes())
    content[4:40] = b"\xff" * 36  # a page's own header
    path.write_bytes(content)
    with pytest.raises(LablineError, match=r"LL-IMPORT-FILE: a\.parquet cannot be read"):
        file_history(path, cache_dir=tmp_path / "cache")


@pytest.mark.parametrize("ending", [ending for ending in ENDINGS if ending != ".parquet"])
def test_every_ending_that_is_told_is_taken(tmp_path: Path, ending: str) -> None:
    text = '{"x": 1, "label": 0}\n' if "json" in ending else "x\tlabel\n1\t0\n"
    path = tmp_path / f"a{ending}"
    path.write_bytes(gzip.compress(text.encode()) if ending.endswith(".gz") else text.encode())
    table = table_of(path)
    assert (table.header, [cells for _, cells in table.rows()]) == (["x", "label"], [["1", "0"]])


def test_blank_lines_before_the_first_hide_nothing(tmp_path: Path) -> None:
    told = imported(
        tmp_path, "a.csv", "\ufeff\n \nid;time;x;label\n1;2013-01-01;1;0\n2;2013-01-02;1;1\n"
    ).proposal
    assert told.roles[:2] == (("id",), "time")
    with pytest.raises(LablineError, match="line 5 has 1 cells"):
        imported(tmp_path, "a.csv", "\n\nx;label\n1;0\n2\n")


@pytest.mark.parametrize("damage", ["history.json", "manifest.json", "cut", "bit", "index"])
def test_a_damaged_recording_of_a_file_is_made_anew(tmp_path: Path, damage: str) -> None:
    text = "x,label\n" + "".join(f"{n},{n % 2}\n" for n in range(9))
    whole = imported(tmp_path, "a.csv", text)
    (folder,) = (tmp_path / "cache").iterdir()
    events = next(path for path in folder.rglob("*.avro") if "events" in str(path))
    if damage.endswith(".json"):
        (folder / damage).unlink()
    elif damage == "index":
        index = next(p for p in events.parent.iterdir() if p != events)
        index.write_bytes(index.read_bytes().replace(b"0", b"1"))
    else:
        content = bytearray(events.read_bytes())
        content[-30] ^= 1
        events.write_bytes(content[:-9] if damage == "cut" else content)
    again = imported(tmp_path, "a.csv", text)
    assert times_ms(again, "a.events") == times_ms(whole, "a.events")
    assert again.recording.digest == whole.recording.digest
