"""Plant each fault in a copy of the tree and see it caught: ``python -m tests.faults [NAME …]``.

First all catching tests run on the copy as it is: one that fails there would catch nothing. Exit
code 1 when a fault survives.
"""

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from tests.faults.planted import FAULTS, Fault

ROOT = Path(__file__).parents[2]
COPIED = ("engine", "examples", "lab_replay", "labline", "schemas", "tests", "topics")
FAILED = 1  # pytest's exit code when tests ran and failed: anything else tells nothing
TIMEOUT_S = 300


def copied(target: Path) -> Path:
    """Copy what tests need."""
    ignore = shutil.ignore_patterns("__pycache__", ".labline", ".hypothesis")
    for name in COPIED:  # labline/ links to the other folders
        shutil.copytree(ROOT / name, target / name, ignore=ignore, symlinks=True)
    shutil.copy(ROOT / "pyproject.toml", target)
    return target


def plant(tree: Path, fault: Fault) -> None:
    """Put a fault into a tree; its text must be there exactly once."""
    for name, old, new in fault.edits:
        path = tree / name
        text = path.read_text()
        assert text.count(old) == 1, f"{fault.name}: {name} has not exactly once:\n{old}"
        path.write_text(text.replace(old, new))


def run(tree: Path, tests: Iterable[str]) -> tuple[int, str]:
    """Run tests in a tree; return pytest's exit code and what it said."""
    done = subprocess.run(
        # the current folder comes first: the tree's own packages are imported
        [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests],
        cwd=tree, capture_output=True, text=True, timeout=TIMEOUT_S, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout


def catcher(said: str) -> str:
    """Return the first test that failed."""
    failed = [line.split()[1] for line in said.splitlines() if line.startswith("FAILED ")]
    return failed[0].partition("[")[0] if failed else "?"


def try_fault(fault: Fault) -> str | None:
    """Plant a fault in a copy of its own; return the test that caught it, None: none did."""
    with tempfile.TemporaryDirectory() as folder:
        tree = copied(Path(folder))
        plant(tree, fault)
        code, said = run(tree, [fault.caught_by])
    if code not in (0, FAILED):
        raise RuntimeError(f"{fault.name}: pytest ended with {code}\n{said}")
    return catcher(said) if code == FAILED else None


def check_clean(faults: Iterable[Fault]) -> None:
    """Run all catching tests without a fault."""
    tests = dict.fromkeys(fault.caught_by for fault in faults)
    with tempfile.TemporaryDirectory() as folder:
        code, said = run(copied(Path(folder)), tests)
    if code != 0:
        raise RuntimeError(f"without any fault, pytest ended with {code}\n{said}")


def show(name: str, seconds: str, caught_by: str) -> None:
    """Print a row of the table."""
    print(f"{name:54} {seconds:>7}  {caught_by}", flush=True)  # noqa: T201


def main(names: list[str]) -> int:
    """Try faults, all unless named, and show what caught each."""
    faults = [fault for fault in FAULTS if not names or fault.name in names]
    check_clean(faults)
    survived = 0
    show("fault", "seconds", "caught by")
    for fault in faults:
        started = time.monotonic()
        caught_by = try_fault(fault)
        survived += caught_by is None
        seconds = f"{time.monotonic() - started:.1f}"
        show(fault.name, seconds, caught_by or "NOTHING: it survived")
    return 1 if survived else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
