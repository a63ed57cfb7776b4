"""What a file suggests, to `labline init` and to the lab alike."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from labline.engine.cli.main import app
from labline.engine.core.line import Line
from labline.engine.errors import LablineError
from labline.engine.tables.cells import Cells
from labline.engine.tables.proposal import Proposal, propose
from labline.engine.tables.roles import Roles
from labline.engine.tables.rows import json_rows
from labline.engine.tables.scope import DECLARATION, REPLAY, Scope
from labline.engine.tables.table import table_of
from labline.engine.workspace.check import check_workspace
from labline.engine.workspace.scaffold import next_commands, scaffold
from labline.engine.workspace.workspace import Workspace
from labline.lab_replay.recordings.recording import Recording
from labline.schemas.avro import Schema

BOTH = pytest.mark.parametrize("scope", [DECLARATION, REPLAY])
ROWS = [
    {"ride": f"r{n}", "when": f"{n:02}.05.2013 08:00", "": "ab"[n % 2], "km": n / 2, "paid": n % 2}
    for n in range(1, 13)
]


def csv_of(rows: list[dict[str, Any]]) -> str:
    lines = [list(rows[0]), *(row.values() for row in rows)]
    return "".join(",".join(map(str, cells)) + "\n" for cells in lines)


@pytest.fixture
def rides(tmp_path: Path) -> Path:
    path = tmp_path / "rides.csv"
    path.write_text(csv_of(ROWS))
    return path


def proposed(path: Path, scope: Scope, **said: Any) -> Proposal:
    return propose(table_of(path), "rides", Roles(**said), scope)[0]


def records(path: Path, document: dict[str, Any] | None) -> list[Any]:
    """Return the records of a file's rows as a schema has them."""
    table, schema = table_of(path), Schema.parse(document or {})
    cells = Cells(schema, table.header)
    found = [cells.datum(row, number) for number, (_, row) in enumerate(table.rows(), start=1)]
    assert all(isinstance(datum, dict) and schema.encode(datum) for datum in found)
    return found


@BOTH
def test_nothing_has_to_be_said(rides: Path, scope: Scope) -> None:
    """Without an id and a time, the row's number stands for both."""
    rides.write_text(csv_of([{k: v for k, v in row.items() if k != "when"} for row in ROWS]))
    found = proposed(rides, scope, label="paid")
    assert (found.roles.id, found.roles.time, found.line["id"], found.key) == (
        (),
        None,
        "row",
        "row",
    )
    first, second, *_ = records(rides, found.event_schema)
    assert (first["row"], first["event_time"], second["event_time"]) == ("1", 1, 2)
    label, *_ = records(rides, found.label_schema)
    assert label == {"row": "1", "event_time": 1, "paid": True}
    Line.parse(found.line)


@BOTH
def test_several_ids_are_joined(rides: Path, scope: Scope) -> None:
    found = proposed(rides, scope, id=("ride", "km"), time="when", time_format="%d.%m.%Y %H:%M",
                     label="paid")  # fmt: skip
    assert records(rides, found.event_schema)[0]["id"] == "r1/0.5"
    with pytest.raises(LablineError, match="LL-IMPORT-ID: paid is the same in lines 2 and 4"):
        proposed(rides, scope, id=("paid",), time="when", label="km")


@BOTH
def test_a_name_that_is_shown_can_be_said(rides: Path, scope: Scope) -> None:
    found = proposed(rides, scope, id=("ride",), key="column_3", label="paid")
    assert found.roles.key == ""
    assert "column_3" in found.line["features"]["categorical"]


@BOTH
def test_how_times_are_written_and_where(rides: Path, scope: Scope) -> None:
    rides.write_text(csv_of(ROWS).replace("03.05.2013", "13.05.2013"))
    with pytest.raises(LablineError, match=r"(?s)LL-IMPORT-TIME: when is no time.*--time-format"):
        proposed(rides, scope, time="when", time_format="%m.%d.%Y %H:%M", label="paid")
    found = proposed(rides, scope, time="when", zone="Europe/Berlin", label="paid")
    assert (found.time_form, found.in_order) == ("%d.%m.%Y %H:%M", False)
    assert records(rides, found.event_schema)[0]["event_time"] == 1367388000000
    with pytest.raises(LablineError, match="LL-TIME-ZONE"):
        proposed(rides, scope, time="when", zone="Mars/Olympus", label="paid")


@BOTH
def test_the_yes_of_a_label_is_a_word(rides: Path, scope: Scope) -> None:
    found = proposed(rides, scope, id=("ride",), label="column_3", label_true="b")
    assert found.kind == "binary"
    assert [datum["column_3"] for datum in records(rides, found.label_schema)][:3] == [
        True, False, True,
    ]  # fmt: skip


@BOTH
def test_a_word_that_did_not_come_yet_may_come(rides: Path, scope: Scope) -> None:
    rides.write_text(csv_of([{**row, "paid": "no"} for row in ROWS]))
    found = proposed(rides, scope, id=("ride",), label="paid", kind="binary")
    csv = (found.label_schema or {})["fields"][-1]["csv"]
    assert csv["false"] == ["no"]
    assert "yes" in csv["true"]


@BOTH
def test_a_column_called_hour_and_one_called_self(
    rides: Path, scope: Scope, tmp_path: Path
) -> None:
    rows = [{**row, "hour": n % 5, "weekday": "ab"[n % 2], "self": n} for n, row in enumerate(ROWS)]
    rides.write_text(csv_of(rows))
    found = proposed(rides, scope, id=("ride",), time="when", label="paid",
                     time_format="%d.%m.%Y %H:%M")  # fmt: skip
    assert found.line["features"]["time"] == []
    scaffold(tmp_path / "w", rides, found)
    assert check_workspace(Workspace(tmp_path / "w")) == []


def test_a_proposal_is_the_same_after_it_was_json(rides: Path) -> None:
    found = proposed(rides, REPLAY, id=("ride",), label="paid", kind="binary")
    assert Proposal.of(json.loads(json.dumps(found._asdict()))) == found


def test_more_features_than_a_declaration_takes_are_named(rides: Path) -> None:
    rows = [{"id": n, "label": n % 2, **{f"x{k}": n + k for k in range(70)}} for n in range(9)]
    rides.write_text(csv_of(rows))
    found = proposed(rides, DECLARATION)
    assert len(found.line["features"]["numeric"]) == 60
    assert found.left_out["x69"] == "only the first 60 of a kind are features"
    assert len(proposed(rides, REPLAY).line["features"]["numeric"]) == 70


def run(*arguments: str) -> Result:
    result = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result


def as_csv(path: Path) -> None:
    path.write_text(csv_of(ROWS))


def as_json(path: Path) -> None:
    path.write_text(
        "".join(json.dumps({k or "none": v for k, v in row.items()}) + "\n" for row in ROWS)
    )


def as_parquet(path: Path) -> None:
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    parquet.write_table(arrow.Table.from_pylist(ROWS), path)


@pytest.mark.parametrize(
    ("name", "write", "publishes"),
    [
        ("rides.csv", as_csv, "labline publish"),
        (
            "rides.tsv",
            lambda path: path.write_text(csv_of(ROWS).replace(",", "\t")),
            "--format csv",
        ),
        ("rides.jsonl", as_json, "labline publish"),
        ("rides.parquet", as_parquet, "labline schemas register"),
    ],
)
def test_every_form_of_file_becomes_a_workspace_that_records_it(
    tmp_path: Path, name: str, write: Callable[[Path], Any], publishes: str
) -> None:
    file, root, out = tmp_path / name, str(tmp_path / "w"), str(tmp_path / "out")
    write(file)
    roles = ("--id", "ride", "--time", "when", "--label", "paid", "--line", "rides")
    form = ("--time-format", "%d.%m.%Y %H:%M")
    told = run("init", root, "--from", str(file), *roles, *form).stderr
    commands = [line.strip() for line in told.splitlines() if line.startswith("  labline")]
    assert any(
        command.startswith("labline record rides.events rides.labels") for command in commands
    )
    assert publishes in told
    topics = ("rides.events", "rides.labels")
    run("record", *topics, "--file", str(file), "--out", out, "-w", root)
    recording, schema = Recording.open(out), Workspace(Path(root)).schema_of("rides.events")
    read = [schema.decode(r[3]) for batch in recording.records(topics[0], 0) for r in batch]
    assert [(d["ride"], d["event_time"], d["km"]) for d in read if isinstance(d, dict)] == [
        (row["ride"], 1367395200000 + 86_400_000 * n, row["km"]) for n, row in enumerate(ROWS)
    ]


def test_json_lines_by_columns_are_skipped_and_rejected_as_a_csv() -> None:
    schema = Schema.parse(
        {"type": "record", "name": "R", "json_lines": "columns", "fields": [
            {"name": "id", "type": "string", "csv": {"row": True}},
            {"name": "ok", "type": "boolean",
             "csv": {"columns": ["Is Ok"], "true": ["y"], "false": ["n"], "skip": [""]}},
        ]}
    )  # fmt: skip
    lines = ['{"Is Ok": "y", "more": 1}', "", '{"more": 1}', '{"Is Ok": "maybe"}', "{}x"]
    rows = list(json_rows(lines, schema))
    assert [row.datum for row in rows][:2] == [{"id": "1", "ok": True}, None]
    assert [getattr(row.datum, "reason", None) for row in rows[2:]] == [
        "unreadable-cell",
        "not-json",
    ]


def test_next_commands_quote_a_file(rides: Path) -> None:
    odd = rides.with_name("my rides.csv")
    rides.rename(odd)
    commands = next_commands(odd, proposed(odd, DECLARATION, id=("ride",), label="paid"))
    assert f"labline publish rides.events '{odd}'" in commands
