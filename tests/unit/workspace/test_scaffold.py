"""What a CSV is taken for, and what a person is told when it cannot be told."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from labline.engine.cli.shared.file_report import init_checks, init_table
from labline.engine.errors import LablineError
from labline.engine.models.learning.learner import cold
from labline.engine.tables.cells import Cells
from labline.engine.tables.columns import Column, Seen
from labline.engine.tables.csv_text import csv_table
from labline.engine.tables.proposal import Proposal, propose
from labline.engine.tables.roles import Roles
from labline.engine.tables.rows import csv_rows
from labline.engine.tables.scope import DECLARATION
from labline.engine.tables.survey import survey
from labline.engine.tables.table import INIT, Table, table_of
from labline.engine.workspace.check import check_workspace
from labline.engine.workspace.scaffold import scaffold
from labline.engine.workspace.workspace import Workspace
from labline.lab_replay.experiments.experiment import Experiment
from labline.lab_replay.histories.file_history import file_history
from labline.schemas.avro import Schema

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


def table(header: list[str], rows: list[list[str]]) -> Table:
    def below() -> Any:
        found = csv_table(io.StringIO(text(header, rows)))
        next(found)
        return found

    return Table(header, below, family=INIT)


def proposed(
    header: list[str], rows: list[list[str]], roles: Roles, name: str = "w"
) -> tuple[Proposal, dict[str, Column]]:
    return propose(table(header, rows), name, roles, DECLARATION)


def guessed(header: list[str], rows: list[list[str]], roles: Roles, name: str = "w") -> Proposal:
    return proposed(header, rows, roles, name)[0]


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
    fields = {field["name"]: field for field in guess.event_schema["fields"]}
    assert fields["id"]["suggested"] == {"max_length": 5, "pattern": r"[A-Z]{2}\-[0-9]{2}"}
    assert fields["x"]["suggested"] == {"minimum": 1, "maximum": 9}
    schema = Schema.parse(guess.event_schema)
    assert schema.encode({"id": "beyond every pattern", "event_time": 0, "x": 10_000})


def test_events_and_labels_of_one_file() -> None:
    guess = guessed(HEADER, ROWS, ROLES)
    assert guess.in_order
    assert guess.line["features"]["numeric"] == ["km"]
    assert guess.line["features"]["categorical"] == ["City"]
    events, labels = Schema.parse(guess.event_schema), Schema.parse(guess.label_schema or {})
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
        (["1357034400000000", "1357034400000000.5"], "epoch_us"),
        (["1357034400000000000"], "epoch_ns"),
        (["0", "3600"], "epoch_s"),
        (["31/12/2013", "01/02/2013"], "%d/%m/%Y"),
        (["12/31/2013 11:05 PM"], "%m/%d/%Y %I:%M %p"),
        (["05/05/2013", "13/05/2013"], "%d/%m/%Y"),
        (["1.2.2013 10:00"], "%d.%m.%Y %H:%M"),
        (["Jan 1 2000", "Feb 1 2000"], "%b %d %Y"),
    ],
)
def test_times(times: list[str], form: str) -> None:
    rows = [[str(number), time, "x" if number else "y"] for number, time in enumerate(times)]
    found = survey(table(["id", "t", "x"], rows), Roles(id=("id",), time="t"), DECLARATION)
    assert found.time_form == form


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"time": "taken at"}, "LL-INIT-COLUMN.*no column 'taken at'.*did you mean 'Taken at'"),
        ({"id": ("City",)}, "LL-INIT-ID: City is the same in lines 2 and 4.*--id 'City' --id"),
        ({"time": "City"}, r"LL-INIT-TIME: City is no time in line 2 \('Ulm'\).*--time-format"),
        (
            {"time_format": "%d.%m.%Y"},
            "LL-INIT-TIME: Taken at is no time in line 2 .'2013-01-01T08:00:00Z'",
        ),
        ({"label": "City"}, "LL-INIT-COLUMN: 'City' cannot be the label and something else"),
        (
            {"key": None, "label": "City", "kind": "binary"},
            "LL-INIT-LABEL.*yes or no.*'Bonn', 'Ulm'.*--label-true 'Bonn'",
        ),
        ({"key": None, "label": "City", "kind": "regression"}, "LL-INIT-LABEL.*to be a number"),
        ({"kind": "anomaly", "key": None, "label": "City"}, "LL-INIT-LABEL.*yes or no"),
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
    assert "is no time in line 3 ('soon')" in refused(
        ["id", "t"], [["1", "2013-01-01"], ["2", "soon"]], roles
    )


def test_files_that_are_none(tmp_path: Path) -> None:
    roles = Roles(id=("id",), time="t")
    assert "no rows below" in refused(["id", "t", "x"], [], roles)
    for header, why in ("\n", "names no columns"), ("id,t,id\n", "two columns are called 'id'"):
        path = tmp_path / "none.csv"
        path.write_text(header)
        with pytest.raises(LablineError, match=f"LL-INIT-FILE: .*{why}"):
            table_of(path, INIT)
    rows = [["1", "2013-01-01", "9"], ["2"], ["3", "2014-01-01", "x", "y"]]
    ragged = guessed(["id", "t", "x"], rows, roles)
    assert ragged.rows == 1
    assert ragged.remarks == (
        "2 of the rows cannot be taken: line 3 has 1 cells for 3 columns; line 4 has 4 cells for 3 "
        "columns; publishing rejects them",
    )
    assert "line 2 has 4 cells for 3 columns" in refused(["id", "t", "x"], rows[2:], roles)


def test_a_joined_id_whose_part_is_the_key() -> None:
    guess = guessed(
        ["nr", "year", "event_time", "id"],
        [["7", "1981", "a", "1"], ["7", "1980", "c", "2"]],
        Roles(id=("nr", "year"), time="year", key="nr"),
    )
    assert not guess.in_order
    fields = [field["name"] for field in guess.event_schema["fields"]]
    assert fields == ["id_2", "event_time", "nr", "event_time_2", "id"]


def test_the_workspace_fits_together(tmp_path: Path) -> None:
    rows = [[str(n), f"2013-01-0{n}T08:00:00Z", "Ulm", str(n), "x", "yes"] for n in range(1, 9)]
    rows[3][5], rows[4][2] = "no", "Bonn"
    late = [[*row, f"2013-01-1{row[0]}"] for row in rows]
    roles = ROLES._replace(label_time="Known")
    guess = guessed([*HEADER, "Known"], late, roles, "rides")
    scaffold(tmp_path / "w", Path("rides.csv"), guess)
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
        field for field in (guess.label_schema or {})["fields"] if field["name"] == "event_time"
    ]
    assert label_time["csv"]["columns"] == ["Known"]
    with pytest.raises(LablineError, match="LL-INIT-EXISTS"):
        scaffold(tmp_path / "w", Path("rides.csv"), guess)


def test_a_line_without_labels_only_scores(tmp_path: Path) -> None:
    guess = guessed(HEADER, ROWS, ROLES._replace(label=None), "rides")
    scaffold(tmp_path / "w", Path("rides.csv"), guess)
    space = Workspace(tmp_path / "w")
    assert check_workspace(space) == []
    assert space.line("rides").labels is None
    assert list(space.topics()) == ["rides.events"]
    assert "experiment" not in json.dumps([str(p) for p in (tmp_path / "w").rglob("*.yaml")])


KM = [[str(n), "2013-01-01", city, str(n / 2), word] for n, city, word in (
    (1, "Ulm", "b"), (2, "Ulm", "a"), (3, "Bonn", ""), (4, "Bonn", "c"), (5, "Ulm", "c"),
)]  # fmt: skip


@pytest.mark.parametrize(
    ("told", "kind", "field", "truths", "recipe"),
    [
        ({"label": "said"}, "multiclass", "string", ["b", "a", None, "c", "c"], "softmax"),
        ({"label": "km"}, "regression", "double", [0.5, 1.0, 1.5, 2.0, 2.5], "linear"),
        ({"kind": "anomaly"}, "anomaly", None, [], "half-space-trees"),
        ({"label": "said", "label_true": "c"}, "binary", "boolean",
         [False, False, None, True, True], "logistic"),
        ({"label": "City", "label_true": "Ulm", "kind": "anomaly"}, "anomaly", "boolean",
         [True, True, False, False, True], "half-space-trees"),
    ],
)  # fmt: skip
def test_each_kind_of_line(
    tmp_path: Path, told: dict[str, Any], kind: str, field: str | None, truths: list[Any],
    recipe: str,
) -> None:  # fmt: skip
    """What is written fits together, and its labels are what the file says."""
    header = ["id", "t", "City", "km", "said"]
    guess = guessed(header, KM, Roles(id=("id",), time="t")._replace(**told), "rides")
    scaffold(tmp_path / "w", Path("rides.csv"), guess)
    space = Workspace(tmp_path / "w")
    assert check_workspace(space) == []
    line = space.line("rides")
    assert line.kind == kind
    assert line.classes == (("a", "b", "c") if kind == "multiclass" else ())
    assert (line.decision.threshold is None) == (kind in ("regression", "anomaly"))
    experiment = Experiment.load(space.experiment_path("rides"))
    assert recipe in experiment.recipes
    for told_recipe in experiment.recipes.values():
        cold(told_recipe.recipe, line.kind, line.classes)
    if field is None:
        assert line.labels is None
        return
    schema = Schema.parse(guess.label_schema or {})
    assert schema.document["fields"][-1]["type"] == field
    read: Any = Cells(schema, header).datum
    assert [row and row[line.label or ""] for row in map(read, KM)] == truths


def test_the_kind_of_a_label_is_what_the_lab_takes_it_for(tmp_path: Path) -> None:
    """The same rules, from one place: a file that is replayed and one that is scaffolded."""
    for name, cells in {
        "words": ["a", "b", "c"], "numbers": ["1.5", "2", "3"], "few": ["1", "2", "3"],
        "truth": ["yes", "no", "no"], "bits": ["0", "1", "1"],
    }.items():  # fmt: skip
        rows = [[str(n), f"2013-01-0{n + 1}", str(n / 3), cell] for n, cell in enumerate(cells)]
        path = tmp_path / f"{name}.csv"
        path.write_text(text(["id", "time", "x", "label"], rows))
        replayed = file_history(path, cache_dir=tmp_path / "cache").line
        roles = Roles(id=("id",), time="time", label="label")
        guess = guessed(["id", "time", "x", "label"], rows, roles)
        assert guess.kind == replayed.kind
        assert tuple(guess.line.get("classes", ())) == replayed.classes


def test_nothing_to_learn_from() -> None:
    rows = [[str(n), str(1980 + n), f"note {n}"] for n in range(60)]
    told = refused(["id", "t", "note"], rows, Roles(id=("id",), time="t"))
    assert "LL-INIT-FEATURES" in told
    assert "(note: text with more than 50 different values)" in told


def test_what_is_no_feature_is_told_with_its_reason() -> None:
    header = ["id", "t", "x", "same", "comma", "few", "paid", "paid_at"]
    rows = [
        [str(n), f"2013-01-{n % 28 + 1:02}", str(n), "1", f"{n},5", f"{n % 2},5", "yn"[n % 2],
         str(1_400_000_000 + n)]
        for n in range(60)
    ]  # fmt: skip
    guess, columns = proposed(header, rows, Roles(id=("id",), time="t", label="paid"))
    assert guess.line["features"]["numeric"] == ["x"]
    table = init_table("a.csv", guess, columns)
    told = dict(zip(table.columns[0]._cells, table.columns[3]._cells, strict=True))
    assert told["comma"] == "kept: numbers with a decimal comma, such as '0,5'"
    assert (told["same"], told["paid_at"]) == ("kept: always the same", "label's time")
    checks = init_checks(guess)
    assert "label time: paid_at (guessed); --label-time names another column" in checks
    assert "few is taken as text: numbers with a decimal comma, such as '0,5'" in checks
    assert guess.labels_in_order
    assert not guess.in_order
    early = [[*row[:-1], str(1_300_000_000)] for row in rows]
    guess, columns = proposed(header, early, Roles(id=("id",), time="t", label="paid"))
    assert guess.roles.label_time is None
    assert "60 of 60 labels would have come before" in guess.left_out["paid_at"]
