"""What a CSV is taken for, and what a person is told when it cannot be told."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from labline.engine.cli.shared.init_report import guess_table, to_check
from labline.engine.errors import LablineError
from labline.engine.models.learning.learner import cold
from labline.engine.publish.cells import Cells
from labline.engine.publish.rows import csv_rows, csv_table
from labline.engine.workspace.check import check_workspace
from labline.engine.workspace.columns import Seen
from labline.engine.workspace.guess import Guess, Roles
from labline.engine.workspace.inference import infer
from labline.engine.workspace.scaffold import event_schema, label_schema, scaffold
from labline.engine.workspace.workspace import Workspace
from labline.lab_replay.experiments.experiment import Experiment
from labline.lab_replay.histories.history import history_of
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
    guess = guessed(header, KM, Roles(id=("id",), time="t")._replace(**told))
    scaffold(tmp_path / "w", "rides", "rides.csv", guess)
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
    schema = Schema.parse(label_schema("rides", guess))
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
        replayed = history_of(path, cache_dir=tmp_path / "cache").line
        roles = Roles(id=("id",), time="time", label="label")
        guess = guessed(["id", "time", "x", "label"], rows, roles)
        assert (guess.kind, guess.truth and guess.truth.classes) == (
            replayed.kind, replayed.classes,
        )  # fmt: skip


def test_nothing_to_learn_from(tmp_path: Path) -> None:
    guess = guessed(["id", "t"], [["1", "1980"], ["2", "1981"]], Roles(id=("id",), time="t"))
    with pytest.raises(LablineError, match="LL-INIT-FEATURES"):
        scaffold(tmp_path / "w", "w", "w.csv", guess)
    assert not (tmp_path / "w").exists()


def test_what_is_no_feature_is_told_with_its_reason() -> None:
    header = ["id", "t", "x", "same", "comma", "few", "paid", "paid_at"]
    rows = [
        [str(n), f"2013-01-{n % 28 + 1:02}", str(n), "1", f"{n},5", f"{n % 2},5", "yn"[n % 2],
         str(1_400_000_000 + n)]
        for n in range(60)
    ]  # fmt: skip
    guess = guessed(header, rows, Roles(id=("id",), time="t", label="paid"))
    assert [column.name for column in guess.numeric] == ["x"]
    table = guess_table("a.csv", guess)
    told = dict(zip(table.columns[0]._cells, table.columns[3]._cells, strict=True))
    assert told["comma"] == "kept: numbers with a decimal comma, such as '0,5'"
    assert (told["same"], told["paid_at"]) == ("kept: always the same", "kept")
    checks = to_check(guess)
    assert "paid_at is no feature: it tells when the label came; --label-time 'paid_at'?" in checks
    assert "few is taken as text: numbers with a decimal comma, such as '0,5'" in checks
    named = guessed(header, rows, Roles(id=("id",), time="t", label="paid", label_time="paid_at"))
    assert named.label_times == []
    assert named.labels_in_order
    assert not named.in_order
