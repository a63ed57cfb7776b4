"""Units of work: one pass over one or more partitions with some of the candidates.

A unit stands for itself: it runs in another process or on another machine, and gives the same
there. So cores are filled by splitting partitions, candidates or both.
"""

import time
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from labline.lab_replay.replay.candidates import Candidate
from labline.lab_replay.replay.early_stopping import GivingUp
from labline.lab_replay.replay.rows import Columns, Rows
from labline.lab_replay.replay.spill import Spill
from labline.lab_replay.replay.steps import blocks_of, steps_of
from labline.lab_replay.replay.trial import Trial

EACH, SINGLE, BY_KEY = "each", "single", "by-key"
PASS = 4.0  # what a pass costs without models, about, in cheap models


@dataclass(frozen=True)
class Unit:
    """One pass.

    Attributes
    ----------
    partitions
        Whose steps are walked, as one past.
    learners
        ``each``: one for the partition; ``single``: one over all of them; ``by-key``: as many as
        `ways`, each with the keys that would be in its partition.
    models
        Recipes by name.
    reference
        Who of them the others are measured by and given up; None: all are walked to the end.
    records
        How many events and labels its partitions have.
    tests
        How many units ask the same of a candidate: they share the probability of an error.
    """

    partitions: tuple[int, ...]
    learners: str
    models: Mapping[str, str]
    ways: int = 1
    reference: str | None = None
    records: int = 0
    tests: int = 1

    @property
    def scope(self) -> str:
        """What its scores depend on beside recipe and past: how partitions share learners."""
        if self.learners == EACH:
            return f"{EACH}-{self.partitions[0]}"
        return f"{self.learners}-{self.ways}" if self.learners == BY_KEY else SINGLE


class Walk(NamedTuple):
    """What a candidate's walk in one unit was like, beside its scores."""

    cpu_s: float
    state_bytes: int | None
    learn_failed: int
    unanswered: int
    stopped_at: int | None


class Walked(NamedTuple):
    """What a candidate gave in one unit.

    Attributes
    ----------
    scores
        In the order of partitions and rows.
    """

    scores: NDArray[np.float64]
    walk: Walk


class Outcome(NamedTuple):
    """What a unit gave.

    Attributes
    ----------
    walked
        By candidate; one in memory at a time, unless it was `gathered`.
    pass_s
        CPU for decoding, checks, order and join.
    """

    columns: dict[int, Columns]
    counts: dict[int, dict[str, int]]
    walked: Iterable[tuple[str, Walked]]
    pass_s: float

    def gathered(self) -> "Outcome":
        """Return it with everything in memory, so that it can be sent."""
        return self._replace(walked=list(self.walked))


def run_unit(trial: Trial, unit: Unit, progress: Callable[[int], None] | None = None) -> Outcome:
    """Walk a unit's candidates over its partitions' steps."""
    began_s = time.thread_time()
    spill = Spill()
    candidates = {
        name: Candidate(recipe, trial.line, unit.ways, spill)
        for name, recipe in unit.models.items()
    }
    rows = [Rows(trial, partition, ways=unit.ways) for partition in unit.partitions]
    streams = [steps_of(trial, each, progress) for each in rows]
    route = rows[0].way_of if unit.learners == BY_KEY else None
    whose = array("i")
    giving_up = None
    if unit.reference is not None:
        kind, classes = trial.line.kind, trial.line.classes
        giving_up = GivingUp(
            kind, classes, candidates, unit.reference, unit.tests, len(unit.partitions)
        )
    for steps in blocks_of(streams, whose):
        for candidate in candidates.values():
            candidate.walk(steps, route)
        if giving_up is not None:
            giving_up.after(steps)
    order = _by_partition(whose, len(rows))
    spent_s = time.thread_time() - began_s
    return Outcome(
        {each.partition: each.columns() for each in rows},
        {each.partition: dict(each.counts) for each in rows},
        _walked(candidates, order),
        spent_s - sum(candidate.cpu_s for candidate in candidates.values()),
    )


def _walked(
    candidates: dict[str, Candidate], order: NDArray[np.intp] | None
) -> Iterator[tuple[str, Walked]]:
    for name, candidate in candidates.items():
        scores = candidate.scores()
        walk = Walk(
            candidate.cpu_s,
            candidate.state_bytes(),
            candidate.learn_failed,
            candidate.unanswered,
            candidate.stopped_at,
        )
        yield name, Walked(scores if order is None else scores[order], walk)


def _by_partition(whose: "array[int]", count: int) -> NDArray[np.intp] | None:
    """Return how to bring scores in the order of partitions and rows."""
    if count == 1:
        return None
    origins = np.frombuffer(whose, np.int32) if len(whose) else np.zeros(0, np.int32)
    return np.argsort(origins, kind="stable")


def units_of(
    sizes: Mapping[int, int],
    models: Mapping[str, str],
    learners: str,
    cores: int,
    ways: int = 1,
    reference: str | None = None,
) -> list[Unit]:
    """Return the units that let all cores work.

    Parameters
    ----------
    sizes
        Of each partition how many records it has.
    reference
        A model that is in every unit, because the others are measured by it.

    Examples
    --------
    >>> two = {"a": "BaseRate()", "b": "NoChange(0.6)"}
    >>> [list(unit.models) for unit in units_of({0: 9}, two, EACH, cores=2)]
    [['a'], ['b']]
    >>> [unit.partitions for unit in units_of({0: 9, 1: 8, 2: 3}, two, EACH, cores=2)]
    [(0,), (1,), (2,)]
    """
    scopes = [(partition,) for partition in sizes] if learners == EACH else [tuple(sizes)]
    groups = _groups(len(scopes), len(models), cores)
    names = [name for name in models if name != reference]
    units = []
    for scope in scopes:
        for first in range(groups):
            part = ([] if reference is None else [reference]) + names[first::groups]
            chosen = {name: models[name] for name in part}
            records = sum(sizes[partition] for partition in scope)
            units.append(Unit(scope, learners, chosen, ways, reference, records, len(scopes)))
    return units


def _groups(scopes: int, models: int, cores: int) -> int:
    """Return in how many parts models are split: each part costs a pass, and fills a core.

    Examples
    --------
    >>> _groups(scopes=4, models=8, cores=2), _groups(scopes=1, models=8, cores=2)
    (1, 2)
    """

    def time_of(groups: int) -> float:
        rounds = -(-scopes * groups // cores)
        return rounds * (PASS + -(-models // groups))

    return min(range(1, max(models, 1) + 1), key=time_of)
