"""The wheel holds what the code reads: without a clone, `labline demo` must find it all."""

import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[3]
NEEDED = (
    "labline/schemas/avsc/labline.Score.avsc",
    "labline/lab_replay/reports/templates/report.html.j2",
    "labline/lab_replay/reports/templates/vendor/uPlot.iife.min.js",
    "labline/examples/flights/labline.toml",
    "labline/examples/flights/agents.py",
    "labline/examples/flights/schemas/flights.departed/released.json",
    "labline/examples/flights/schemas/flights.departed/v1.avsc",
    "labline/examples/flights/lines/flights-delay.toml",
    "labline/engine/demo/run.py",
)


def test_the_wheel_is_complete_and_holds_nothing_else(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    [wheel] = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert [name for name in NEEDED if name not in names] == []
    tops = {name.split("/")[0] for name in names if ".dist-info" not in name}
    assert tops == {"labline"}
    assert not [name for name in names if ".labline/" in name or "__pycache__" in name]
