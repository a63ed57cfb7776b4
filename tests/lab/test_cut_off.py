"""Ctrl-C in the middle of a replay on several processes: it ends at once, cleanly, and goes on."""

import os
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

from labline.lab_replay.recordings.recording import Recording
from labline.lab_replay.replay.replay import replay
from labline.lab_replay.replay.trial import Trial
from tests.broker.process import until
from tests.lab.past import EVENT, LABEL, LINE, MODELS, recorded

ROOT = Path(__file__).parents[2]
PARTITIONS = 6


def trial(folder: Path) -> Trial:
    models = {f"{name}-{number}": recipe for name, recipe in MODELS.items() for number in range(4)}
    return Trial(Recording.open(folder / "year"), LINE, EVENT, LABEL, models)


def main(folder: Path) -> None:
    # a shell's background job is started deaf to it
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        replay(trial(folder), folder / "out", cache=folder / "cache", cores=2)
    except KeyboardInterrupt:
        sys.exit(130)


def begun(folder: Path) -> subprocess.Popen[str]:
    recorded(folder / "year", partitions=range(PARTITIONS), events=6_000)
    return subprocess.Popen(
        [sys.executable, "-m", "tests.lab.test_cut_off", str(folder)],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # a group of its own, as a terminal's foreground job has
    )


def test_ctrl_c_while_processes_start_is_as_clean(tmp_path: Path) -> None:
    process = begun(tmp_path)
    worker = ["pgrep", "-P", str(process.pid), "-f", "spawn_main"]
    until("a worker", lambda: subprocess.run(worker, capture_output=True, check=False).stdout)
    os.killpg(process.pid, signal.SIGINT)
    said = process.communicate(timeout=30)[1]
    assert (process.returncode, said) == (130, "")


def test_ctrl_c_ends_all_processes_and_keeps_what_is_done(tmp_path: Path) -> None:
    process = begun(tmp_path)
    kept = partial((tmp_path / "cache").rglob, "rows-*.npz")
    # a unit's rows are written last: when they are there, it is whole
    until("a unit", lambda: any(kept()) or process.poll() is not None)
    os.killpg(process.pid, signal.SIGINT)
    said = process.communicate(timeout=30)[1]
    assert (process.returncode, said) == (130, "")
    done = len(list(kept()))
    assert 0 < done < PARTITIONS
    told: list[int] = []
    whole = trial(tmp_path)
    replay(whole, tmp_path / "out", told.append, cache=tmp_path / "cache", cores=1)
    assert 0 < sum(told) <= sum(whole.sizes().values()) * (PARTITIONS - done) / PARTITIONS


if __name__ == "__main__":
    main(Path(sys.argv[1]))
