"""A replay from a plain script: its processes do not run the script again."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from labline.engine.errors import LablineError
from labline.lab_replay.recordings.recording import Recording
from labline.lab_replay.replay.replay import replay
from labline.lab_replay.replay.trial import Trial
from tests.lab.past import EVENT, LABEL, LINE, recorded

SCRIPT = """
import labline.engine.rerun.process_pool as process_pool
from labline import lab

class Pool(process_pool.ProcessPoolExecutor):
    def __init__(self, *told, **more):
        super().__init__(*told, **more)
        print("processes", told[0])

process_pool.ProcessPoolExecutor = Pool

def mine():
    from river import linear_model
    return linear_model.LogisticRegression()

print("begins")
past = lab.load("rows.csv")
recipes = {f"lr{n}": f"LogisticRegression(optimizer=SGD(0.0{n + 1}))" for n in range(9)}
outcome = lab.run(past, recipes, cores=2, otherwise=False)
print(len(outcome.frame()), "models")
outcome = lab.run(past, {f"mine{n}": "__main__:mine" for n in range(9)}, cores=2, otherwise=False)
print(len(outcome.frame()), "models of the script itself")
"""
ENDS = """
import multiprocessing, os
class Ends:
    def learn_one(self, x, y):
        if multiprocessing.parent_process() is not None:
            os._exit(9)
    def predict_proba_one(self, x):
        return {True: 0.5}
"""
ROWS = 4_000
END_S = 120


def ended(command: list[str], folder: Path) -> tuple[int, str, str]:
    """Run a program to its end; one that never ends is killed, with all that it started."""
    process = subprocess.Popen(
        command, cwd=folder, text=True, start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        out, err = process.communicate(timeout=END_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        out, err = process.communicate()
    return process.returncode, out, err


def test_a_script_without_a_guard_runs_once_and_uses_processes(tmp_path: Path) -> None:
    rows = [f"{n},{n % 7},{int(n % 7 > 3)}" for n in range(ROWS)]
    (tmp_path / "rows.csv").write_text("\n".join(["id,x,label", *rows]) + "\n")
    (tmp_path / "script.py").write_text(SCRIPT)
    code, out, err = ended([sys.executable, "script.py"], tmp_path)
    assert code == 0, err
    assert "Traceback" not in err
    assert out.splitlines() == [
        "begins", "processes 2", "10 models", "10 models of the script itself",
    ]  # fmt: skip


def test_a_process_that_is_gone_is_one_clear_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ends_its_process.py").write_text(ENDS)
    monkeypatch.syspath_prepend(str(tmp_path))
    recorded(tmp_path / "past", partitions=range(2), events=20_000)
    models = {"ends": "ends_its_process:Ends", "rate": "BaseRate()"}
    trial = Trial(Recording.open(tmp_path / "past"), LINE, EVENT, LABEL, models)
    with pytest.raises(LablineError, match="LL-LAB-PROCESSES") as caught:
        replay(trial, tmp_path / "out", cores=2)
    assert "cores=1" in caught.value.remedy
