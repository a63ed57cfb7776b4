from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from labline import lab
from labline.engine.demo.offline_recording import record_flights
from labline.engine.errors import LablineError
from labline.engine.workspace.example import make_workspace
from labline.engine.workspace.workspace import Workspace
from labline.lab_replay.evaluation.prediction_log import PredictionLog, Slices
from labline.lab_replay.evaluation.result import Candidate, Counts, ExperimentResult, Part, Window
from labline.lab_replay.experiments.columns import FrameKind, frame_of
from labline.lab_replay.experiments.frames import (
    predictions_frame,
    result_frame,
    slices_frame,
    windows_frame,
)

FIRST, LAST = date(2013, 1, 1), date(2013, 1, 2)
RECIPE = "Select('dep_delay') | StandardScaler() | LogisticRegression()"


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> lab.History:
    root = tmp_path_factory.mktemp("frames")
    make_workspace(root / "flights", "flights")
    record_flights(Workspace(root / "flights"), root / "recording", FIRST, LAST)
    return lab.load(root / "recording", workspace=root / "flights")


def test_a_recording_is_the_same_in_every_library(history: lab.History) -> None:
    polars = history.frame("flights.departed")
    pandas = history.frame(as_="pandas")
    arrow = history.frame("flights.departed", as_="arrow")
    assert polars.height == len(pandas) == arrow.num_rows > 1_000
    assert polars.columns == list(pandas.columns) == arrow.column_names
    assert polars.columns[:6] == ["partition", "offset", "timestamp", "key", "undecoded", "id"]
    assert polars["id"].to_list() == pandas["id"].tolist() == arrow["id"].to_pylist()
    assert polars["timestamp"][0] == pandas["timestamp"][0] == arrow["timestamp"][0].as_py()
    assert polars["undecoded"].null_count() == polars.height
    assert history.frame(limit=3).height == 3 * 4
    with pytest.raises(LablineError, match="LL-RECORDING-TOPIC"):
        history.frame("elsewhere")
    with pytest.raises(LablineError, match="LL-FRAME-KIND"):
        history.frame(as_="excel")  # type: ignore[arg-type]
    assert "flights.departed" in history._repr_html_()


def test_an_outcome_gives_frames_and_a_report(history: lab.History, tmp_path: Path) -> None:
    outcome = lab.run(history, {"linear": RECIPE}, slices=["origin"], cores=1)
    frame = outcome.frame()
    assert set(frame["model"]) == {"linear", "base-rate", "dep-delay", "no-change"}
    assert frame["log_loss"].to_list() == sorted(frame["log_loss"])
    predictions = outcome.predictions()
    assert {"partition", "offset", "event_time", "label", "origin", "linear"} <= set(
        predictions.columns
    )
    assert predictions["event_time"][0] < datetime(2013, 1, 2, 12)  # noqa: DTZ001  # frames have no zone
    known = predictions.filter(predictions["label_time"].is_not_null())
    assert (known["label_time"] >= known["event_time"]).all()
    assert known.height == outcome.result.counts.labelled
    assert outcome.predictions("pandas", ["linear"]).columns.tolist()[-1] == "linear"
    with pytest.raises(LablineError, match="LL-MODEL-UNKNOWN"):
        outcome.predictions(models=["linera"])
    windows = outcome.windows()
    assert set(windows["model"]) == set(frame["model"])
    assert (windows["until"] >= windows["time"]).all()
    ends = windows.filter(windows["model"] == "linear").sort("until")
    whole = frame.filter(frame["model"] == "linear")
    assert ends["so_far.log_loss"][-1] == pytest.approx(whole["log_loss"][0])
    assert ends["so_far.log_loss"][0] == pytest.approx(ends["log_loss"][0])
    assert set(outcome.slices()["value"]) == {"EWR", "JFK", "LGA"}
    shown = outcome._repr_html_()
    assert "<td>linear</td>" in shown
    assert repr(outcome) in shown.replace("&#x27;", "'")
    assert outcome.save_report(tmp_path / "r.html").read_text().startswith("<!doctype html>")
    again = lab.run(history, {"linear": RECIPE}, slices=["origin"], cores=1)
    assert again.result == outcome.result


def test_several_classes_are_a_column_each() -> None:
    log = PredictionLog(
        [1, 2],
        [0, np.nan],
        {"tree": np.array([[0.25, 0.75], [0.5, 0.5]])},
        "multiclass",
        ("a", "b"),
        slices={"where": Slices(np.array([0, -1], np.int32), ("here",))},
    )
    frame = predictions_frame(log)
    assert frame["tree.b"].to_list() == [0.75, 0.5]
    assert frame["where"].to_list() == ["here", None]
    assert frame["label_time"].null_count() == 1
    assert frame_of({}, "arrow").num_rows == 0


def test_no_column_takes_another_ones_place() -> None:
    """A model or a slice may be called anything that is a name."""
    where = Slices(np.array([0, 0], np.int32), ("here",))
    scores = {"label": [0.9, 0.2], "where": [0.3, 0.4], "slice.offset": [0.5, 0.6]}
    log = PredictionLog([1, 2], [1, 0], scores, slices={"offset": where, "where": where})
    frame = predictions_frame(log)
    assert frame["label"].to_list() == [1, 0]
    assert frame["offset"].to_list() == [0, 1]
    assert frame.columns[5:] == [
        "slice.offset", "where", "model.label", "model.where", "model.slice.offset",
    ]  # fmt: skip
    assert frame["model.where"].to_list() == [0.3, 0.4]


@pytest.mark.parametrize("as_", ["polars", "pandas", "arrow"])
def test_times_before_1970_are_times_and_those_of_no_calendar_are_none(as_: FrameKind) -> None:
    times = [-5_000, 1_000, 1 << 62, -1]
    log = PredictionLog(
        times,
        [1, np.nan, 0, 1],
        {"m": [0.5] * 4},
        label_time_ms=[-5_000, -1, 2, -1],
        label_order=[0, -1, 1, 2],
    )
    frame = predictions_frame(log, as_)
    rows = frame.to_pydict() if as_ == "arrow" else {n: list(frame[n]) for n in frame.columns[:5]}
    before = datetime(1969, 12, 31, 23, 59, 55)  # noqa: DTZ001
    assert rows["event_time"][0] == rows["label_time"][0] == before
    after = before + timedelta(milliseconds=4_999)
    assert rows["label_time"][3] == rows["event_time"][3] == after
    missing = [rows["event_time"][2], rows["label_time"][1]]
    assert all(one is None or one != one for one in missing)  # pandas' own is unlike itself
    assert str(frame)  # what polars cannot show ends the process


def result(value: float | None, state_bytes: int | None) -> ExperimentResult:
    figures = {"roc_auc": value}
    window = Window(middle_ms=1, end_ms=2, events=3, metrics=figures, so_far=figures)
    one = Candidate(
        name="c", recipe="", kind="candidate", metrics=figures, windows=(window,),
        slices={"by": (Part(value="a", events=3, metrics=figures),)}, state_bytes=state_bytes,
    )  # fmt: skip
    return ExperimentResult(
        name="x", line="l", question="", recording="", environment={}, metrics=("roc_auc",),
        candidates=(one,), counts=Counts(events=1, labelled=1),
    )  # fmt: skip


@pytest.mark.parametrize("as_", ["polars", "pandas", "arrow"])
@pytest.mark.parametrize("frame", [result_frame, windows_frame, slices_frame])
def test_a_column_keeps_its_type_when_nothing_is_in_it(frame: Any, as_: FrameKind) -> None:
    def types(known: ExperimentResult) -> list[str]:
        made = frame(known, as_=as_)
        return list(map(str, made.schema if as_ == "arrow" else made.dtypes))

    assert types(result(0.5, 9)) == types(result(None, None))
    if as_ == "polars" and frame is windows_frame:
        assert "Datetime(time_unit='ms', time_zone=None)" in types(result(0.5, 9))
