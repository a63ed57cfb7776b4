"""Whatever the bytes: a sound record or a typed rejection; no crash, no hang, flat memory.

The decoder runs in a child process. Its kernel timer ends it when a payload takes a second of its
own CPU time; the parent sees that, any other death, and memory that grows.
"""

import json
import os
import secrets
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.fuzz.child import PLANT_AT, WARM_UP
from tests.fuzz.payloads import Payloads
from tests.fuzz.targets import targets
from tests.slices import part

ROOT = Path(__file__).parents[2]
GROWTH_MAX_MIB = 32
STILL_MAX_S = 60.0  # without a step and without using CPU: then it is not the timer that ends it
SLICE, ALL = part(100_000, of=200_000), 2_000_000
FINDINGS = (
    "cannot-resolve", "empty-value", "not-finite", "out-of-range", "pattern", "too-large",
    "too-long", "trailing-bytes", "truncated", "unknown-framing", "unknown-schema", "unreadable",
)  # fmt: skip


@pytest.fixture
def progress(tmp_path: Path) -> Path:
    """Give a file in which the child notes what it is at; it outlives the child."""
    path = tmp_path / "progress"
    path.write_bytes(bytes(8))
    return path


def fire(seed: int, count: int, progress: Path, plant: str = "") -> dict[str, Any]:
    """Let a child decode `count` payloads, and return its report; fail as soon as it does not."""
    command = [sys.executable, "-m", "tests.fuzz.child", str(seed), "0", str(count), str(progress)]
    with subprocess.Popen(
        [*command, *([plant] if plant else [])],
        cwd=ROOT, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as child:  # fmt: skip
        try:
            out, err = _watched(child, progress)
        finally:
            child.kill()
    if child.returncode == 1 and out:
        failure = json.loads(out)
        raise AssertionError(f"{failure['failure']}\n{told(seed, failure['number'])}")
    if child.returncode:
        hang = child.returncode == -signal.SIGPROF
        what = "a hang over a second" if hang else f"it died: {child.returncode}"
        raise AssertionError(f"{what}\n{err}\n{told(seed, _at(progress))}")
    report: dict[str, Any] = json.loads(out)
    assert report["growth_mib"] <= GROWTH_MAX_MIB, f"memory grows: {report}, seed {seed}"
    return report


def _watched(child: subprocess.Popen[str], progress: Path) -> tuple[str, str]:
    at = -1
    while True:
        try:
            return child.communicate(timeout=STILL_MAX_S)
        except subprocess.TimeoutExpired:
            assert _at(progress) != at, f"it stands still at payload {at}"
            at = _at(progress)


def _at(progress: Path) -> int:
    return int.from_bytes(progress.read_bytes())


def told(seed: int, number: int) -> str:
    """Return what it takes to see a payload again."""
    _, framing, payload = Payloads(seed, targets(seed)).at(number)
    value = None if payload.value is None else payload.value.hex()
    return (
        f"payload {number} of seed {seed}, near {framing.name}: {value}, {payload.headers}\n"
        f"again: python -m tests.fuzz.child {seed} {number} 1"
    )


def complete(report: dict[str, Any]) -> None:
    """Check that every way in and every kind of rejection was met, and events through each."""
    met = report["outcomes"]
    readable = {
        framing.name
        for target in targets(0)
        for framing in target.framings
        if "/other/" not in framing.name
    }
    assert set(FINDINGS) | readable == set(met), met


@pytest.mark.slice
def test_a_slice(progress: Path) -> None:
    seed = int(os.environ.get("LABLINE_FUZZ_SEED", "17"))
    complete(fire(seed, SLICE, progress))


@pytest.mark.chaos
def test_all(progress: Path) -> None:
    seed = int(os.environ.get("LABLINE_FUZZ_SEED", secrets.randbits(32)))
    print(f"seed {seed}")  # noqa: T201
    complete(fire(seed, ALL, progress))


@pytest.mark.parametrize(
    ("plant", "words"),
    [
        ("escape", f"MemoryError\n\npayload {PLANT_AT - 1} of seed 5, near "),
        ("hang", r"a hang over a second\n(.*\n)*.* in faulty\n(.*\n)*payload "),
        ("crash", rf"it died: -{int(signal.SIGABRT)}\n(.*\n)*payload "),
        ("growth", "memory grows: "),
    ],
    ids=lambda text: text if text.isalpha() else "",
)
def test_what_is_planted_is_found(plant: str, words: str, progress: Path) -> None:
    """The watch is only worth something if it barks."""
    with pytest.raises(AssertionError, match=words) as caught:
        fire(5, 2 * WARM_UP, progress, plant)
    if plant != "growth":
        assert f"payload {PLANT_AT - 1} of seed 5" in str(caught.value)
