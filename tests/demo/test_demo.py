"""The main job, as a newcomer runs it: the command, a month of flights, everything checked."""

import json
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.broker
def test_the_demo_does_the_main_job(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "labline.engine.cli.main",
            "demo",
            "--month",
            "2",
            "--json",
            "--dir",
            folder,
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr[-4_000:]
    told = json.loads(done.stdout)
    assert all(told["checks"].values()), told["checks"]
    assert told["sent"]["careless"] == 200
    assert told["facts"]["events"] == told["sent"]["departed"] + 200
    assert told["bursts"]
    assert (folder / ".labline" / "experiments" / "flights" / "report.html").is_file()
    assert not (folder / ".labline" / "kafka").exists()  # without --keep nothing is left running
