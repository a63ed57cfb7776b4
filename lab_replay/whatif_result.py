"""What was against what would have been: answers, probabilities, losses, costs."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from lab_replay.whatif_figures import Columns, Measure

QUANTILES = {"p50": 0.50, "p95": 0.95, "p99": 0.99, "max": 1.0}
LABELLED, ROBUST = "labelled events", "doubly robust"
NOTES = {
    LABELLED: "metrics: over events answered on both sides that have a label in the changed past;"
    " 95 % intervals of the differences, asymptotic normal",
    ROBUST: "metrics: doubly robust over events answered on both sides and older than the label"
    " horizon, by the recorded propensity and the new probability; 95 % intervals, asymptotic"
    " normal. They hold when the propensities are true, the labels that went missing went by"
    " chance, and for the model as it learned from the labels that came, not from those that its"
    " own decisions would have brought",
}


@dataclass(frozen=True)
class Part:
    """A partition, or (None) all of them.

    Attributes
    ----------
    events
        Answered on both sides: what everything else here is about.
    left_out
        Records that were left out.
    gone, added
        Answers that would not have been; answers that were not.
    unwritten
        Answers that retention took: nothing is known of what was.
    to_yes, to_no
        Decisions that would have been the other one.
    shift
        Of the probability: mean, percentiles and maximum of its absolute difference.
    """

    partition: int | None
    events: int
    left_out: int
    gone: int
    added: int
    unwritten: int
    to_yes: int
    to_no: int
    shift: dict[str, float]
    labelled: int
    measures: tuple[Measure, ...]


@dataclass(frozen=True)
class WhatIf:
    """What would have been.

    Attributes
    ----------
    outcomes
        Of labels, by name: how many there were, and would have been. None: not known any more.
    estimate
        Over what the metrics are: ``labelled events`` or ``doubly robust``.
    elsewhere
        Other environments that wrote part of this past: differences may be theirs.
    """

    line: str
    change: str
    estimate: str
    total: Part
    partitions: tuple[Part, ...]
    outcomes: dict[str, tuple[int | None, int | None]]
    unit: str
    environment: str
    elsewhere: tuple[str, ...]

    def document(self) -> dict[str, Any]:
        """Return it as JSON-able data."""
        told = asdict(self)
        for part in (told["total"], *told["partitions"]):
            part["measures"] = [measure._asdict() for measure in part["measures"]]
        told["outcomes"] = {n: {"was": w, "now": now} for n, (w, now) in self.outcomes.items()}
        return told

    def sentences(self) -> Iterator[str]:
        """Yield it in words."""
        all_ = self.total
        changed = all_.to_yes + all_.to_no
        share = f" ({changed / all_.events:.1%})" if all_.events else ""
        yield (
            f"{self.line}, {self.change}: {changed:,} of {all_.events:,} answers{share} would have"
            f" been others, {all_.to_yes:,} of them yes and {all_.to_no:,} no"
        )
        for told in all_.measures:
            unit = f" {self.unit}" if told.name == "cost" and self.unit else ""
            yield (
                f"{told.name}: {told.now:.6g} instead of {told.was:.6g}{unit} per event, difference"
                f" {told.difference:+.3g} [{told.low:+.3g}, {told.high:+.3g}]"
            )
        if not all_.measures:
            yield "no event has a label: whether that had been better is not known"
        counts = {
            "left out": all_.left_out,
            "answers that would not have been": all_.gone,
            "answers that only this past has": all_.added,
            "answers that retention took": all_.unwritten,
        }
        if told_counts := [f"{count:,} {name}" for name, count in counts.items() if count]:
            yield "; ".join(told_counts)
        yield NOTES[self.estimate]
        if self.elsewhere:
            yield (
                f"parts of this past were written under {', '.join(self.elsewhere)}, folded here"
                f" under {self.environment}: a last digit may be theirs"
            )


def part(
    partition: int | None,
    columns: Columns,
    counts: Mapping[str, int],
    measures: tuple[Measure, ...],
) -> Part:
    """Return what a partition, or all of them, came to."""
    apart = np.abs(columns.now - columns.was)
    shift = {}
    if len(columns):
        tops = np.quantile(apart, list(QUANTILES.values()), method="inverted_cdf")
        shift = {"mean": float(apart.mean()), **dict(zip(QUANTILES, tops.tolist(), strict=True))}
    flipped = columns.was_yes != columns.now_yes
    return Part(
        partition,
        len(columns),
        **counts,
        to_yes=int((flipped & columns.now_yes).sum()),
        to_no=int((flipped & columns.was_yes).sum()),
        shift=shift,
        labelled=int((columns.label >= 0).sum()),
        measures=measures,
    )
