"""One run at a time in an experiment's folder."""

import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from labline.engine.disk.locks import alone
from labline.lab_replay.evaluation.prediction_log import PredictionLog
from tests.broker.process import until

HOLDS = """
import sys, time
from pathlib import Path
from labline.engine.disk.locks import alone
with alone(Path(sys.argv[1])):
    print("in", flush=True)
    sys.stdin.read()
"""
WRITES, ROWS = 40, 20_000


def test_two_that_write_into_one_folder_never_read_the_other_s_scores(tmp_path: Path) -> None:
    times, labels = np.arange(ROWS), np.zeros(ROWS)
    read: dict[float, list[float]] = {0.1: [], 0.9: []}

    def write(score: float) -> None:
        log = PredictionLog(times, labels, {"x": np.full(ROWS, score)})
        for _ in range(WRITES):
            with alone(tmp_path):
                found = PredictionLog.write(tmp_path, log, log.scores.items())
                read[score].append(float(found.scores["x"][0]))

    threads = [threading.Thread(target=write, args=(score,)) for score in read]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert read == {score: [score] * WRITES for score in read}


def test_the_second_waits_and_says_so_and_a_killed_one_leaves_no_lock(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDS, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "in\n"
    entered = threading.Event()

    def wait() -> None:
        with alone(tmp_path):
            entered.set()

    thread = threading.Thread(target=wait)
    thread.start()
    said: list[str] = []

    def has_said() -> bool:
        said.append(capsys.readouterr().err)
        return said[-1] != ""

    until("a word of who waits", has_said)
    assert not entered.is_set()
    holder.kill()
    holder.communicate()
    assert entered.wait(30)
    thread.join()
    assert "".join(said) == f"waiting: another run of this experiment writes into {tmp_path}\n"


def test_one_that_is_alone_says_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        with alone(tmp_path / "new" / "folder"):
            pass
    assert capsys.readouterr().err == ""
