"""What a CSV is taken for, and what a person is told when it cannot be told."""

import csv
import io
import json
from pathlib import Path

import pytest

from engine.errors import LablineError
from engine.publish.rows import csv_rows, csv_table
from engine.workspace.check import check_workspace
from engine.workspace.columns import Seen
from engine.workspace.guess import Guess, Roles
from engine.workspace.inference import infer
from engine.workspace.scaffold import event_schema, label_schema, scaffold
from engine.workspace.workspace import Workspace
from lab_replay.experiment import Experiment
from schemas.avro import Schema

HEADER = ["Ride No", "Taken at", "City", "km", "note", "paid"]
ROWS = [
    ["1", "2013-01-01T08:00:00Z", "Ulm", "7.5", "", "yes"],
    ["2", "2013-01-01T09:00:00Z", "Bonn", "NA", "wet", "no"],
    ["3", "2013-01-02T09:00:00Z", "Ulm", "12", "", ""],
]
ROLES = Roles(id=("Ride No",), time="Taken at", key="City", label="paid")


def text(header: list[str], rows: list[list[str]]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([header, *rows])
    return out.getvalue()


def guessed(header: list[str], rows: list[list[str]], roles: Roles) -> Guess:
    return infer(csv_table(io.StringIO(text(header, rows))), roles)


def refused(header: list[str], rows: list[list[str]], roles: Roles) -> str:
    with pytest.raises(LablineError) as caught:
        guessed(header, rows, roles)
    return str(caught.value)


@pytest.mark.parametrize(
    ("cells", "kind", "missing"),
    [
        (["1", "-20"], "long", ()),
        (["1", "2.5", "1e3"], "double", ()),
        (["1", "", "NA"], "long", ("", "NA")),
        (["007", "1"], "string", ()),
        (["1_000"], "string", ()),
        (["9" * 30], "double", ()),
        (["true", "False"], "boolean", ()),
        (["inf", "1"], "string", ()),
        (["x", "1"], "string", ()),
        (["", ""], "string", ("",)),
        (["1,5"], "string", ()),
    ],
)
def test_types_and_gaps(cells: list[str], kind: str, missing: tuple[str, ...]) -> None:
    seen = Seen("x")
    for cell in cells:
        seen.add(cell)
    column = seen.column("x")
    assert (column.kind, column.missing) == (kind, missing)


def test_patterns_and_ranges_are_suggestions() -> None:
    guess = guessed(["id", "t", "x"], [["AB-12", "2013", "1"], ["CD-34", "2014", "9"]],
                    Roles(id=("id",), time="t"))  # fmt: skip
    fields = {field["name"]: field for field in event_schema("w", guess)["fields"]}
    assert fields["id"]["suggested"] == {"max_length": 5, "pattern": r"[A-Z]{2}\-[0-9]{2}"}
    assert fields["x"]["suggested"] == {"minimum": 1, "maximum": 9}
    schema = Schema.parse(event_schema("w", guess))
    assert schema.encode({"id": "beyond every pattern", "event_time": 0, "x": 10_000})


def test_events_and_labels_of_one_file() -> None:
    guess = guessed(HEADER, ROWS, ROLES)
    assert guess.in_order
    assert [column.name for column in guess.numeric] == ["km"]
    assert [column.name for column in guess.categorical] == ["City"]
    events = Schema.parse(event_schema("rides", guess))
    labels = Schema.parse(label_schema("rides", guess))
    told: list[str] = []
    lines = text(HEADER, ROWS).splitlines(keepends=True)
    rows = [row.datum for row in csv_rows(lines, events, told.extend)]
    assert told == ["paid"]
    assert rows[1] == {
        "ride_no": "2", "event_time": 1357030800000, "City": "Bonn", "km": None, "note": "wet",
    }  # fmt: skip
    assert [row.datum for row in csv_rows(lines, labels)] == [
        {"ride_no": "1", "event_time": 1357027200000, "City": "Ulm", "paid": True},
        {"ride_no": "2", "event_time": 1357030800000, "City": "Bonn", "paid": False},
        None,
    ]


@pytest.mark.parametrize(
    ("times", "form"),
    [
        (["2013-01-01", "2013-01-02"], "iso"),
        (["2013-01-01 10:00", "2013-01-02 11:00:01.5+02:00"], "iso"),
        (["20130101", "20130102"], "iso"),
        (["1980", "1981"], "%Y"),
        (["1357034400", "1357034401"], "epoch_s"),
        (["1357034400.25"], "epoch_s"),
        (["1357034400000"], "epoch_ms"),
        (["0", "3600"], "epoch_s"),
        (["31/12/2013", "01/02/2013"], "%d/%m/%Y"),
        (["12/31/2013 11:05 PM"], "%m/%d/%Y %I:%M %p"),
        (["05/05/2013", "13/05/2013"], "%d/%m/%Y"),
        (["1.2.2013 10:00"], "%d.%m.%Y %H:%M"),
        (["Jan 1 2000", "Feb 1 2000"], "%b %d %Y"),
    ],
)
def test_times(times: list[str], form: str) -> None:
    rows = [[str(number), time] for number, time in enumerate(times)]
    assert guessed(["id", "t"], rows, Roles(id=("id",), time="t")).time_form == form


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"time": "taken at"}, "LL-INIT-COLUMN.*no column 'taken at'.*did you mean 'Taken at'"),
        ({"id": ("City",)}, "LL-INIT-ID: City is the same in lines 2 and 4.*--id 'City' --id"),
        ({"time": "City"}, "LL-INIT-TIME: line 2: 'Ulm' in City is no time.*--time-format"),
        ({"time_format": "%d.%m.%Y"}, "LL-INIT-TIME: line 2: '2013-01-01T08:00:00Z' in Taken at"),
        ({"label": "City"}, "LL-INIT-COLUMN: 'City' cannot be the label and something else"),
        ({"key": None, "label": "City"}, "LL-INIT-LABEL.*'Bonn', 'Ulm'.*--label-true 'Bonn'"),
        ({"label_true": "maybe"}, "LL-INIT-LABEL.*'no', 'yes'"),
        ({"zone": "Mars/Olympus"}, "LL-TIME-ZONE.*'Mars/Olympus'"),
    ],
)
def test_what_cannot_be_told(change: dict[str, object], message: str) -> None:
    roles = ROLES._replace(**change)  # type: ignore[arg-type]
    with pytest.raises(LablineError, match=f"(?s){message}"):
        guessed(HEADER, ROWS, roles)


def test_times_that_leave_a_doubt() -> None:
    roles = Roles(id=("id",), time="t")
    rows = [["1", "01/02/2013"], ["2", "03/04/2013"]]
    assert "--time-format '%m/%d/%Y' or --time-format '%d/%m/%Y'" in refused(
        ["id", "t"], rows, roles
    )
    told = guessed(["id", "t"], rows, roles._replace(time_format="%d/%m/%Y"))
    assert told.time_form == "%d/%m/%Y"
    assert "has no time in any row" in refused(["id", "t"], [["1", "NA"]], roles)
    assert "line 3: 'soon'" in refused(["id", "t"], [["1", "2013-01-01"], ["2", "soon"]], roles)


def test_files_that_are_none() -> None:
    roles = Roles(id=("id",), time="t")
    assert "names no columns" in refused([], [], roles)
    assert "no rows below" in refused(["id", "t"], [], roles)
    assert "two columns are called 'id'" in refused(["id", "t", "id"], [], roles)
    ragged = guessed(["id", "t"], [["1", "2013"], ["2"], ["3", "2014", "x"]], roles)
    assert (ragged.rows, ragged.ragged) == (1, 2)


def test_a_joined_id_whose_part_is_the_key() -> None:
    guess = guessed(
        ["nr", "year", "event_time", "id"],
        [["7", "1981", "a", "b"], ["7", "1980", "c", "d"]],
        Roles(id=("nr", "year"), time="year", key="nr"),
    )
    assert not guess.in_order
    fields = [field["name"] for field in event_schema("w", guess)["fields"]]
    assert fields == ["id_2", "event_time", "nr", "event_time_2", "id"]


def test_the_workspace_fits_together(tmp_path: Path) -> None:
    rows = [[str(n), f"2013-01-0{n}T08:00:00Z", "Ulm", str(n), "x", "yes"] for n in range(1, 9)]
    rows[3][5], rows[4][2] = "no", "Bonn"
    late = [[*row, f"2013-01-1{row[0]}"] for row in rows]
    roles = ROLES._replace(label_time="Known")
    guess = guessed([*HEADER, "Known"], late, roles)
    scaffold(tmp_path / "w", "rides", "rides.csv", guess)
    space = Workspace(tmp_path / "w")
    assert check_workspace(space) == []
    line = space.line("rides")
    assert line.labels == "rides.labels"
    assert line.label_horizon == "20d"  # twice the ten days that the slowest label took
    assert line.features.numeric == ("km",)
    assert line.features.categorical == ("City",)
    assert line.features.time == ("hour", "weekday")
    assert Experiment.load(space.experiment_path("rides")).recipes.keys() >= {"logistic"}
    assert not space.subject_of("rides.events").latest.released
    (label_time,) = [
        field for field in label_schema("rides", guess)["fields"] if field["name"] == "event_time"
    ]
    assert label_time["csv"]["columns"] == ["Known"]
    with pytest.raises(LablineError, match="LL-INIT-EXISTS"):
        scaffold(tmp_path / "w", "rides", "rides.csv", guess)


def test_a_line_without_labels_only_scores(tmp_path: Path) -> None:
    guess = guessed(HEADER, ROWS, ROLES._replace(label=None))
    scaffold(tmp_path / "w", "rides", "rides.csv", guess)
    space = Workspace(tmp_path / "w")
    assert check_workspace(space) == []
    assert space.line("rides").labels is None
    assert list(space.topics()) == ["rides.events"]
    assert "experiment" not in json.dumps([str(p) for p in (tmp_path / "w").rglob("*.yaml")])


def test_nothing_to_learn_from(tmp_path: Path) -> None:
    guess = guessed(["id", "t"], [["1", "1980"], ["2", "1981"]], Roles(id=("id",), time="t"))
    with pytest.raises(LablineError, match="LL-INIT-FEATURES"):
        scaffold(tmp_path / "w", "w", "w.csv", guess)
    assert not (tmp_path / "w").exists()
