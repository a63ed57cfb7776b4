"""Thousands of seeded schedules of the real scorer, in one process: see `tests.simulation.world`.

A failing seed says how it is run again.
"""

import multiprocessing
import os
import threading
from collections import Counter
from concurrent.futures import ProcessPoolExecutor

import pytest
import structlog

from tests.simulation.run import SEED, run, run_all

log = structlog.get_logger()

SEEDS = 250
CHAOS_SEEDS = 20_000
AT_ONCE = 500


def test_seeds() -> None:
    if SEED in os.environ:
        world = run(int(os.environ[SEED]))
        log.info("what happened", trace=world.trace)
        return
    threads = threading.active_count()
    happened = run_all(range(SEEDS))
    log.info("simulated", **happened)
    assert happened["seeds"] == SEEDS
    assert threading.active_count() == threads, "somebody else's luck came in"
    assert happened["crash"] > SEEDS / 2, "a simulation in which nothing goes wrong shows nothing"


@pytest.mark.parametrize("seed", [3, 304, 599])
def test_a_seed_gives_the_same_run_twice(seed: int) -> None:
    first, second = run(seed), run(seed)
    assert first.trace == second.trace
    assert {place: [i.written for i in log] for place, log in first.broker.logs.items()} == {
        place: [i.written for i in log] for place, log in second.broker.logs.items()
    }


@pytest.mark.chaos
def test_many_seeds() -> None:
    parts = [range(at, at + AT_ONCE) for at in range(0, CHAOS_SEEDS, AT_ONCE)]
    happened: Counter[str] = Counter()
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(mp_context=context) as pool:
        for found in pool.map(run_all, parts):
            happened += found
    log.info("simulated", **happened)
    assert happened["seeds"] == CHAOS_SEEDS
