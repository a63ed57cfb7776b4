"""Which detector looks for changes is the experiment's to say, and no old mark comes back."""

from dataclasses import replace
from pathlib import Path

import pytest

from labline.engine.drift.detectors.population_stability import PopulationStability
from labline.engine.errors import LablineError
from labline.lab_replay.experiments.experiment import Experiment
from labline.lab_replay.experiments.run import run_experiment, trial_of
from tests.lab.past import EVENT, LABEL, LINE, MODELS, recorded


def test_another_detector_gives_its_own_marks_and_replays_no_model(tmp_path: Path) -> None:
    recording, cache = recorded(tmp_path / "history"), tmp_path / "cache"
    small = {"detector": "population_stability", "window_events": 7, "index_max": 0.01}
    marks, walked = {}, []
    for name, inputs in (("usual", "population_stability"), ("small", small), ("kswin", "kswin")):
        experiment = Experiment.of(
            "l", {"linear": MODELS["linear"]}, drift={"inputs": inputs}, otherwise=False
        )
        trial = trial_of(experiment, LINE, (EVENT, LABEL), recording)
        out = tmp_path / "out"  # the same one: a result of another detector is not this one's
        result = run_experiment(experiment, trial, out, cores=1, cache=cache)
        marks[name] = result.inputs_drift
        walked.append(sorted(path.name for path in cache.rglob("each-*/*.npz")))
    assert marks["usual"] == marks["kswin"] == ()
    assert {mark.detector for mark in marks["small"]} == {
        "population_stability(window_events=7, index_max=0.01)"
    }
    assert walked[0] == walked[1] == walked[2]
    assert len(list(cache.rglob("rows-*.npz"))) == 2 * 3


def test_text_is_watched_by_what_can_watch_it(tmp_path: Path) -> None:
    line = LINE.model_copy(
        update={"features": LINE.features.model_copy(update={"categorical": ("colour",)})}
    )
    experiment = Experiment.of("l", {"rate": "BaseRate()"}, drift={"inputs": "page_hinkley"})
    trial = trial_of(experiment, LINE, (EVENT, LABEL), recorded(tmp_path / "history"))
    watched = replace(trial, line=line).detectors
    assert str(watched["x"]).startswith("page_hinkley(")
    assert watched["colour"] == PopulationStability()


@pytest.mark.parametrize(
    ("drift", "message"),
    [
        ({"inputs": "hddm_a"}, "watches shares from 0 to 1"),
        ({"errors": "ddm"}, "unknown detector ddm"),
        ({"input": "adwin"}, r"no such field, did you mean inputs\?"),
    ],
)
def test_a_detector_that_does_not_fit_is_refused(drift: dict[str, str], message: str) -> None:
    with pytest.raises(LablineError, match=f"LL-FILE-INVALID.*{message}"):
        Experiment.of("l", {"rate": "BaseRate()"}, drift=drift)
