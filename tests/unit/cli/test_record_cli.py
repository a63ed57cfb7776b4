import json
import shutil
import threading
from datetime import date
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from labline.engine.cli.main import app
from labline.engine.cli.record import _redactors
from labline.engine.cli.shared.progress import counting
from labline.engine.errors import LablineError
from labline.engine.tables import order
from labline.engine.workspace.workspace import Workspace
from labline.lab_replay.histories.file_recording import record_file
from labline.lab_replay.recordings.recording import Recording
from labline.lab_replay.recordings.storage import Store
from labline.schemas.avro import Schema
from tests.broker.process import until

ROWS = "\n".join(
    ["id,day,temp,rain"]
    + [
        f"s{n},2012-01-{n:02},{n}.5,{'' if n == 5 else 'yes' if n % 3 else 'no'}"
        for n in range(1, 20)
    ]
)


#: Labels come after 1 to 13 hours, in another order than their events; one came not yet.
LATE = "\n".join(
    ["id,time,temp,late,known"]
    + [
        f"s{n},2012-01-01T{n:02}:00:00Z,{n}.5,"
        + (f"{'yes' if n % 3 else 'no'},2012-01-02T{n * 5 % 13:02}:00:00Z" if n != 7 else ",")
        for n in range(1, 20)
    ]
)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments), env={"COLUMNS": "200"})


def labline(*arguments: str) -> str:
    result = run(*arguments)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        assert isinstance(result.exception, LablineError), result.exception
        return str(result.exception)
    return result.output


@pytest.fixture
def space(tmp_path: Path) -> Path:
    (tmp_path / "rain.csv").write_text(ROWS)
    told = ["--from", str(tmp_path / "rain.csv"), "--id", "id", "--time", "day", "--label", "rain"]
    labline("init", str(tmp_path / "rain"), *told)
    return tmp_path / "rain"


def test_a_file_is_recorded_as_the_topics_it_would_be_published_to(space: Path) -> None:
    out, file = str(space / "r"), str(space.parent / "rain.csv")
    arguments = ("record", "rain.events", "rain.labels", "--file", file, "-w", str(space))
    assert "37 records in" in labline(*arguments, "--out", out)
    recording = Recording.open(out)
    schema = Workspace(space).schema_of("rain.labels")
    records = [r for batch in recording.records("rain.labels", 0) for r in batch]
    assert [r[0] for r in records] == list(range(18))  # a row has no label
    first = schema.decode(records[0][3])
    assert isinstance(first, dict)
    assert (records[0][2], first["id"], first["rain"]) == (b"s1", "s1", True)
    assert records[0][1] == first[schema.event_time or ""]
    assert recording.manifest.topics["rain.events"][0].writers == (
        f"avro:{Workspace(space).schema_of('rain.events').head[2:].hex()}",
    )
    assert "LL-RECORDING-EXISTS" in labline(*arguments, "--out", out)
    assert "LL-RECORDING-FILE" in labline(*arguments, "--out", out, "--redact", "id")


@pytest.fixture
def late(tmp_path: Path) -> tuple[str, ...]:
    """Return the command that records labels of a time of their own."""
    (tmp_path / "late.csv").write_text(LATE)
    root, file = str(tmp_path / "late"), str(tmp_path / "late.csv")
    told = ["--id", "id", "--time", "time", "--label", "late", "--label-time", "known"]
    said = run("init", root, "--from", file, *told).stderr
    assert f"labline publish late.events {file}\n" in said
    assert f"labline publish late.labels {file} --sort\n" in said
    assert "rows are not in order of known: publish --sort sends the labels so" in said
    out = str(tmp_path / "r")
    return "record", "late.events", "late.labels", "--file", file, "-w", root, "--out", out


def test_labels_are_recorded_in_the_order_in_which_they_came(late: tuple[str, ...]) -> None:
    assert "37 records in" in labline(*late)
    recording, schema = Recording.open(late[-1]), Workspace(Path(late[-3])).schema_of("late.labels")
    records = [r for batch in recording.records("late.labels", 0) for r in batch]
    times_ms = [record[1] for record in records]
    assert times_ms == sorted(times_ms)
    told = [schema.decode(record[3]) for record in records]
    assert [datum["id"] for datum in told if isinstance(datum, dict)][:4] == [
        "s13", "s8", "s3", "s16",
    ]  # fmt: skip
    assert [record[0] for record in records] == list(range(18))  # s7 has no label, nor its time


def test_rows_out_of_order_are_sorted_as_far_as_memory_goes(
    late: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(order, "SORT_MAX_ROWS", 17)
    told = labline(*late)
    assert "LL-IMPORT-ORDER: more than 17 rows" in told
    assert "record late.labels from a copy of the file that is sorted by its event time" in told
    assert not Path(late[-1]).exists()
    assert "19 records in" in labline(*late[:2], *late[3:])  # events are in order: none is held


def test_a_refused_recording_leaves_nothing_behind(late: tuple[str, ...]) -> None:
    """What the second topic refuses leaves nothing of the first."""
    file = Path(late[4])
    file.write_text(LATE.replace(",yes,2012", ",perhaps,2012", 1))
    assert "LL-RECORDING-ROWS: 1 rows are no LateLabel: line 2" in labline(*late)
    assert not Path(late[-1]).exists()
    file.write_text(LATE)
    assert "37 records in" in labline(*late)


def test_a_recording_that_is_cut_short_leaves_nothing_behind(
    late: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = Store.upload

    def full(store: Store, name: str, path: Path) -> None:
        if name.startswith("late.labels"):
            raise KeyboardInterrupt
        upload(store, name, path)

    monkeypatch.setattr(Store, "upload", full)
    run(*late)
    assert not Path(late[-1]).exists()
    monkeypatch.undo()
    assert "37 records in" in labline(*late)


def test_rows_that_a_schema_rejects_are_named_and_nothing_is_recorded(space: Path) -> None:
    file, out = space.parent / "rain.csv", space / "bad"
    file.write_text(ROWS + "\ns20,2012-02-01,warm,yes\ns21,2012-02-02\n")
    told = labline(
        "record", "rain.events", "--file", str(file), "--out", str(out), "-w", str(space)
    )
    assert "LL-RECORDING-ROWS: 2 rows" in told
    assert "line 21: temp is not of its type" in told
    assert "line 22: " in told
    assert not out.exists()


def test_a_field_to_redact_must_be_there(space: Path) -> None:
    told = labline("record", "rain.events", "--out", "r", "--redact", "tmp", "-w", str(space))
    assert "LL-RECORDING-REDACT: no recorded topic has the field 'tmp'" in told
    assert "did you mean 'temp'?" in told


def test_a_field_is_redacted_under_each_name_that_it_had(space: Path) -> None:
    versions = space / "schemas" / Workspace(space).topics()["rain.events"].subject
    old = json.loads((versions / "v1.avsc").read_text())
    renamed = [
        {**field, "name": "heat", "aliases": ["temp"]} if field["name"] == "temp" else field
        for field in old["fields"]
    ]
    (versions / "v2.avsc").write_text(json.dumps({**old, "fields": renamed}))
    redactors = _redactors(["rain.events", "rain.labels"], ["heat"], space, keys=False)
    written = Schema.parse(old)
    datum = {"id": "s1", **dict.fromkeys(written.field_names[1:], 3), "temp": 3.5}
    (left,) = redactors["rain.events"].redact([(0, 0, b"s1", written.encode(datum), None)])
    decoded = written.decode(left[3])
    assert isinstance(decoded, dict)
    assert decoded == {**datum, "temp": decoded["temp"]}
    assert decoded["temp"] in (None, 0.0)
    assert left[2] == b"s1"
    assert redactors["rain.labels"].summary.fields == ("heat",)


def test_the_id_is_not_redacted(space: Path) -> None:
    arguments = ("record", "rain.events", "--out", "r", "--redact", "id", "-w", str(space))
    told = labline(*arguments)
    assert "LL-RECORDING-REDACT: id of rain.events is what rain joins events and labels by" in told


def record_rain(space: Path, file: Path, out: str, *topics: str) -> str:
    topics = topics or ("rain.events", "rain.labels")
    return labline("record", *topics, "--file", str(file), "--out", out, "-w", str(space))


def test_columns_that_no_topic_has_are_told(space: Path) -> None:
    file = space.parent / "more.csv"
    lines = ROWS.splitlines()
    extra = [f"{lines[0]},wnd", *(f"{line},3" for line in lines[1:])]
    file.write_text("\n".join(extra))
    told = "columns that no recorded topic has, so left out: "
    assert f"{told}wnd\n" in record_rain(space, file, str(space / "both"))
    assert f"{told}rain, wnd\n" in record_rain(space, file, str(space / "one"), "rain.events")
    said = record_rain(space, space.parent / "rain.csv", str(space / "all"))
    assert told not in said


def test_a_file_without_rows_is_refused(space: Path) -> None:
    for name, text in (("none.csv", ""), ("head.csv", "id,day,temp,rain\n"), ("none.jsonl", "\n")):
        file = space.parent / name
        file.write_text(text)
        said = record_rain(space, file, str(space / "none"))
        assert f"LL-RECORDING-ROWS: {file} has no record of rain.events and rain.labels" in said
        assert not (space / "none").exists()


def test_parquet_is_recorded_as_the_same_rows_of_a_csv(space: Path) -> None:
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    rows = [line.split(",") for line in ROWS.splitlines()]
    columns = dict(zip(rows[0], zip(*rows[1:], strict=True), strict=True))
    table = {
        **columns,
        "temp": [float(cell) for cell in columns["temp"]],
        "day": [date.fromisoformat(cell) for cell in columns["day"]],
        "rain": [cell or None for cell in columns["rain"]],
    }
    file = space.parent / "rain.parquet"
    parquet.write_table(arrow.table(table), file)
    assert "37 records in" in record_rain(space, file, str(space / "parquet"))
    record_rain(space, space.parent / "rain.csv", str(space / "csv"))
    digests = {Recording.open(space / kind).digest for kind in ("parquet", "csv")}
    assert len(digests) == 1
    table["temp"] = ["warm", *columns["temp"][1:]]
    parquet.write_table(arrow.table(table), file)
    said = record_rain(space, file, str(space / "bad"))
    assert "LL-RECORDING-ROWS: 1 rows are no" in said
    assert ": row 1: temp is not of its type" in said


@pytest.mark.parametrize("leaves", [True, False])
def test_of_two_that_record_into_one_folder_one_waits(
    space: Path, capsys: pytest.CaptureFixture[str], leaves: bool
) -> None:
    file, out = space.parent / "rain.csv", space / "r"
    store, refused = Store(out), list[LablineError]()

    def record() -> None:
        try:
            topics = ["rain.events", "rain.labels"]
            record_file(topics, file, str(out), space, say=print, progress=counting)
        except LablineError as error:
            refused.append(error)

    record_rain(space, file, str(space / "whole"))
    second = threading.Thread(target=record)
    with store.alone():
        second.start()
        until("it says so", lambda: "another process records" in capsys.readouterr().err, 30)
        if leaves:
            shutil.copytree(space / "whole", out, dirs_exist_ok=True)
    second.join()
    if leaves:
        assert "LL-RECORDING-EXISTS" in str(refused[0])
    else:  # nothing was there any more: the folder is another one now
        assert refused == []
    assert Recording.open(out).manifest.records == 37
