"""Two runs of one experiment's name: the second waits for the first."""

import threading
from pathlib import Path

import pytest

from labline.engine.disk.locks import file_lock
from labline.lab_replay.experiments.experiment import Experiment
from labline.lab_replay.experiments.run import LOCK, run_experiment, trial_of
from tests.broker.process import until
from tests.lab.past import EVENT, LABEL, LINE, MODELS, recorded


def test_a_run_waits_for_who_writes_into_its_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recording, out = recorded(tmp_path / "past"), tmp_path / "out"
    declared = Experiment.of(LINE.name, {"linear": MODELS["linear"]})
    found = []

    def run() -> None:
        trial = trial_of(declared, LINE, (EVENT, LABEL), recording)
        found.append(run_experiment(declared, trial, out))

    thread = threading.Thread(target=run)
    with file_lock(out / LOCK):
        thread.start()
        until("a word of who waits", lambda: "waiting" in capsys.readouterr().err, 20)
        assert found == []
        assert [path.name for path in out.iterdir()] == [LOCK]
    thread.join()
    assert [one.name for one in found[0].candidates] == ["linear", "base-rate"]
