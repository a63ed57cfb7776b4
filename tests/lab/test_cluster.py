"""A Dask cluster and a bucket: the same figures to the last digit, whoever dies meanwhile."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import s3fs

from labline.engine.errors import LablineError
from labline.lab_replay.recordings.recording import Recording
from labline.lab_replay.replay.assembly import Replayed
from labline.lab_replay.replay.replay import replay
from labline.lab_replay.replay.trial import Trial
from tests.broker.process import until
from tests.broker.s3_server import S3Server
from tests.lab.past import EVENT, LABEL, LINE, MODELS, recorded

LOOPBACK = "127.0.0.1"
ROOT = Path(__file__).parents[2]


@contextmanager
def program(folder: Path, name: str, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run one of Dask's programs while the block runs."""
    command = [sys.executable, "-m", f"distributed.cli.dask_{name}", *arguments]
    with (folder / f"{name}-{len(list(folder.iterdir()))}.log").open("wb") as log:
        process = subprocess.Popen(
            command, stdout=log, stderr=log, cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)}
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait()


@contextmanager
def cluster(folder: Path) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """Run a scheduler and two workers, each a process; give its address and the workers."""
    folder.mkdir()
    file = folder / "scheduler.json"
    told = ("--scheduler-file", str(file), "--host", LOOPBACK, "--no-dashboard")
    with ExitStack() as stack:
        stack.enter_context(program(folder, "scheduler", *told, "--port", "0"))
        until("a scheduler", lambda: file.is_file() and bool(file.read_text()))
        worker = (*told, "--no-nanny", "--nthreads", "1", "--memory-limit", "0")
        workers = [stack.enter_context(program(folder, "worker", *worker)) for _ in range(2)]
        yield json.loads(file.read_text())["address"], workers


def same(one: Replayed, two: Replayed) -> bool:
    return one.counts == two.counts and all(
        one.log.scores[name].tobytes() == two.log.scores[name].tobytes() for name in MODELS
    )


@pytest.mark.broker  # it fetches a server for the bucket
def test_a_cluster_over_a_bucket_gives_the_same_whoever_dies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded(tmp_path / "year", partitions=range(6), events=2_000)
    here = Trial(Recording.open(tmp_path / "year"), LINE, EVENT, LABEL, MODELS)
    expected = replay(here, tmp_path / "here", cores=1)
    (tmp_path / "s3").mkdir()
    with S3Server(tmp_path / "s3") as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        s3fs.S3FileSystem.clear_instance_cache()  # another test's server had another address
        shutil.copytree(tmp_path / "year", server.bucket("history") / "year")
        there = Trial(Recording.open("s3://history/year"), LINE, EVENT, LABEL, MODELS)
        with cluster(tmp_path / "dask") as (address, workers):
            found = replay(there, tmp_path / "there", scheduler=address)
            assert same(found, expected)

            def kill(_: int) -> None:
                if workers[0].poll() is None:
                    os.kill(workers[0].pid, signal.SIGKILL)
                    workers[0].wait()

            cut = replay(there, tmp_path / "cut", kill, scheduler=address)
            assert workers[0].returncode == -signal.SIGKILL
            assert same(cut, expected)


def test_no_scheduler_is_one_clear_line(tmp_path: Path) -> None:
    trial = Trial(recorded(tmp_path / "year"), LINE, EVENT, LABEL, MODELS)
    with pytest.raises(LablineError, match="LL-LAB-SCHEDULER"):
        replay(trial, tmp_path, scheduler="tcp://127.0.0.1:1")
