"""What the operating system or Kafka refuses is said in words, and is no traceback."""

import os
import socket
import sys
from pathlib import Path

import pytest

from labline.engine.broker import reader
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
    shown = capsys.readouterr().err
    assert shown.startswith("LL-SYSTEM: ")
    assert ".labline" in shown.splitlines()[0]
    assert shown.splitlines()[1].startswith("  remedy: ")


def test_a_full_disk_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full() -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(main, "app", full)
    refuse(monkeypatch)
    assert capsys.readouterr().err.startswith("LL-SYSTEM: No space left on device\n")


def test_a_broker_that_is_not_there_is_said_with_the_reason(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(reader, "TIMEOUT_S", 1.0)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        nobody = f"127.0.0.1:{probe.getsockname()[1]}"
    refuse(monkeypatch, "read", "t", "--bootstrap", nobody)
    out, err = capfd.readouterr()
    assert out == ""
    first, remedy = err.splitlines()  # and no line of the client's own, on the terminal itself
    assert first.startswith("LL-KAFKA: Kafka refused or did not answer: ")
    assert first.endswith("failed: Connection refused")
    assert nobody in first
    assert remedy.startswith("  remedy: ")
