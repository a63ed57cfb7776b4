"""What was against what would have been: answers, probabilities, losses, costs."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from labline.lab_replay.evaluation.losses import decided, finite
from labline.lab_replay.evaluation.result import MEASURES
from labline.lab_replay.whatif.figures import COST, Columns, Floats, Measure

QUANTILES = {"p50": 0.50, "p95": 0.95, "p99": 0.99, "max": 1.0}
LABELLED, ROBUST = "labelled events", "doubly robust"
NOTES = {
    LABELLED: "metrics: over events answered on both sides that have a label in the changed past;"
    " 95 % intervals of the differences, asymptotic normal, where a metric is a mean over events",
    ROBUST: "metrics: doubly robust over events answered on both sides and older than the label"
    " horizon, by the recorded propensity and the new probability; 95 % intervals, asymptotic"
    " normal. They hold when the propensities are true, the labels that went missing went by"
    " chance, and for the model as it learned from the labels that came, not from those that its"
    " own decisions would have brought",
}
#: What a line of this kind answers with.
SCORES = {
    "binary": "probability",
    "multiclass": "probability",
    "regression": "value",
    "anomaly": "score",
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
    to_class
        Of several classes: events that would have been another one; else None.
    was_mean, now_mean
        Of the scores; None of several classes.
    shift
        Of the scores: mean, percentiles and maximum of their absolute difference. Of several
        classes half the sum over them: how much of the probability went elsewhere.
    """

    partition: int | None
    events: int
    left_out: int
    gone: int
    added: int
    unwritten: int
    to_yes: int
    to_no: int
    to_class: int | None
    was_mean: float | None
    now_mean: float | None
    shift: dict[str, float | None]
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
    kind: str
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
        yield f"{self.line}, {self.change}: {self._lead()}"
        for told in all_.measures:
            yield f"{title(told.name)}: {self._measure(told)}"
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

    def _lead(self) -> str:
        """Return in words how far the answers would have been others."""
        all_ = self.total
        changed = all_.to_yes + all_.to_no
        decided = (
            f"{_some(changed, all_.events)} answers would have been others, {all_.to_yes:,} of"
            f" them yes and {all_.to_no:,} no"
        )
        if self.kind == "binary" or not all_.events:
            return decided
        if all_.to_class is not None:
            told = f"{_some(all_.to_class, all_.events)} events would have been another class"
        else:
            told = (
                f"the {SCORES[self.kind]} would have been {_number(all_.now_mean)} on average"
                f" instead of {_number(all_.was_mean)}, and another by"
                f" {_number(all_.shift['mean'])} on average, over {all_.events:,} events"
            )
        return f"{told}; {decided}" if changed else told

    def _measure(self, told: Measure) -> str:
        if told.difference is None:
            return f"{_number(told.now)} instead of {_number(told.was)}"
        unit = f" {self.unit}" if told.name == COST and self.unit else ""
        each = f"{unit} per event" if told.name == COST else ""
        reach = interval(told)
        return (
            f"{_number(told.now)} instead of {_number(told.was)}{each}, difference"
            f" {told.difference:+.3g}{reach and f' {reach}'}"
        )


def title(name: str) -> str:
    """Return what people call a figure.

    Examples
    --------
    >>> title("log_loss"), title("cost")
    ('log loss', 'cost')
    """
    return MEASURES[name].title if name in MEASURES else name


def interval(told: Measure) -> str:
    """Return the interval of a difference, or nothing where there is none."""
    if told.low is None or told.high is None:
        return ""
    return f"[{told.low:+.3g}, {told.high:+.3g}]"


def _some(count: int, events: int) -> str:
    share = f" ({count / events:.1%})" if events else ""
    return f"{count:,} of {events:,}{share}"


def _number(figure: float | None) -> str:
    return "–" if figure is None else f"{figure:.6g}"


def part(
    partition: int | None,
    columns: Columns,
    counts: Mapping[str, int],
    measures: tuple[Measure, ...],
) -> Part:
    """Return what a partition, or all of them, came to."""
    flipped = columns.was_yes != columns.now_yes
    several = columns.now.ndim > 1
    to_class = None
    if several:
        to_class = int((decided(columns.was) != decided(columns.now)).sum())
    return Part(
        partition,
        len(columns),
        **counts,
        to_yes=int((flipped & columns.now_yes).sum()),
        to_no=int((flipped & columns.was_yes).sum()),
        to_class=to_class,
        was_mean=None if several else _average(columns.was),
        now_mean=None if several else _average(columns.now),
        shift=_shift(columns),
        labelled=int(columns.labelled.sum()),
        measures=measures,
    )


def _shift(columns: Columns) -> dict[str, float | None]:
    if not len(columns):
        return {}
    with np.errstate(over="ignore"):
        apart = np.abs(columns.now - columns.was)
    if apart.ndim > 1:
        apart = apart.sum(axis=1) / 2
    tops = np.quantile(apart, list(QUANTILES.values()), method="inverted_cdf").tolist()
    return {
        "mean": _average(apart),
        **{name: finite(top) for name, top in zip(QUANTILES, tops, strict=True)},
    }


def _average(scores: Floats) -> float | None:
    with np.errstate(over="ignore"):
        return finite(float(scores.mean())) if len(scores) else None
