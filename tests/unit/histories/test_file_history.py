import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from labline.engine.errors import LablineError
from labline.engine.tables.roles import Roles
from labline.lab_replay.histories.file_history import FileHistory, file_history

CSV = """\
id,when,place,wet,temp,label
a,2013-01-01T00:00:00Z,x,true,1.5,yes
b,2013-01-01T01:00:00Z,y,false,,no
c,2013-01-01T01:00:00Z,x,true,3,
d,2013-01-01T03:00:00Z,x,false,4,no
"""


def roles(**said: Any) -> Roles:
    """Return what a person said, with an id as one name."""
    if isinstance(said.get("id"), str):
        said["id"] = (said["id"],)
    return Roles(**said)


def imported(tmp_path: Path, text: str, name: str = "rain.csv", **said: Any) -> FileHistory:
    path = tmp_path / name
    path.write_text(text)
    return file_history(path, roles(**said), cache_dir=tmp_path / "cache")


def events(history: FileHistory) -> list[dict[str, Any]]:
    return _decoded(history, history.line.events, history.event_schema)


def labels(history: FileHistory) -> list[dict[str, Any]]:
    return _decoded(history, history.line.labels or "", history.label_schema)


def _decoded(history: FileHistory, topic: str, schema: Any) -> list[dict[str, Any]]:
    found = []
    for batch in history.recording.records(topic, 0):
        for _, time_ms, _, value, _ in batch:
            datum = schema.decode(value)
            assert datum[schema.event_time] == time_ms
            found.append(datum)
    return found


HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
START_MS = 1_356_998_400_000


def test_a_csv_becomes_history(tmp_path: Path) -> None:
    history = imported(tmp_path, CSV, time="when")
    line = history.line
    assert (line.name, line.id, line.refers_to, line.label) == ("rain", "id", "id", "label")
    assert line.features.numeric == ("temp",)
    assert line.features.categorical == ("place", "wet")
    assert line.features.optional == ("temp",)
    got = events(history)
    assert [datum["temp"] for datum in got] == [1.5, None, 3.0, 4.0]
    assert [datum["wet"] for datum in got] == [True, False, True, False]
    hours = [datum["event_time"] - START_MS for datum in got]
    # equal times are a millisecond apart: each label is known before the next event
    assert hours == [0, HOUR_MS, HOUR_MS + 1, 3 * HOUR_MS]
    assert labels(history) == [
        {"id": "a", "event_time": START_MS, "label": True},
        {"id": "b", "event_time": START_MS + HOUR_MS, "label": False},
        {"id": "d", "event_time": START_MS + 3 * HOUR_MS, "label": False},
    ]
    assert history.proposal.left_out == {}


def test_the_same_file_is_imported_once(tmp_path: Path) -> None:
    one = imported(tmp_path, CSV, time="when")
    assert imported(tmp_path, CSV, time="when")[1:2] == one[1:2]
    assert len(list((tmp_path / "cache").iterdir())) == 1
    imported(tmp_path, CSV, time="when", key="place")
    imported(tmp_path, CSV + "e,2013-01-02,x,true,1,no\n", time="when")
    assert len(list((tmp_path / "cache").iterdir())) == 3


@pytest.mark.parametrize("form", ["jsonl", "jsonl.gz", "parquet", "csv.gz"])
def test_other_forms_give_the_same_history(tmp_path: Path, form: str) -> None:
    header, *lines = (line.split(",") for line in CSV.split())
    rows: list[dict[str, Any]] = [dict(zip(header, cells, strict=True)) for cells in lines]
    for row in rows:
        row["temp"] = float(row["temp"]) if row["temp"] else None
        row["wet"] = row["wet"] == "true"
        row["label"] = row["label"] or None
    path = tmp_path / f"rain.{form}"
    text = "".join(f"{json.dumps(row)}\n" for row in rows) if "json" in form else CSV
    if form == "parquet":
        pyarrow = pytest.importorskip("pyarrow")
        import pyarrow.parquet as parquet

        parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    elif form.endswith(".gz"):
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text)
    history = file_history(path, Roles(time="when"), cache_dir=tmp_path / "cache")
    expected = imported(tmp_path, CSV, time="when")
    assert history.line == expected.line
    assert events(history) == events(expected)
    assert labels(history) == labels(expected)


def test_rows_out_of_order_are_sorted_and_labels_come_when_they_came(tmp_path: Path) -> None:
    rows = [("b", 2, 1, 1, 900), ("a", 1, 2, 0, 950), ("c", 3, 3, 1, 800)]
    text = "id;ts;x;y;known\n" + "".join(
        f"{name};{START_MS + day * DAY_MS};{x};{y};{START_MS + known * DAY_MS}\n"
        for name, day, x, y, known in rows
    )
    history = imported(tmp_path, text, label_time="known")
    assert [datum["id"] for datum in events(history)] == ["a", "b", "c"]
    assert [datum["id"] for datum in labels(history)] == ["c", "b", "a"]
    assert history.line.label_horizon == f"{2 * 949}d"


def test_kinds(tmp_path: Path) -> None:
    text = "x,target\n" + "".join(f"{n},{'abc'[n % 3]}\n" for n in range(9))
    history = imported(tmp_path, text)
    assert (history.line.kind, history.line.classes) == ("multiclass", ("a", "b", "c"))
    assert [datum["target"] for datum in labels(history)][:4] == ["a", "b", "c", "a"]
    history = imported(tmp_path, "x,target\n1,1.5\n2,2.25\n")
    assert history.line.kind == "regression"
    assert [datum["target"] for datum in labels(history)] == [1.5, 2.25]
    history = imported(tmp_path, "x,z\n1,1.5\n2,2.25\n", kind="anomaly")
    assert (history.line.kind, history.label_schema) == ("anomaly", None)
    assert history.line.features.numeric == ("x", "z")


def test_a_text_with_too_many_values_is_no_feature(tmp_path: Path) -> None:
    text = "x,note,target\n" + "".join(f"{n},note {n},{n % 2}\n" for n in range(60))
    history = imported(tmp_path, text)
    assert history.proposal.left_out == {"note": "text with more than 50 different values"}
    assert history.line.features.categorical == ()


Known = Callable[[int, int], object]  # of a row's number and time, what is in its cell


def timed(known: Known, name: str = "labeled_at", days: int = 200) -> str:
    """Return events of one a day, with what is said of when their labels came."""
    rows = (
        f"{START_MS + n * DAY_MS},{n},{n % 2},{known(n, START_MS + n * DAY_MS)}"
        for n in range(days)
    )
    return f"ts,x,y,{name}\n" + "\n".join(rows) + "\n"


def test_a_column_that_tells_when_labels_came_is_no_feature(tmp_path: Path) -> None:
    history = imported(tmp_path, timed(lambda n, ms: ms + (n % 5) * DAY_MS))
    told = history.proposal
    assert (told.roles.label_time, told.label_form) == ("labeled_at", "epoch_ms")
    assert set(told.guessed) == {"time", "label", "label_time"}
    assert history.line.features.numeric == ("x",)
    times_ms = [datum["event_time"] for datum in labels(history)]
    assert times_ms == sorted(times_ms)
    assert times_ms[0] == START_MS
    assert times_ms[-1] == START_MS + 203 * DAY_MS
    named = imported(
        tmp_path, timed(lambda _, ms: ms + DAY_MS, "settled"), label_time="settled"
    ).proposal
    assert (named.roles.label_time, "label_time" in named.guessed) == ("settled", False)


@pytest.mark.parametrize(
    ("known", "time", "why"),
    [
        (lambda n, ms: ms - (n % 20 == 0) * DAY_MS, "ts", "10 of 200 labels would have come"),
        (lambda n, ms: "" if n == 3 else ms, "ts", "no time in every row with a label"),
        (lambda _, ms: ms, "ta", "no times of events to set it beside"),
        (lambda *_: "01/02/2013", "ts", "does not tell day from month"),
    ],
)
def test_what_seems_to_be_the_labels_time_is_no_feature_either(
    tmp_path: Path, known: Known, time: str, why: str
) -> None:
    text = timed(known).replace("ts,", f"{time},", 1)
    history = imported(tmp_path, text)
    assert history.proposal.roles.label_time is None
    assert "labeled_at" not in (*history.line.features.numeric, *history.line.features.categorical)
    assert why in history.proposal.left_out["labeled_at"]
    if "would" not in why:  # a person's word stands, but for what cannot be read
        with pytest.raises(LablineError, match=r"LL-IMPORT-(TIME|ROWS)"):
            imported(tmp_path, text, label_time="labeled_at")
        return
    told = imported(tmp_path, text, label_time="labeled_at").proposal
    assert told.remarks == ("10 of 200 labels have a time before their events: lost",)


def test_small_numbers_are_times_only_when_a_person_says_so(tmp_path: Path) -> None:
    text = "weight,time,chick\n42.5,0,1\n51,2,1\n59,4,1\n"
    history = imported(tmp_path, text, label="weight")
    assert (history.proposal.time_form, history.proposal.roles.time) == (None, None)
    assert history.line.features.numeric == ("time", "chick")
    assert "time would be before 1990" in history.proposal.remarks[0]
    history = imported(tmp_path, text, label="weight", time="time")
    assert [datum["event_time"] for datum in events(history)] == [0, 2_000, 4_000]


def test_what_is_left_out_is_told_with_its_reason(tmp_path: Path) -> None:
    def cells(n: int) -> list[str]:
        return [
            f"2013-01-{n % 28 + 1:02}" if n != 50 else "soon", str(n), "", f"{n},5", f"{n + 1},000",
            "inf" if n == 7 else f"{n}.25", f'{{"a": {n}}}', f"note {n}", f"{n % 3},5", str(n % 2),
        ]  # fmt: skip

    header = ["time", "order_id", "none", "comma", "many", "odd", "nested", "note", "few", "label"]
    text = "\n".join(";".join(row) for row in (header, *(cells(n) for n in range(60))))
    told = imported(tmp_path, text.replace('"', "'"))
    assert told.proposal.left_out == {
        "time": "is no time in line 52 ('soon')",
        "none": "empty",
        "comma": "numbers with a decimal comma, such as '0,5'",
        "many": "thousands with a sign between, as in '1,000'",
        "odd": "numbers but for 'inf'",
        "nested": "objects or lists",
        "note": "text with more than 50 different values",
    }
    assert told.proposal.remarks == (
        "time is no time in line 52 ('soon'): mend it, or name another with --time",
        "few is taken as text: numbers with a decimal comma, such as '0,5'",
        "order_id is a feature, as a quantity: if it is a name, take it out of the file",
    )


@pytest.mark.parametrize(
    ("text", "told", "says"),
    [
        ("", {}, "LL-IMPORT-FILE: .* names no columns"),
        ("a,b\n", {}, "LL-IMPORT-LABEL"),
        ("a,label\n", {}, "LL-IMPORT-ROWS: the file has no rows"),
        ("a,a\n1,2\n", {}, "two columns are called 'a'"),
        ("a,b\n1,5\n", {}, "LL-IMPORT-LABEL: no column tells"),
        ("x,label\n1,0\n", {"label": "lable"}, "did you mean 'label'"),
        ("x,label\n1,0\n2\n3,1,4\n5,1\n", {}, "line 3 has 1 cells for 2 columns; line 4 has 3"),
        ("id,x,label\na,1,0\na,2,1\n", {}, "LL-IMPORT-ID: id is the same in lines 2 and 3"),
        ("id,x,label\na,1,0\n,2,1\n", {}, "line 3 has no id"),
        ("t,x,label\nsoon,1,0\n", {"time": "t"}, "LL-IMPORT-TIME: t is no time"),
        ("t,x,label\n2013-01-01,1,0\n,1,1\n", {"time": "t"}, "line 3 has no t"),
        ("t,x,label\n01/02/2013,1,0\n", {"time": "t"}, "does not tell day from month"),
        ("x,label\n1,2\n2,3\n", {"kind": "binary"}, "is to be yes or no"),
        ("x,label\n1,a\n2,b\n", {"kind": "regression"}, "is to be a number"),
        ("x,label\n1,a\n2,a\n", {}, "2 to 50 different values"),
        (
            "x,label\n1,0\n2,1\n",
            {"id": "label", "label": "label"},
            "cannot be the label and something else",
        ),
        ("label\n1\n0\n", {}, "LL-IMPORT-FEATURES"),
        ("x,label\n1,0\n", {"kind": "yesno"}, "LL-IMPORT-KIND: 'yesno' is no kind"),
    ],
)
def test_what_cannot_be_taken_is_said(
    tmp_path: Path, text: str, told: dict[str, Any], says: str
) -> None:
    with pytest.raises(LablineError, match=says):
        imported(tmp_path, text, **told)
    assert not list(tmp_path.glob("cache/*"))


def test_bad_json_and_bad_files_are_said(tmp_path: Path) -> None:
    text = '{"x": 1, "label": 0}\n{x}\n[]\n\n{"x": 2, "label": NaN}\n'
    with pytest.raises(LablineError, match=r"3 of the rows .* line 2 .* line 3 .* line 5 "):
        imported(tmp_path, text, "a.jsonl")
    for name in ("a.xlsx", "none.csv"):
        with pytest.raises(LablineError, match="LL-IMPORT-FILE"):
            file_history(tmp_path / name, cache_dir=tmp_path)
    (tmp_path / "cut.csv.gz").write_bytes(gzip.compress(CSV.encode())[:-9])
    (tmp_path / "latin.csv").write_bytes(b"x,label\n\xe9,1\n")
    (tmp_path / "no.parquet").write_bytes(b"PAR1")
    for name in ("cut.csv.gz", "latin.csv", "no.parquet"):
        with pytest.raises(LablineError, match="LL-IMPORT-FILE"):
            file_history(tmp_path / name, cache_dir=tmp_path / "cache")


def test_phishing(tmp_path: Path) -> None:
    datasets = pytest.importorskip("river.datasets")
    path = Path(datasets.Phishing().path)
    history = file_history(path, cache_dir=tmp_path)
    names = history.line.features.numeric
    got = events(history)
    expected = list(datasets.Phishing())
    assert [{name: datum[name] for name in names} for datum in got] == [x for x, _ in expected]
    assert [datum["is_phishing"] for datum in labels(history)] == [y for _, y in expected]
    assert len(got) == 1_250


def test_a_recording_of_a_file_names_no_cluster(tmp_path: Path) -> None:
    path = tmp_path / "rain.csv"
    path.write_text(CSV)
    history = file_history(path, cache_dir=tmp_path / "cache")
    assert history.recording.manifest.cluster == "none"
