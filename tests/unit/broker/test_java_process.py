"""Whether a process lives is told from what the system writes of it, also while it starts."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from labline.engine.broker.servers import java_process
from labline.engine.broker.servers.java_process import is_alive


@pytest.fixture
def process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of a process, number 7, as it is while it becomes another program."""
    monkeypatch.setattr(java_process, "PROC", tmp_path)
    (tmp_path / "self").mkdir()
    folder = tmp_path / "7"
    folder.mkdir()
    (folder / "cmdline").write_bytes(b"")
    (folder / "exe").symlink_to("/bin/java")
    return folder


def test_a_process_that_becomes_another_program_is_alive(process: Path) -> None:
    program = threading.Timer(0.05, (process / "cmdline").write_bytes, [b"java\0-Dmark=1\0"])
    program.start()
    assert is_alive(7, "-Dmark=1")
    program.join()
    assert not is_alive(7, "-Dmark=2")


def test_without_arguments_and_program_it_has_ended(process: Path) -> None:
    (process / "exe").unlink()
    assert not is_alive(7, "-Dmark=1")
    assert not is_alive(8, "-Dmark=1")


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="the system has no /proc")
def test_a_real_one_is_alive_from_its_start_until_it_is_killed() -> None:
    command = [sys.executable, "-c", "input()", "-Dmark=1"]
    for _ in range(20):
        with subprocess.Popen(command, stdin=subprocess.PIPE, process_group=0) as child:
            end = time.monotonic() + 0.02
            while time.monotonic() < end:
                assert is_alive(child.pid, "-Dmark=1")
            os.kill(child.pid, signal.SIGKILL)
            os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # not yet reaped
            assert not is_alive(child.pid, "-Dmark=1")
