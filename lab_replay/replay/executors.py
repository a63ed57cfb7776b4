"""Where units of work run: here, in processes of this machine, or on a Dask cluster."""

from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from contextlib import contextmanager
from typing import Any

from labline.engine.errors import LablineError
from labline.engine.rerun.process_pool import CONTEXT, handing_out, process_pool
from labline.lab_replay.replay.cache import Cache
from labline.lab_replay.replay.trial import Trial
from labline.lab_replay.replay.units import Outcome, Unit, run_unit
from labline.lab_replay.replay.worker_process import begin, work, work_counted

REFRESH_S = 0.2
SMALL = 50_000  # records times models: less is done before other processes have started
RETRIES = 3  # of a unit whose Dask worker went away
CONNECT_S = 10


@contextmanager
def executor_of(units: list[Unit], cores: int, scheduler: str | None) -> Iterator[Executor | None]:
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
    work = sum(unit.records * len(unit.models) for unit in units)
    workers = min(len(units), cores)
    if workers <= 1 or work < SMALL or any(_of_script(unit) for unit in units):
        yield None
        return
    done = CONTEXT.Value("q", 0)
    with process_pool(workers, initializer=begin, initargs=(done,)) as pool:
        pool.done = done  # type: ignore[attr-defined]  # it is ours, and ends with the block
        yield pool


def _of_script(unit: Unit) -> bool:
    """Tell whether a model is a function of the program itself: no other process has it."""
    return any(recipe.strip().startswith("__main__:") for recipe in unit.models.values())


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
    store: Cache,
    executor: Executor | None,
    progress: Callable[[int], None] | None,
) -> None:
    """Walk units, and keep what each gave as it ends.

    Parameters
    ----------
    progress
        Told how many records were taken: as it goes on, or where that cannot be seen, per unit.
    """
    if executor is None:
        for unit in units:
            work(trial, unit, store, progress)
        return
    shared = getattr(executor, "done", None)
    with handing_out():
        futures: dict[Future[Any], Unit] = {
            executor.submit(_sent, trial, unit)
            if shared is None
            else executor.submit(work_counted, trial, unit, store): unit
            for unit in sorted(units, key=lambda unit: -unit.records)
        }
    told, pending = 0, set(futures)
    while pending:
        ended, pending = wait(pending, REFRESH_S, FIRST_COMPLETED)
        if progress is not None and shared is not None:
            progress(shared.value - told)
            told = shared.value
        for future in ended:
            unit, outcome = futures.pop(future), future.result()
            if shared is None:
                store.put(unit, outcome)
                if progress is not None:
                    progress(unit.records)


def _sent(trial: Trial, unit: Unit) -> Outcome:
    """Walk a unit on a machine that shares no disk with this one."""
    return run_unit(trial, unit).gathered()
