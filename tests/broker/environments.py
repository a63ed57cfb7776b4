"""A second environment: a virtual environment of its own, with another version of river."""

import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any, NamedTuple

import pytest

RIVER = "0.26.0"  # as 0.26.1, but for its version and a base class that Python 3.11 refuses
# the rest is this interpreter's, found behind what the environment has itself
REST = "import csv, types; csv.DictReader.__class_getitem__ = classmethod(types.GenericAlias)"
UNREACHED = ("connection", "resolve", "timed out", "timeout", "proxy")
TIMEOUT_S = 120
ROOT = Path(__file__).parents[2]


class Done(NamedTuple):
    """What a command gave."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """Return what it printed as JSON."""
        assert self.out, self.err
        return json.loads(self.out)


def make_environment(folder: Path) -> str:
    """Return the interpreter of a new virtual environment with river in another version.

    The test is skipped where the package registry cannot be reached.
    """
    python = folder / "bin" / "python"
    made = [sys.executable, "-m", "venv", str(folder)]
    subprocess.run(made, check=True, timeout=TIMEOUT_S, capture_output=True)
    asked = [str(python), "-m", "pip", "install", "-q", "--no-deps", "--retries", "1"]
    done = subprocess.run(
        [*asked, f"river=={RIVER}"],
        capture_output=True, text=True, check=False, timeout=TIMEOUT_S,
    )  # fmt: skip
    if done.returncode and any(word in done.stderr.lower() for word in UNREACHED):
        pytest.skip(f"river {RIVER} cannot be had: the package registry is not reached")
    assert done.returncode == 0, done.stderr
    paths = sysconfig.get_paths()
    (own,) = folder.glob("lib/python*/site-packages")
    rest = dict.fromkeys((paths["purelib"], paths["platlib"]))
    (own / "rest.pth").write_text("\n".join([*rest, REST, ""]))
    return str(python)


def labline(python: str, *arguments: str, tree: Path = ROOT) -> Done:
    """Run the command line with an interpreter, on this source tree or another one."""
    done = subprocess.run(
        [python, "-m", "labline.engine.cli.main", *arguments], cwd=tree,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, check=False, timeout=TIMEOUT_S,
    )  # fmt: skip
    return Done(done.returncode, done.stdout, done.stderr)
