"""A week at rest in the log has one order: the same bytes however it is cut, split or hashed."""

from datetime import date
from pathlib import Path

from tests.broker.factory import Factory
from tests.broker.process import until
from tests.broker.written import Outputs

FIRST, LAST = date(2013, 1, 1), date(2013, 1, 6)
SINGLE_RECORDS = 500  # taken in transactions of one record: slow, so a shorter stretch


def kinds_of(outputs: Outputs) -> dict[str, int]:
    """Return how much there is of each kind."""
    return {kind: sum(map(len, found.values())) for kind, found in outputs.items()}


def test_batch_sizes_do_not_matter(broker: str, name: str, tmp_path: Path) -> None:
    """Batches follow the backlog and the machine's mood; answers must not."""
    with Factory(broker, name, tmp_path) as factory:
        lines = {size: factory.add_line(f"{name}.{size}") for size in (1, 100, 5_000)}
        factory.publish_days(FIRST, LAST)
        factory.promote(*lines.values())
        scorers = {size: factory.scorer(line, batch_max=size) for size, line in lines.items()}
        factory.finish(scorers[100], scorers[5_000], lines=(lines[100], lines[5_000]))
        until("single records", lambda: factory.progress(lines[1]) >= SINGLE_RECORDS)
        assert scorers[1].stop() == 0
        factory.at_rest(lines[1])
        entries = {size: factory.journal(line) for size, line in lines.items()}
        for size, journal in entries.items():
            largest = max(sum(c for _, c in e.order) for es in journal.values() for e in es)
            assert largest <= size
        assert factory.outputs(lines[100]) == factory.outputs(lines[5_000])
        assert factory.outcomes(lines[100]) == factory.outcomes(lines[5_000])
        assert factory.state_digests(lines[100]) == factory.state_digests(lines[5_000])
        whole, beginning = factory.outputs(lines[5_000]), factory.outputs(lines[1])
        assert kinds_of(beginning)["scores"] > SINGLE_RECORDS / 3
        for kind, partitions in beginning.items():
            for partition, written in partitions.items():
                assert written == whole[kind][partition][: len(written)]


def test_the_number_of_processes_does_not_matter(broker: str, name: str, tmp_path: Path) -> None:
    """Scaling out moves tasks, and with them buffers, polls and order of arrival; never answers."""
    with Factory(broker, name, tmp_path) as factory:
        one, three = factory.add_line(f"{name}.one"), factory.add_line(f"{name}.three")
        factory.publish_days(FIRST, LAST)
        factory.promote(one, three)
        alone = factory.scorer(one, batch_max=500)
        several = [factory.scorer(three, instance=n, batch_max=500) for n in ("a", "b", "c")]
        factory.finish(alone, *several, lines=(one, three))
        assert factory.outputs(one) == factory.outputs(three)
        assert factory.outcomes(one) == factory.outcomes(three)
        assert factory.state_digests(one) == factory.state_digests(three)
        assert all('"event": "assigned"' in process.said() for process in several)


def test_the_hash_seed_does_not_matter(broker: str, name: str, tmp_path: Path) -> None:
    """Python orders sets of text by a seed that is another in each process; sums must not."""
    with Factory(broker, name, tmp_path) as factory:
        lines = {seed: factory.add_line(f"{name}.{seed}") for seed in ("1", "2")}
        factory.publish_days(FIRST, LAST)
        factory.promote(*lines.values())
        scorers = [factory.scorer(line, PYTHONHASHSEED=seed) for seed, line in lines.items()]
        factory.finish(*scorers, lines=lines.values())
        assert factory.outputs(lines["1"]) == factory.outputs(lines["2"])
        assert factory.state_digests(lines["1"]) == factory.state_digests(lines["2"])
        assert kinds_of(factory.outputs(lines["1"]))["scores"] > 4_000
