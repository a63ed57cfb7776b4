"""Figures and costs of both pasts: over the events that have a label, or estimated over all."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from labline.engine.core.line import THRESHOLD, Costs
from labline.engine.errors import LablineError
from labline.lab_replay.evaluation.losses import (
    absolute_losses,
    brier_losses,
    finite,
    log_losses,
    right,
)
from labline.lab_replay.evaluation.metrics import figures
from labline.lab_replay.evaluation.result import DEFAULTS
from labline.lab_replay.whatif.offpolicy import doubly_robust

Floats: TypeAlias = NDArray[np.float64]
Bools: TypeAlias = NDArray[np.bool_]
#: scores, answers (yes or no), labels -> what each event cost
Loss: TypeAlias = Callable[[Floats, Bools, Floats], Floats]

COST = "cost"


@dataclass(frozen=True)
class Columns:
    """Events answered on both sides, by column.

    Scores and labels are as in a `PredictionLog`: of several classes a row an event; NaN is no
    label.
    """

    was: Floats
    now: Floats
    was_yes: Bools
    now_yes: Bools
    propensity: Floats
    label: Floats
    time_ms: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.was)

    @property
    def labelled(self) -> Bools:
        """Tell which events have a label."""
        return ~np.isnan(self.label)

    def only(self, mask: Bools) -> "Columns":
        """Return some of the events."""
        return Columns(*(getattr(self, name)[mask] for name in self.__dataclass_fields__))

    @classmethod
    def together(cls, parts: list["Columns"]) -> "Columns":
        """Return several as one."""
        names = cls.__dataclass_fields__
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


class Measure(NamedTuple):
    """A figure of both pasts, and the interval of its difference (now minus then).

    Attributes
    ----------
    name
        One of `result.MEASURES`, or ``cost``.
    was, now, difference
        None where it is not defined: of one class only, or of labels that do not vary.
    low, high
        None of a figure that is no mean over events.
    """

    name: str
    was: float | None
    now: float | None
    difference: float | None
    low: float | None
    high: float | None
    events: int
    observed: int


def losses(kind: str, costs: Costs | None) -> dict[str, Loss]:
    """Return by name the figures that are means over events; costs where the line declares them."""
    if kind == "regression":
        return {"mae": lambda score, _, label: absolute_losses(score, label)}
    if kind == "anomaly":
        return {}
    found: dict[str, Loss] = {
        "log_loss": lambda score, _, label: log_losses(score, label),
        "brier": lambda score, _, label: brier_losses(score, label),
        "accuracy": _accuracy,
    }
    if costs is not None and kind == "binary":
        declared = costs

        def cost(_: Floats, yes: Bools, label: Floats) -> Floats:
            wrong_yes, wrong_no = yes & (label != 1), ~yes & (label == 1)
            found = declared.false_positive * wrong_yes + declared.false_negative * wrong_no
            return np.asarray(found, dtype=np.float64)

        found[COST] = cost
    return found


def _accuracy(score: Floats, yes: Bools, label: Floats) -> Floats:
    """Return who was answered rightly: by the answer that was given, of several by the class."""
    given = score if score.ndim > 1 else yes.astype(np.float64)
    return right(given, label).astype(np.float64)


def on_labelled(columns: Columns, kind: str, costs: Costs | None) -> tuple[Measure, ...]:
    """Return the figures of a kind of line over the events that have a label."""
    seen = columns.only(columns.labelled)
    if not len(seen):
        return ()
    means, every = losses(kind, costs), np.ones(len(seen))
    names = [*DEFAULTS[kind], *([COST] if COST in means else [])]
    found = []
    for name in names:
        if name in means:
            was = means[name](seen.was, seen.was_yes, seen.label)
            now = means[name](seen.now, seen.now_yes, seen.label)
            found.append(_mean(name, was, now, (every.astype(bool), every, 0 * every, 0 * every)))
        else:
            found.append(_whole(name, seen))
    return tuple(found)


def _whole(name: str, seen: Columns) -> Measure:
    """Return a figure that is of all events together."""
    was, now = (
        figures(score, seen.label, [name], THRESHOLD).metrics[name]
        for score in (seen.was, seen.now)
    )
    apart = None if was is None or now is None else now - was
    return Measure(name, was, now, apart, None, None, len(seen), len(seen))


class Seen(NamedTuple):
    """When labels come: after which answer, how often then, and up to which event time."""

    after: bool
    arrival: float
    until_ms: int


def seen(columns: Columns, horizon_ms: int, line: str) -> Seen:
    """Return when labels come, where the decision decides it.

    Raises
    ------
    LablineError
        ``LL-WHATIF-PROPENSITY`` when the chance of a label is not known, or none;
        ``LL-WHATIF-DECIDES`` when the decision does not decide it, or no label has come.
    """
    missing = int(np.isnan(columns.propensity).sum())
    if missing:
        raise LablineError(
            "LL-WHATIF-PROPENSITY",
            f"the decision of line {line} decides whether a label comes, and {missing:,} of"
            f" {len(columns):,} scores have no propensity: nobody can tell what the others would"
            " have shown",
            "let scores record the propensity of their decision (now and then decided by chance);"
            " answers and scores alone: without --decides-label",
        )
    until_ms = int(columns.time_ms.max(initial=0)) - horizon_ms
    ripe = columns.only(columns.time_ms <= until_ms)
    answers = set(columns.was_yes[columns.labelled].tolist())
    if len(answers) != 1 or not ripe.labelled.any():
        after = "no event older than the label horizon has a label"
        if len(answers) > 1:
            after = "labels came after yes and after no"
        raise LablineError(
            "LL-WHATIF-DECIDES",
            f"line {line}: {after}, so what the decision hides cannot be estimated",
            "without --decides-label (and decides_label in the line) when labels come either way;"
            " else wait until some are older than label_horizon",
        )
    reveals = answers.pop()
    came = ripe.labelled[ripe.was_yes == reveals]
    chance = np.where(ripe.was_yes == reveals, ripe.propensity, 1 - ripe.propensity)
    never = int((~((chance > 0) & (chance <= 1))).sum())
    if never:
        raise LablineError(
            "LL-WHATIF-PROPENSITY",
            f"line {line}: the labels of {never:,} events had no chance of ever coming",
            "decide by chance now and then, whatever the score: what is never tried is not known",
        )
    return Seen(reveals, float(came.mean()), until_ms)


def robust(columns: Columns, kind: str, costs: Costs | None, when: Seen) -> tuple[Measure, ...]:
    """Return the means estimated over all events, whether their label could come or not."""
    ripe = columns.only(columns.time_ms <= when.until_ms)
    if not len(ripe):
        return ()
    shown = ripe.was_yes == when.after
    chance = np.where(shown, ripe.propensity, 1 - ripe.propensity) * when.arrival
    observed = shown & ripe.labelled
    label = np.where(observed, ripe.label, 0.0)  # where it was not seen, anything
    found = []
    for name, loss in losses(kind, costs).items():
        pair = [
            (loss(score, yes, label), _expected(kind, loss, score, yes, ripe.now))
            for score, yes in ((ripe.was, ripe.was_yes), (ripe.now, ripe.now_yes))
        ]
        (was, expected_was), (now, expected_now) = pair
        found.append(_mean(name, was, now, (observed, chance, expected_was, expected_now)))
    return tuple(found)


def _expected(kind: str, loss: Loss, score: Floats, yes: Bools, now: Floats) -> Floats:
    """Return what each event costs on average if the new probabilities are true.

    A number does not tell how likely others are: of a regression it is 0, and the estimate rests
    on the chances alone.
    """
    if kind == "regression":
        return np.zeros(len(score))
    chances = now.T if now.ndim > 1 else np.stack([1 - now, now])
    every = np.ones(len(score))
    return np.asarray(sum(p * loss(score, yes, c * every) for c, p in enumerate(chances)))


def _mean(
    name: str, was: Floats, now: Floats, told: tuple[Bools, Floats, Floats, Floats]
) -> Measure:
    observed, chance, expected_was, expected_now = told
    before = doubly_robust(was, observed, chance, expected_was)
    after = doubly_robust(now, observed, chance, expected_now)
    apart = doubly_robust(now - was, observed, chance, expected_now - expected_was)
    return Measure(
        name, finite(before.mean), finite(after.mean), finite(apart.mean), finite(apart.low),
        finite(apart.high), apart.events, apart.observed,
    )  # fmt: skip
