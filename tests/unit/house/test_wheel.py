"""The wheel holds what the code reads: without a clone, `labline demo` must find it all."""

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
NEEDED = (
    "labline/engine/errors.toml",
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


def built(source: Path, target: str, folder: Path) -> Path:
    """Build a wheel or an sdist; return the file."""
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", folder],
        cwd=source,
        check=True,
        capture_output=True,
    )
    [made] = folder.iterdir()
    return made


@pytest.mark.slow
def test_the_wheel_is_complete_and_holds_nothing_else(tmp_path: Path) -> None:
    names = zipfile.ZipFile(built(ROOT, "wheel", tmp_path)).namelist()
    assert [name for name in NEEDED if name not in names] == []
    assert {name.split("/")[0] for name in names if ".dist-info" not in name} == {"labline"}
    assert not [name for name in names if ".labline/" in name or "__pycache__" in name]


@pytest.mark.slow
def test_an_sdist_gives_the_same_wheel(tmp_path: Path) -> None:
    with tarfile.open(built(ROOT, "sdist", tmp_path / "sdist")) as archive:
        archive.extractall(tmp_path, filter="data")
    [source] = tmp_path.glob("labline-*")
    direct = built(ROOT, "wheel", tmp_path / "direct")
    again = built(source, "wheel", tmp_path / "again")
    assert zipfile.ZipFile(again).namelist() == zipfile.ZipFile(direct).namelist()
