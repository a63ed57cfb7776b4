"""Processes of this machine for long work: Ctrl-C, or a first error, ends all of them at once.

Called by `partitions` and by the lab's executors. What must stay true: nobody waits for work whose
result is not wanted any more, no process outlives its pool, and a user's script runs once.
"""

import multiprocessing
import signal
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from labline.engine.errors import LablineError

CONTEXT = multiprocessing.get_context("spawn")  # a fork takes locks of clients along


@contextmanager
def process_pool(workers: int, **initial: Any) -> Iterator[ProcessPoolExecutor]:
    """Give a pool; an error in the block ends its processes at once.

    Parameters
    ----------
    initial
        ``initializer`` and ``initargs`` of its processes.

    Raises
    ------
    LablineError
        ``LL-LAB-PROCESSES`` when a process was ended by something else.
    """
    others = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(workers, CONTEXT, **initial)
    try:
        with _explain_broken_pool():
            yield pool
    except BaseException:  # what is under way is not waited for: it may take minutes
        for process in set(multiprocessing.active_children()) - others:
            process.terminate()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def handing_out() -> Iterator[None]:
    """Give a pool its work in this block: it starts its processes as it gets some.

    No Ctrl-C reaches them, not even before they could refuse it themselves, and they do not run
    the user's script again.
    """
    main = sys.modules["__main__"]
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _explain_broken_pool() -> Iterator[None]:
    try:
        yield
    except BrokenProcessPool as error:
        raise LablineError(
            "LL-LAB-PROCESSES",
            "a process of the lab was ended by something else: often for want of memory",
            "the same again: a replay keeps what is done; in Python, cores=1 needs least",
        ) from error
