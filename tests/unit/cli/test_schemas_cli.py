"""`labline schemas …`, and the source that it writes."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from labline.engine.cli.main import app
from labline.engine.errors import LablineError
from labline.engine.workspace.example import make_workspace
from labline.engine.workspace.settings import SETTINGS_FILE
from labline.schemas.avro import Schema
from labline.schemas.source import source_of

GATE = {"name": "gate", "type": ["null", "string"], "default": None, "max_length": 4}
FAR = {"name": "distance", "type": "double", "minimum": 0, "maximum": 100}


def labline(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments), env={"COLUMNS": "200"})


@pytest.fixture
def space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("LABLINE_SCHEMA_REGISTRY", raising=False)
    make_workspace(tmp_path / "w", "flights")
    return tmp_path / "w"


def next_version(space: Path, field: dict[str, Any]) -> None:
    """Write a second version of the departures, with a field more or another one."""
    folder = space / "schemas/flights.departed"
    document = json.loads((folder / "v1.avsc").read_text())
    kept = [each for each in document["fields"] if each["name"] != field["name"]]
    (folder / "v2.avsc").write_text(json.dumps({**document, "fields": [*kept, field]}))


def test_check_and_register(space: Path) -> None:
    fine = labline("schemas", "check", "-w", str(space))
    assert (fine.exit_code, fine.stdout) == (
        0,
        "flights.arrived: 1 version\nflights.departed: 1 version\n",
    )
    assert labline("schemas", "register", "-w", str(space)).stderr == "no drafts\n"
    next_version(space, GATE)
    drafted = labline("schemas", "check", "-w", str(space))
    assert "flights.departed: 2 versions, 1 of them a draft" in drafted.stdout
    done = labline("schemas", "register", "-w", str(space))
    assert (done.exit_code, done.stdout) == (0, "released flights.departed@2\n")
    assert "draft" not in labline("schemas", "check", "-w", str(space)).stdout


def test_a_tighter_limit_is_a_problem(space: Path) -> None:
    next_version(space, FAR)
    found = labline("schemas", "check", "-w", str(space))
    assert found.exit_code == 1
    assert "distance: maximum 100 refuses records that were written with 12500" in found.stdout
    [line] = labline("schemas", "check", "--json", "-w", str(space)).stdout.splitlines()
    told = json.loads(line)
    assert (told["subject"], told["version"], told["code"]) == (
        "flights.departed", 2, "LL-SCHEMA-INCOMPATIBLE",
    )  # fmt: skip
    refused = labline("schemas", "register", "-w", str(space))
    assert isinstance(refused.exception, LablineError)
    assert refused.exception.code == "LL-SCHEMA-INCOMPATIBLE"


def test_a_changed_file_is_a_problem(space: Path) -> None:
    path = space / "schemas/flights.arrived/v1.avsc"
    path.write_text(path.read_text() + "\n")
    found = labline("schemas", "check", "--json", "-w", str(space))
    assert found.exit_code == 1
    assert json.loads(found.stdout)["code"] == "LL-SCHEMA-CHANGED"


def test_show(space: Path) -> None:
    next_version(space, GATE)
    table = labline("schemas", "show", "flights.departed", "-w", str(space)).stdout
    assert "flights.departed@2 (draft): flights.Departed" in table
    for row in (
        ("gate", "null or string", "max_length 4, default null"),
        ("event_time", "long", "the event time, minimum 0"),
        ("flight_key", "string", "pattern [A-Z0-9]{2}[0-9]{1,4}"),
    ):
        assert any(all(cell in line for cell in row) for line in table.splitlines()), row
    first = labline("schemas", "show", "flights.departed@1", "--json", "-w", str(space)).stdout
    path = space / "schemas/flights.departed/v1.avsc"
    assert json.loads(first) == json.loads(path.read_text())
    for told, code in (("flights.departd", "SCHEMA"), ("flights.departed@9", "VERSION")):
        wrong = labline("schemas", "show", told, "-w", str(space)).exception
        assert isinstance(wrong, LablineError)
        assert wrong.code == f"LL-{code}-UNKNOWN"


def mypy(*paths: Path) -> str:
    """Check files as a user would, with no settings but --strict."""
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--config-file", os.devnull,
         "--cache-dir", os.devnull, *map(str, paths)],
        capture_output=True, text=True, check=False, cwd=paths[0].parent,
    )  # fmt: skip
    return done.stdout


@pytest.mark.slow
def test_types_for_the_example(space: Path) -> None:
    out = space / "events.py"
    done = labline("schemas", "types", "--out", str(out), "-w", str(space))
    assert done.exit_code == 0, done.output
    assert labline("schemas", "types", "-w", str(space)).stdout == out.read_text()
    right, wrong = space / "right.py", space / "wrong.py"
    use = 'from events import Arrived\nArrived(id="a", event_time=1, flight_key="b", late={})\n'
    right.write_text(use.format("True"))
    wrong.write_text(use.format('"no"'))
    told = mypy(right, wrong)
    assert 'wrong.py:2: error: Argument "late" to "Arrived" has incompatible type "str"' in told
    assert "Found 1 error in 1 file (checked 2 source files)" in told


AWKWARD: dict[str, Any] = {
    "type": "record", "name": "class", "doc": 'Quotes """ and \\ and\nlines.',
    "fields": [
        {"name": name, "type": of, "doc": "It's \\N{x} \x00."}
        for name, of in (
            ("class", "int"), ("_id", "string"), ("__", "float"), ("json", "boolean"),
            ("int", "long"), ("list", {"type": "array", "items": "int"}), ("model_config", "bytes"),
            ("Field", {"type": "map", "values": "double"}), ("id", "string"),
            ("Event", {"type": "record", "name": "Event", "fields": [
                {"name": "Event", "type": {"type": "enum", "name": "E", "symbols": ["a", "None"]}},
                {"name": "inner", "type": ["null", {"type": "record", "name": "a.int", "fields": [
                    {"name": "int", "type": ["boolean", "null"]}]}]},
            ]}),
            ("again", ["a.int", "null"]),
        )
    ],
}  # fmt: skip


@pytest.mark.slow
def test_awkward_names_are_names_in_python_too(tmp_path: Path) -> None:
    other = {"type": "record", "name": "b.Event", "fields": [{"name": "x", "type": "int"}]}
    path = tmp_path / "events.py"
    path.write_text(source_of([Schema.parse(AWKWARD), Schema.parse(other)]))
    assert mypy(path) == "Success: no issues found in 1 source file\n"
    module: dict[str, Any] = {"__name__": "events"}
    exec(path.read_text(), module)  # noqa: S102  # it is ours, and this is what people import
    datum = {
        "class": 1, "_id": "a", "__": 1.5, "json": True, "int": 2, "list": [1], "model_config": b"",
        "Field": {"a": 1.0}, "id": "b", "Event": {"Event": "None", "inner": {"int": None}},
        "again": None,
    }  # fmt: skip
    made = module["Class"].model_validate(datum)
    assert made.model_dump() == datum
    assert Schema.parse(AWKWARD).encode(made.model_dump())
    assert module["BEvent"](x=1).model_dump() == {"x": 1}


def test_a_registry_that_is_away_is_said(space: Path) -> None:
    with (space / SETTINGS_FILE).open("a") as settings:
        settings.write('schema_registry = "http://127.0.0.1:9"\n')
    for command in ("check", "register"):
        away = labline("schemas", command, "-w", str(space)).exception
        assert isinstance(away, LablineError)
        assert away.code == "LL-REGISTRY-AWAY"
