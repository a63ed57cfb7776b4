"""The planted faults can still be planted, and cheap ones are still caught: see `tests.faults`."""

from pathlib import Path

import pytest

from tests.faults.__main__ import ROOT, plant, try_fault
from tests.faults.planted import FAULTS, Fault

CHEAP = ("learn before score", "digest over keys only", "MAC not checked")


def test_there_are_enough() -> None:
    assert len({fault.name for fault in FAULTS}) == len(FAULTS) >= 12


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_every_fault_can_be_planted(fault: Fault, tmp_path: Path) -> None:
    assert (ROOT / fault.caught_by.partition("::")[0]).exists()
    for name, _, _ in fault.edits:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text((ROOT / name).read_text())
    plant(tmp_path, fault)
    for name, _, _ in fault.edits:
        text = (tmp_path / name).read_text()
        assert text != (ROOT / name).read_text()
        compile(text, name, "exec")


@pytest.mark.slow
@pytest.mark.parametrize("name", CHEAP)
def test_a_planted_fault_is_caught(name: str) -> None:
    (fault,) = (fault for fault in FAULTS if fault.name == name)
    assert try_fault(fault) is not None
