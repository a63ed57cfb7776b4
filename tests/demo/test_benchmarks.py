"""The benchmarks run: what they print is looked at, not asserted."""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def figures(script: str, *arguments: str) -> dict[str, object]:
    """Run a benchmark; return the document that it prints."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / script), *arguments, "--json"],
        capture_output=True, text=True, check=False, timeout=300,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found: dict[str, object] = json.loads(done.stdout)
    return found


def test_the_scorer_beside_the_flat_script() -> None:
    """It checks by itself that all programs did the same work."""
    found = figures("scorer.py", "--days", "2", "--rounds", "1")
    assert found["ratio_equal_work"]


def test_the_publisher_beside_a_raw_loop() -> None:
    assert figures("publish.py", "--events", "2000", "--rounds", "1")


def test_a_report_in_memory() -> None:
    for kind in ("anomaly", "multiclass"):
        assert figures("line_report.py", "--kind", kind, "--scores", "2000")["scores"] == 2_000
