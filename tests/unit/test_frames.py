from datetime import date, datetime
from pathlib import Path

import numpy as np
import pytest

from engine.demo.recorded import record_flights
from engine.errors import LablineError
from engine.workspace.example import make_workspace
from engine.workspace.workspace import Workspace
from lab_replay.evaluation.prediction_log import PredictionLog, Slices
from lab_replay.experiments.frames import frame_of, predictions_frame
from labline import lab

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
