"""Every drift detector is a file: declared by name, deterministic, quiet where all is as before."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from labline.engine.drift import detectors
from labline.engine.drift.declaration import declared_detector
from labline.engine.drift.detector import Detector, DriftDetector
from labline.engine.drift.detectors import DETECTORS

ROOT = Path(__file__).parents[3]
DOWN = '''\
"""A detector that sees a change where a value is below the one before."""

from labline.engine.drift.detector import Detector


class Down(Detector):
    least: float = 0.0

    def start(self):
        return _Down(self.least)


class _Down:
    estimation = 0.0

    def __init__(self, least):
        self.drift_detected, self.last, self.least = False, None, least

    def update(self, x):
        self.drift_detected = self.last is not None and self.last - x > self.least
        self.last = x


DETECTOR = Down
'''


def changes(detector: DriftDetector, values: list[float]) -> list[int]:
    seen = []
    for place, value in enumerate(values):
        detector.update(value)
        if detector.drift_detected:
            seen.append(place)
    return seen


@pytest.fixture
def down(tmp_path: Path) -> Iterator[str]:
    """Give a detector that is one more file in the package's folder."""
    (tmp_path / "down.py").write_text(DOWN)
    detectors.__path__.append(str(tmp_path))
    yield "down"
    detectors.__path__.remove(str(tmp_path))
    sys.modules.pop("labline.engine.drift.detectors.down", None)


@pytest.mark.parametrize("name", list(DETECTORS))
def test_a_change_is_seen_after_it_came_and_the_same_every_time(name: str) -> None:
    rng = np.random.default_rng(3)
    before, after = rng.uniform(0.1, 0.3, 10_000), rng.uniform(0.6, 0.8, 10_000)
    values = [*before.tolist(), *after.tolist()]
    declared = declared_detector(name)
    seen = changes(declared.start(), values)
    assert seen == changes(declared.start(), values)
    assert any(10_000 <= place < 15_000 for place in seen)


@pytest.mark.parametrize("name", list(DETECTORS))
def test_what_stays_as_it_is_shows_no_change(name: str) -> None:
    assert changes(declared_detector(name).start(), [0.5] * 12_000) == []


@pytest.mark.parametrize("name", list(DETECTORS))
def test_its_text_declares_the_same_detector(name: str) -> None:
    declared = declared_detector(name)
    assert str(declared).startswith(f"{name}(")
    again = declared_detector({"detector": name, **declared.model_dump()})
    assert again == declared
    assert isinstance(declared, Detector)


def test_a_file_is_all_that_a_detector_needs(down: str) -> None:
    assert down in DETECTORS
    declared = declared_detector({"detector": down, "least": 2})
    assert str(declared) == "down(least=2.0)"
    assert changes(declared.start(), [1, 5, 4, 1]) == [3]


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("adwim", r"unknown detector adwim, did you mean adwin\?"),
        (
            {"detector": "kswin", "alpah": 1},
            r"kswin: alpah: no such parameter, did you mean alpha\?",
        ),
        ({"detector": "kswin", "alpha": 2}, "kswin: alpha: .* less than 1"),
        ({"detector": "kswin", "stat_size": 90}, "window_size is at least twice stat_size"),
        ({"delta": 0.1}, "write the name of a detector"),
        (3, "write the name of a detector"),
    ],
)
def test_what_is_no_detector_is_refused_with_what_to_write(document: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        declared_detector(document)


def test_a_declared_detector_does_not_change() -> None:
    with pytest.raises(ValidationError):
        declared_detector("adwin").delta = 0.5  # type: ignore[attr-defined]


def test_names_are_listed_without_river() -> None:
    code = (
        "import sys\n"
        "from labline.engine.drift.detectors import DETECTORS\n"
        "assert 'adwin' in DETECTORS\n"
        "assert not {'river', 'numpy'} & sys.modules.keys()\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_the_documents_have_every_detector_and_its_defaults() -> None:
    text = (ROOT / "docs" / "statistics.md").read_text()
    kinds = {"any": "any values", "numbers": "numbers", "shares": "shares from 0 to 1"}
    for name in DETECTORS:
        declared = declared_detector(name)
        defaults = ", ".join(f"`{field}` {value}" for field, value in declared)
        assert f"| `{name}` | {kinds[declared.values]} | {defaults} |" in text
