"""Where units of work run: here, in processes of this machine, or on a Dask cluster."""

import multiprocessing
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from typing import Any

from engine.errors import LablineError
from lab_replay.trial import Trial
from lab_replay.units import Outcome, Unit, run_unit

REFRESH_S = 0.2
SMALL = 50_000  # records times models: less is done before other processes have started
RETRIES = 3  # of a unit whose Dask worker went away
CONNECT_S = 10


@contextmanager
def executor_of(
    trial: Trial, units: list[Unit], cores: int, scheduler: str | None
) -> Iterator[Executor | None]:
    """Give an executor for units; None: they are so small that they are run here.

    Raises
    ------
    LablineError
        ``LL-LAB-SCHEDULER`` when there is no Dask, or none at that address.
    """
    if scheduler is not None:
        with _dask(scheduler) as executor:
            yield executor
        return
    work = sum(trial.records(unit.partitions) * len(unit.models) for unit in units)
    workers = min(len(units), cores)
    if workers <= 1 or work < SMALL:
        yield None
        return
    context, others = multiprocessing.get_context("spawn"), set(multiprocessing.active_children())
    done = context.Value("q", 0)
    pool = ProcessPoolExecutor(workers, context, initializer=_share, initargs=(done,))
    pool.done = done  # type: ignore[attr-defined]  # it is ours, and ends with the block
    try:
        yield pool
    except BaseException:  # what is under way is not waited for: a unit may take minutes
        for process in set(multiprocessing.active_children()) - others:
            process.terminate()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def _dask(address: str) -> Iterator[Executor]:
    try:
        from distributed import Client
    except ImportError as error:
        raise LablineError(
            "LL-LAB-SCHEDULER", "Dask is not installed", "pip install 'labline[dask]'"
        ) from error
    try:
        client = Client(address, timeout=CONNECT_S, set_as_default=False)
    except (OSError, ValueError, TimeoutError) as error:
        raise LablineError(
            "LL-LAB-SCHEDULER",
            f"no Dask scheduler answers at {address}",
            "start one: dask scheduler; its address begins with tcp://",
        ) from error
    with client:
        yield client.get_executor(retries=RETRIES, pure=False)


def run_units(
    trial: Trial,
    units: list[Unit],
    executor: Executor | None,
    progress: Callable[[int], None] | None,
) -> Iterator[tuple[Unit, Outcome]]:
    """Yield what each unit gave, as they end.

    Parameters
    ----------
    progress
        Told how many records were taken: as it goes on, or where that cannot be seen, per unit.
    """
    if executor is None:
        for unit in units:
            yield unit, run_unit(trial, unit, progress)
        return
    shared = getattr(executor, "done", None)
    task = _counted if shared is not None else run_unit
    longest_first = sorted(units, key=lambda unit: -trial.records(unit.partitions))
    futures: dict[Future[Outcome], Unit] = {
        executor.submit(task, trial, unit): unit for unit in longest_first
    }
    told, pending = 0, set(futures)
    while pending:
        ended, pending = wait(pending, REFRESH_S, FIRST_COMPLETED)
        if progress is not None and shared is not None:
            progress(shared.value - told)
            told = shared.value
        for future in ended:
            unit = futures.pop(future)
            if progress is not None and shared is None:
                progress(trial.records(unit.partitions))
            yield unit, future.result()


_done: Any = None  # in a worker process: the count that all of them share


def _share(done: Any) -> None:
    global _done
    _done = done
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all: who started us ends us


def _counted(trial: Trial, unit: Unit) -> Outcome:
    def count(records: int) -> None:
        with _done.get_lock():
            _done.value += records

    return run_unit(trial, unit, count)
