"""The lab in a notebook takes of a file what the command takes, and shows what it guessed."""

import inspect
from pathlib import Path
from typing import Any

import pytest

from labline import lab
from labline.engine.errors import LablineError
from labline.lab_replay.experiments.experiment import Experiment

pytest.importorskip("river")

ROWS = "\n".join(
    ["ride,when,town of start,km,truth,settled"]
    + [
        f"r{n},{n + 1:02}/02/2013 08:00,{'ab'[n % 2]},{n / 2},{('nil', 'paid')[n % 3 == 0]},"
        f"{n + 1:02}/03/2013 08:00"
        for n in range(24)
    ]
)
SAID: dict[str, Any] = {
    "id": "ride", "time": "when", "label": "truth", "label_time": "settled", "label_true": "paid",
    "time_format": "%d/%m/%Y %H:%M", "zone": "Europe/Berlin",
}  # fmt: skip


@pytest.fixture
def rides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rides.csv").write_text(ROWS)
    return tmp_path / "rides.csv"


def test_a_file_is_loaded_as_it_is_said(rides: Path) -> None:
    history = lab.load(rides, **SAID)
    frame = history.frame()
    assert frame["event_time"][0] == 1359702000000  # 07:00 UTC
    assert history.frame(history.past.line.labels)["truth"].to_list()[:3] == [True, False, False]
    assert history.frame(history.past.line.labels)["event_time"][0] == 1362121200000
    assert history.past.line.label_horizon == "56d"  # twice what labels took
    joined = lab.load(rides, **{**SAID, "id": ["ride", "km"]})
    assert joined.frame()["id"][0] == "r0/0.0"
    keyed = lab.load(rides, **SAID, key="town_of_start")
    assert keyed.frame()["key"].to_list()[:2] == ["a", "b"]
    with pytest.raises(
        LablineError, match=r"(?s)LL-IMPORT-TIME: when does not tell.*--time-format"
    ):
        lab.load(_with_days(rides, 12), **{**SAID, "time_format": None})


def _with_days(rides: Path, days: int) -> Path:
    rides.write_text("\n".join(ROWS.splitlines()[:days]))
    return rides


def test_anomalies_without_a_label_can_be_loaded(rides: Path) -> None:
    rides.write_text(ROWS.replace("truth", "paid_for"))
    history = lab.load(rides, id="ride", kind="anomaly")
    assert (history.past.line.kind, history.past.line.labels) == ("anomaly", None)


def test_what_was_guessed_of_a_file_is_remarked(rides: Path) -> None:
    rides.write_text(ROWS.replace("when", "time").replace("08:00", "soon"))
    history = lab.load(rides, id="ride", label="truth", label_true="paid")
    assert any(remark.startswith("time is no time in line 2") for remark in history.remarks)
    assert "check: time is no time in line 2" in history._repr_html_()


def test_a_replay_takes_the_settings_of_an_experiment_by_name(rides: Path) -> None:
    history = lab.load(rides, **SAID)
    outcome = lab.run(
        history,
        {"rate": "BaseRate()"},
        cores=1,
        slices=["town of start"],
        metrics=["accuracy"],
        warm_up=2,
        delay="none",
        otherwise=False,
        drift={"errors": "page_hinkley"},
    )
    assert set(outcome.slices()["value"]) == {"a", "b"}
    assert outcome.result.metrics == ("accuracy",)
    with pytest.raises(TypeError, match="metric"):
        lab.run(history, {"rate": "BaseRate()"}, metric="accuracy")  # type: ignore[call-arg]


def test_every_setting_of_an_experiment_has_a_name_and_the_same_default() -> None:
    parameters = inspect.signature(lab.run).parameters
    for name, field in Experiment.model_fields.items():
        if name in ("name", "line", "recipes", "recording", "history"):
            continue  # the history that is given
        default = parameters[name].default
        expected = field.default if field.default_factory is None else None
        assert (list(default) if isinstance(default, tuple) else default) == expected, name
