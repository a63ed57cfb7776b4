from pathlib import Path

import pytest
from typer.testing import CliRunner

from engine.cli.main import app
from engine.errors import LablineError
from engine.workspace.workspace import Workspace
from lab_replay.recording import Recording

ROWS = "\n".join(
    ["id,day,temp,rain"]
    + [
        f"s{n},2012-01-{n:02},{n}.5,{'' if n == 5 else 'yes' if n % 3 else 'no'}"
        for n in range(1, 20)
    ]
)


def labline(*arguments: str) -> str:
    result = CliRunner().invoke(app, list(arguments), env={"COLUMNS": "200"})
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
