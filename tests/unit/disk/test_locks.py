"""One process at a time, by a lock on a file or on a folder."""

import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from labline.engine.disk.locks import file_lock, folder_lock, free_lock, share_lock
from labline.lab_replay.evaluation.prediction_log import PredictionLog
from tests.broker.process import until

HOLDS = """
import sys, time
from pathlib import Path
from labline.engine.disk.locks import file_lock
with file_lock(Path(sys.argv[1])):
    print("in", flush=True)
    sys.stdin.read()
"""
WRITES, ROWS = 40, 20_000
LOCK = ".lock"


def test_two_that_write_into_one_folder_never_read_the_other_s_scores(tmp_path: Path) -> None:
    times, labels = np.arange(ROWS), np.zeros(ROWS)
    read: dict[float, list[float]] = {0.1: [], 0.9: []}

    def write(score: float) -> None:
        log = PredictionLog(times, labels, {"x": np.full(ROWS, score)})
        for _ in range(WRITES):
            with file_lock(tmp_path / LOCK):
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
        [sys.executable, "-c", HOLDS, str(tmp_path / LOCK)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "in\n"
    entered = threading.Event()

    def wait() -> None:
        with file_lock(tmp_path / LOCK, "another run writes there"):
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
    assert "".join(said) == "waiting: another run writes there\n"


def test_one_that_is_alone_says_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        with file_lock(tmp_path / "new" / "folder" / LOCK, "nobody"):
            pass
    assert capsys.readouterr().err == ""


def test_a_lock_is_not_waited_for_longer_than_allowed(tmp_path: Path) -> None:
    with (
        file_lock(tmp_path / LOCK),
        pytest.raises(TimeoutError),
        file_lock(tmp_path / LOCK, timeout_s=0.1),
    ):
        pass
    with file_lock(tmp_path / LOCK, timeout_s=0.1):
        pass


def test_a_shared_lock_is_free_for_nobody_else(tmp_path: Path) -> None:
    with free_lock(tmp_path / "a") as free:
        assert free
    for _ in range(2):
        share_lock(tmp_path / "b")
    with free_lock(tmp_path / "b") as free:
        assert not free


def test_an_empty_folder_goes_with_its_lock(tmp_path: Path) -> None:
    """Whoever waited for it begins with a new one."""
    folder, order = tmp_path / "folder", list[str]()

    def write(name: str) -> None:
        with folder_lock(folder, "another one"):
            order.append(f"{name} in")
            time.sleep(0.2)
            order.append(f"{name} out")
            (folder / "kept").write_text(name)
            (folder / "kept").unlink()

    threads = [threading.Thread(target=write, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    first, second = order[0][0], order[2][0]
    assert order == [f"{first} in", f"{first} out", f"{second} in", f"{second} out"]
    assert not folder.exists()
