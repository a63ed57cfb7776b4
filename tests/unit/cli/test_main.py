"""What the operating system refuses is told in words, and is no traceback."""

import os
import sys
from pathlib import Path

import pytest

from labline.engine.cli import main


def refuse(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    monkeypatch.setattr(sys, "argv", ["labline", *arguments])
    with pytest.raises(SystemExit) as ended:
        main.main()
    assert ended.value.code == 1


def test_a_state_folder_that_is_a_file_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".labline").write_text("")
    (tmp_path / "a.csv").write_text("x,label\n1,0\n2,1\n")
    refuse(monkeypatch, "lab", "replay", "a.csv", "--recipe", "BaseRate()")
    told = capsys.readouterr().err
    assert told.startswith("LL-SYSTEM: ")
    assert ".labline" in told.splitlines()[0]
    assert told.splitlines()[1].startswith("  remedy: ")


def test_a_full_disk_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full() -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(main, "app", full)
    refuse(monkeypatch)
    assert capsys.readouterr().err.startswith("LL-SYSTEM: No space left on device\n")
