"""What `labline publish` keeps of rejects, before it counts their rows as done."""

import os
from pathlib import Path

import pytest

from labline.engine.cli.shared.publish_report import Rejects
from labline.engine.errors import LablineError
from labline.engine.tables.rows import Row
from labline.schemas.rejection import Rejection

WHY = Rejection("decode", "wrong", "it is wrong")


def test_rejects_are_on_the_disk_before_their_rows_count_as_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a power cut a row that counts as done must be found here."""
    path, synced, real = tmp_path / "rejects.jsonl", list[str](), os.fsync

    def fsync(descriptor: int) -> None:
        assert os.path.samestat(os.fstat(descriptor), path.stat())
        synced.append(path.read_text())
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    with Rejects(path, append=False) as rejects:
        rejects.add(Row(7, "seven", None), WHY)
        rejects.flush()
        assert len(synced) == 1
        assert '"line": 7' in synced[0]


def test_a_disk_that_takes_no_rejects_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with Rejects(tmp_path / "rejects.jsonl", append=False) as rejects:
        with pytest.raises(LablineError, match="No space left") as refused:
            rejects.flush()
        assert refused.value.code == "LL-FILE-WRITE"
