"""What catches faults of the transaction: a few simulated seeds. Not one of the suite's own."""

from tests.simulation.run import run_all

SEEDS = range(60)


def test_simulated_seeds() -> None:
    run_all(SEEDS)
