"""Running seeds, and telling how a failed one is run again."""

from collections import Counter
from collections.abc import Iterable

from tests.simulation.checks import check
from tests.simulation.installed import installed
from tests.simulation.world import World

TRACE_MAX = 60
SEED = "LABLINE_SIMULATION_SEED"


def run(seed: int) -> World:
    """Run a seed and check what it left.

    Raises
    ------
    AssertionError
        Naming what is wrong, how to run it again, and what happened.
    """
    world = World(seed)
    with installed(world, world.clock):
        try:
            world.play()
            check(world)
        except Exception as error:
            happened = "\n".join(world.trace[-TRACE_MAX:])
            raise AssertionError(
                f"seed {seed}, {world.shape}: {type(error).__name__}: {error}\n{happened}\n"
                f"again: {SEED}={seed} pytest tests/simulation -k test_seeds"
            ) from error
        finally:
            if world.store is not None:
                world.store.lose()
    return world


def run_all(seeds: Iterable[int]) -> Counter[str]:
    """Run many; return what happened how often."""
    happened: Counter[str] = Counter()
    for seed in seeds:
        happened += run(seed).happened
        happened["seeds"] += 1
    return happened
