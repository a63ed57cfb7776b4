"""What if: a line's past again, with something changed, and what it would have come to."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from labline.engine.broker.reader import partition_offsets, read_range
from labline.engine.core.labels import EVICTED, EXPIRED, LABEL_OUTCOMES, NEGATIVE, UNUSED
from labline.engine.core.line import Costs, Line
from labline.engine.errors import LablineError
from labline.engine.models.control import configuration
from labline.engine.models.control.configuration import SpecOf
from labline.engine.models.control.control import Control, Revision
from labline.engine.models.recipes.features import inputs_of
from labline.engine.models.recipes.language import parse
from labline.engine.models.state.environment import environment_digest
from labline.engine.rerun.partition_past import Origin, PartitionPast
from labline.engine.rerun.partitions import each_partition
from labline.lab_replay.whatif.change import Change
from labline.lab_replay.whatif.fold import PartitionFold, Rows, other_kind
from labline.schemas.avro import Rejection
from labline.schemas.engine_schemas import engine_schema
from labline.topics.naming import line_topics

OUTCOMES = (*LABEL_OUTCOMES, EXPIRED, NEGATIVE, EVICTED)
COUNTS = ("left_out", "gone", "added", "unwritten")


class Folded(NamedTuple):
    """A partition, folded with something changed; it comes from another process.

    Attributes
    ----------
    before, after
        Outcomes of labels that were, by the vitals (None: retention took some), and would be.
    """

    partition: int
    rows: Rows
    counts: dict[str, int]
    before: Counter[str] | None
    after: Counter[str]
    sources: set[str]
    environments: tuple[str, ...]


@dataclass(frozen=True)
class Wanted:
    """What is asked, beside the change itself.

    Attributes
    ----------
    costs
        Of wrong decisions, where the line in force does not say.
    decides_label
        The decision decides whether a label ever comes; the line may say so itself.
    with_ids
        Keep the events' ids, for a file of differences.
    """

    costs: Costs | None = None
    decides_label: bool = False
    with_ids: bool = False


def whatif(
    bootstrap: str,
    line: str,
    control: Control,
    change: Change,
    *,
    wanted: Wanted = Wanted(),
    spec_of: SpecOf = configuration.spec_of,
    progress: Callable[[], None] | None = None,
) -> tuple[Any, list[Folded]]:
    """Fold a line's past again with something changed, and compare.

    Returns
    -------
    found, partitions
        A `WhatIf`, and the events row by row.

    Raises
    ------
    LablineError
        What `Change.check` and the fold raise; ``LL-PARITY-NOTHING`` without a past;
        ``LL-WHATIF-NOTHING`` when nothing was left out; ``LL-WHATIF-PROPENSITY``.
    """
    from labline.lab_replay.whatif.result import WhatIf

    revisions = {offset: r for offset, r in control.history.items() if r.line == line}
    if not revisions:
        raise LablineError(
            "LL-PARITY-NOTHING", f"line {line} was never promoted", "labline promote NAME@N"
        )
    declared = Line.parse(control.lines[line].declaration["line"])
    _check_kind(declared, revisions)
    if change.recipe is not None:
        parse(change.recipe, declared.kind, declared.classes, inputs=inputs_of(declared))
    revised = {offset: change.revised(revision) for offset, revision in revisions.items()}
    origin = Origin(bootstrap, line, revised, None, spec_of)
    inputs = spec_of(next(iter(revisions.values()))).inputs
    change.check(declared, inputs, origin.partitions())
    told = each_partition(fold_partition, origin, change, wanted.with_ids, progress=progress)
    _check_left_out(change, told)
    environments = {name for folded in told for name in folded.environments}
    here, costs = environment_digest(), declared.decision.costs or wanted.costs
    if change.keeps_scores:
        environments = set()  # nothing was scored anew
    decides = wanted.decides_label or declared.decision.decides_label
    estimate, total, parts = _judged(told, declared, costs, decides and bool(declared.labels))
    return WhatIf(
        line, declared.kind, change.sentence(), estimate, total, parts, _outcomes(told, change),
        costs.unit if costs else "", here, tuple(sorted(environments - {here})),
    ), told  # fmt: skip


def fold_partition(origin: Origin, partition: int, change: Change, with_ids: bool) -> Folded:
    """Fold one partition with something changed."""
    past = PartitionPast(origin, partition)
    fold = PartitionFold(past, change, with_ids)
    fold.run()
    before = written_outcomes(origin, partition, past.told.end)
    after = Counter({name: fold.outcomes[name] for name in OUTCOMES if fold.outcomes[name]})
    if fold.kind == "anomaly":  # joined for figures alone: the line itself uses none
        after = Counter({UNUSED: sum(after[name] for name in LABEL_OUTCOMES)})
    counts = {name: getattr(fold, name) for name in COUNTS}
    return Folded(partition, fold.rows, counts, before, after, fold.sources, past.told.environments)


def written_outcomes(origin: Origin, partition: int, end: int) -> Counter[str] | None:
    """Return what became of labels by the vitals of the journal's entries before `end`."""
    topic = line_topics(origin.line).vitals
    place = partition_offsets(origin.bootstrap, [topic])[topic][partition]
    if place.start > 0:
        return None
    found: Counter[str] = Counter()
    for batch in read_range(origin.bootstrap, topic, partition, place.start, place.stable):
        for record in batch:
            vitals = engine_schema("labline.Vitals").decode(record[3])
            if not isinstance(vitals, Rejection) and vitals["sequence"] < end:
                found.update({n: c for n, c in vitals["outcomes"].items() if n in OUTCOMES})
    return found


def _check_kind(line: Line, revisions: Mapping[int, Revision]) -> None:
    """Refuse a past in which the line was of another kind, or of other classes."""
    for offset, revision in revisions.items():
        then = Line.parse(revision.declaration["line"])
        if (then.kind, then.classes) != (line.kind, line.classes):
            raise other_kind(line.name, f"revision {offset}")


def _check_left_out(change: Change, told: list[Folded]) -> None:
    if not change.leaves_out or any(folded.counts["left_out"] for folded in told):
        return
    names = sorted({name for folded in told for name in folded.sources})
    known = f"; sources seen: {', '.join(names)}" if names else ""
    raise LablineError(
        "LL-WHATIF-NOTHING",
        f"there is nothing to leave out: the line took no such record ({change.sentence()})",
        f"a source is what the header ce_source says, unknown where there is none{known};"
        " offsets: labline read TOPIC",
    )


def _judged(
    told: list[Folded], line: Line, costs: Costs | None, decides: bool
) -> tuple[str, Any, tuple[Any, ...]]:
    from labline.lab_replay.whatif import figures, result

    columns = [_columns(folded.rows) for folded in told]
    together = figures.Columns.together(columns)
    sums = {name: sum(folded.counts[name] for folded in told) for name in COUNTS}
    estimate = result.LABELLED
    measured: Callable[[Any], Any] = lambda part: figures.on_labelled(part, line.kind, costs)  # noqa: E731
    if decides:
        when = figures.seen(together, line.label_horizon_ms, line.name)
        estimate = result.ROBUST
        measured = lambda part: figures.robust(part, line.kind, costs, when)  # noqa: E731
    total = result.part(None, together, sums, measured(together))
    parts = [
        result.part(folded.partition, each, folded.counts, measured(each))
        for folded, each in zip(told, columns, strict=True)
    ]
    return estimate, total, tuple(parts)


def _columns(rows: Rows) -> Any:
    import numpy as np

    from labline.lab_replay.whatif.figures import Columns

    def column(name: str, dtype: Any) -> Any:
        return np.array(getattr(rows, name), dtype=dtype)

    def scores(name: str) -> Any:
        flat = column(name, np.float64)
        return flat if rows.width == 1 else flat.reshape(-1, rows.width)

    return Columns(
        was=scores("was"),
        now=scores("now"),
        was_yes=column("was_yes", np.int8).astype(np.bool_),
        now_yes=column("now_yes", np.int8).astype(np.bool_),
        propensity=column("propensity", np.float64),
        label=column("label", np.float64),
        time_ms=column("time_ms", np.int64),
    )


def _outcomes(told: list[Folded], change: Change) -> dict[str, tuple[int | None, int | None]]:
    """Return each outcome's counts: what only a threshold changes, leaves them as they were."""
    complete = all(folded.before is not None for folded in told)
    before, after = Counter[str](), Counter[str]()
    for folded in told:
        before.update(folded.before or {})
        after.update(folded.after)
    if change.keeps_scores:
        after = before
    kept_after = complete or not change.keeps_scores
    return {
        name: (before[name] if complete else None, after[name] if kept_after else None)
        for name in OUTCOMES
        if before[name] or after[name]
    }
