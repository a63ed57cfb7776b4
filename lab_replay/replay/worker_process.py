"""A process of the lab's pool: a unit at a time, its outcome kept from here.

Imports little by itself: what a worker does before its first unit begins with `begin`.
"""

import signal
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from labline.lab_replay.replay.cache import Cache
    from labline.lab_replay.replay.trial import Trial
    from labline.lab_replay.replay.units import Unit

_done: Any = None  # the count of records that all workers share


def begin(done: Any) -> None:
    """Make this process a worker, which counts its records in `done`."""
    global _done
    _done = done
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all: who started us ends us


def work_counted(trial: "Trial", unit: "Unit", store: "Cache") -> None:
    """Do `work` in a process of the pool; its records are counted for all."""

    def count(records: int) -> None:
        with _done.get_lock():
            _done.value += records

    work(trial, unit, store, count)


def work(
    trial: "Trial", unit: "Unit", store: "Cache", progress: Callable[[int], None] | None
) -> None:
    """Walk a unit and keep what it gave: columns need not pass through a pipe."""
    from labline.lab_replay.replay.units import run_unit

    store.put(unit, run_unit(trial, unit, progress))
