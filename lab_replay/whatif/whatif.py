"""What if: a line's past again, with something changed, and what it would have come to.

Called by `labline lab whatif`. What comes in is a line by name, the control topic folded, and a
`Change`; what goes out is a `WhatIf` and, by partition, the events row by row. What must stay true:
nothing is written to Kafka; a change that changes nothing gives the factual past again, bit for
bit; and a past that cannot be told apart from another line's is refused, never guessed.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from labline.engine.broker.reader import partition_offsets, read_range
from labline.engine.core.kinds import KINDS
from labline.engine.core.labels import EVICTED, EXPIRED, LABEL_OUTCOMES, NEGATIVE, UNUSED
from labline.engine.core.line import Costs, Line
from labline.engine.errors import LablineError
from labline.engine.models.control import configuration
from labline.engine.models.control.configuration import SpecOf
from labline.engine.models.control.control import Control, Revision
from labline.engine.models.recipes.features import inputs_of
from labline.engine.models.recipes.language import parse
from labline.engine.models.state.environment import environment_digest
from labline.engine.rerun.partition_past import LineRerun, PartitionPast
from labline.engine.rerun.partitions import each_partition
from labline.engine.rerun.revisions import promoted_revisions
from labline.lab_replay.whatif.answers import AnswerPairs
from labline.lab_replay.whatif.change import Change
from labline.lab_replay.whatif.fold import PartitionFold, other_kind
from labline.lab_replay.whatif.result import COUNTS, OutcomeCounts, Part, WhatIf, part_of
from labline.schemas.engine_schemas import engine_schema
from labline.schemas.rejection import Rejection
from labline.topics.naming import line_topics

OUTCOMES = (*LABEL_OUTCOMES, EXPIRED, NEGATIVE, EVICTED)


class PartitionWhatIf(NamedTuple):
    """A partition, folded with something changed; it comes from another process.

    Attributes
    ----------
    pairs : AnswerPairs
        The events that were answered in both pasts.
    ids : list of str
        Their ids, where they were asked for.
    counts : dict of str to int
        What `PartitionFold` counts: by `COUNTS`.
    factual_outcomes : Counter or None
        Outcomes of labels, by the vitals; None: retention took some of those.
    counterfactual_outcomes : Counter
        Outcomes of labels as they would have been.
    sources : set of str
        Names of producers that were seen.
    environments : tuple of str
        All that wrote the partition's journal.
    """

    partition: int
    pairs: AnswerPairs
    ids: list[str]
    counts: dict[str, int]
    factual_outcomes: Counter[str] | None
    counterfactual_outcomes: Counter[str]
    sources: set[str]
    environments: tuple[str, ...]


def whatif(
    bootstrap: str,
    line: str,
    control: Control,
    change: Change,
    *,
    costs: Costs | None = None,
    with_ids: bool = False,
    spec_of: SpecOf = configuration.spec_of,
    progress: Callable[[], None] | None = None,
) -> tuple[WhatIf, list[PartitionWhatIf]]:
    """Fold a line's past again with something changed, and compare.

    Parameters
    ----------
    costs : Costs, optional
        Of wrong decisions, where the line in force does not say.
    with_ids : bool
        Keep the events' ids, for a file of differences.
    spec_of : SpecOf
        From a revision to its configuration.
    progress : callable, optional
        Called when a partition is done.

    Returns
    -------
    result : WhatIf
        What would have been.
    partitions : list of PartitionWhatIf
        The events, row by row.

    Raises
    ------
    LablineError
        What `Change.check` and the fold raise; ``LL-PARITY-NOTHING`` without a past;
        ``LL-WHATIF-NOTHING`` when nothing was left out.
    """
    revisions = promoted_revisions(control, line)
    declared = Line.parse(control.lines[line].declaration["line"])
    _check_kind(declared, revisions)
    if change.recipe is not None:
        parse(change.recipe, declared.kind, declared.classes, inputs=inputs_of(declared))
    revised = {offset: change.revised(revision) for offset, revision in revisions.items()}
    rerun = LineRerun(bootstrap, line, revised, None, spec_of)
    inputs = spec_of(next(iter(revisions.values()))).inputs
    change.check(declared, inputs, rerun.partitions())
    partitions = each_partition(fold_partition, rerun, change, with_ids, progress=progress)
    _check_left_out(change, partitions)
    costs = declared.decision.costs or costs
    total, parts = _parts(partitions, declared.kind, costs)
    environments = {name for each in partitions for name in each.environments}
    here = environment_digest()
    result = WhatIf(
        line=line,
        kind=declared.kind,
        change=change.sentence(),
        total=total,
        partitions=parts,
        outcomes=_outcomes(partitions, change),
        unit=costs.unit if costs else "",
        environment=here,
        # where the scores stay, nothing was scored anew
        elsewhere=() if change.keeps_scores else tuple(sorted(environments - {here})),
    )
    return result, partitions


def fold_partition(
    rerun: LineRerun, partition: int, change: Change, with_ids: bool
) -> PartitionWhatIf:
    """Fold one partition with something changed."""
    past = PartitionPast(rerun, partition)
    fold = PartitionFold(past, change, with_ids)
    fold.run()
    outcomes = Counter({name: fold.outcomes[name] for name in OUTCOMES if fold.outcomes[name]})
    if not KINDS[fold.kind].learns_labels:  # joined for figures alone: the line itself uses none
        outcomes = Counter({UNUSED: sum(outcomes[name] for name in LABEL_OUTCOMES)})
    return PartitionWhatIf(
        partition=partition,
        pairs=fold.pairs(),
        ids=fold.ids,
        counts={name: getattr(fold, name) for name in COUNTS},
        factual_outcomes=written_outcomes(rerun, partition, past.journal.end),
        counterfactual_outcomes=outcomes,
        sources=fold.sources,
        environments=past.journal.environments,
    )


def written_outcomes(rerun: LineRerun, partition: int, end: int) -> Counter[str] | None:
    """Return what became of labels by the vitals of the journal's entries before `end`."""
    topic = line_topics(rerun.line).vitals
    log = partition_offsets(rerun.bootstrap, [topic])[topic][partition]
    if log.start > 0:
        return None
    outcomes: Counter[str] = Counter()
    for batch in read_range(rerun.bootstrap, topic, partition, log.start, log.stable):
        for record in batch:
            vitals = engine_schema("labline.Vitals").decode(record[3])
            if not isinstance(vitals, Rejection) and vitals["sequence"] < end:
                outcomes.update({n: c for n, c in vitals["outcomes"].items() if n in OUTCOMES})
    return outcomes


def _check_kind(line: Line, revisions: Mapping[int, Revision]) -> None:
    """Refuse a past in which the line was of another kind, or of other classes."""
    for offset, revision in revisions.items():
        then = Line.parse(revision.declaration["line"])
        if (then.kind, then.classes) != (line.kind, line.classes):
            raise other_kind(line.name, f"revision {offset}")


def _check_left_out(change: Change, partitions: Iterable[PartitionWhatIf]) -> None:
    if not change.leaves_out or any(each.counts["left_out"] for each in partitions):
        return
    names = sorted({name for each in partitions for name in each.sources})
    known = f"; sources seen: {', '.join(names)}" if names else ""
    raise LablineError(
        "LL-WHATIF-NOTHING",
        f"there is nothing to leave out: the line took no such record ({change.sentence()})",
        f"a source is what the header ce_source says, unknown where there is none{known};"
        " offsets: labline read TOPIC",
    )


def _parts(
    partitions: list[PartitionWhatIf], kind: str, costs: Costs | None
) -> tuple[Part, tuple[Part, ...]]:
    """Return what all partitions came to together, and each of them."""
    together = AnswerPairs.together([each.pairs for each in partitions])
    sums = {name: sum(each.counts[name] for each in partitions) for name in COUNTS}
    parts = (part_of(each.partition, each.pairs, each.counts, kind, costs) for each in partitions)
    return part_of(None, together, sums, kind, costs), tuple(parts)


def _outcomes(partitions: list[PartitionWhatIf], change: Change) -> dict[str, OutcomeCounts]:
    """Return each outcome's counts: what only a threshold changes, leaves them as they were."""
    is_complete = all(each.factual_outcomes is not None for each in partitions)
    factual, counterfactual = Counter[str](), Counter[str]()
    for each in partitions:
        factual.update(each.factual_outcomes or {})
        counterfactual.update(each.counterfactual_outcomes)
    if change.keeps_scores:
        counterfactual = factual
    return {
        name: OutcomeCounts(
            factual[name] if is_complete else None,
            counterfactual[name] if is_complete or not change.keeps_scores else None,
        )
        for name in OUTCOMES
        if factual[name] or counterfactual[name]
    }
