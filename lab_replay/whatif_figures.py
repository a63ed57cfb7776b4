"""Losses and costs of both pasts: over the events that have a label, or estimated over all."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from engine.core.line import Costs
from engine.errors import LablineError
from lab_replay.offpolicy import doubly_robust

Floats: TypeAlias = NDArray[np.float64]
Bools: TypeAlias = NDArray[np.bool_]
#: probability, answer, label (1: yes) -> a figure for each event
Loss: TypeAlias = Callable[[Floats, Bools, Any], Floats]

LOG_LOSS_CLIP = 1e-15  # probabilities of 0 and 1 count as this far from them


@dataclass(frozen=True)
class Columns:
    """Events answered on both sides, by column; `label` is -1 where none was learned."""

    was: Floats
    now: Floats
    was_yes: Bools
    now_yes: Bools
    propensity: Floats
    label: NDArray[np.int8]
    time_ms: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.was)

    def only(self, mask: Bools) -> "Columns":
        """Return some of the events."""
        return Columns(*(getattr(self, name)[mask] for name in self.__dataclass_fields__))

    @classmethod
    def together(cls, parts: list["Columns"]) -> "Columns":
        """Return several as one."""
        names = cls.__dataclass_fields__
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


class Measure(NamedTuple):
    """A figure of both pasts and the interval of its difference (now minus then)."""

    name: str
    was: float
    now: float
    difference: float
    low: float
    high: float
    events: int
    observed: int


def losses(costs: Costs | None) -> dict[str, Loss]:
    """Return the figures by name; costs where the line declares them."""

    def log_loss(probability: Floats, _: Bools, label: Any) -> Floats:
        right = np.where(label == 1, probability, 1 - probability)
        return np.asarray(-np.log(np.clip(right, LOG_LOSS_CLIP, 1 - LOG_LOSS_CLIP)))

    def brier(probability: Floats, _: Bools, label: Any) -> Floats:
        return np.asarray((probability - label) ** 2)

    def accuracy(_: Floats, yes: Bools, label: Any) -> Floats:
        return np.asarray(yes == (label == 1), dtype=np.float64)

    found: dict[str, Loss] = {"log loss": log_loss, "Brier": brier, "accuracy": accuracy}
    if costs is not None:
        declared = costs

        def cost(_: Floats, yes: Bools, label: Any) -> Floats:
            wrong_yes, wrong_no = yes & (label != 1), ~yes & (label == 1)
            found = declared.false_positive * wrong_yes + declared.false_negative * wrong_no
            return np.asarray(found, dtype=np.float64)

        found["cost"] = cost
    return found


def on_labelled(columns: Columns, costs: Costs | None) -> tuple[Measure, ...]:
    """Return the figures over the events that have a label."""
    seen = columns.only(columns.label >= 0)
    if not len(seen):
        return ()
    every = np.ones(len(seen))
    return tuple(
        _measure(
            name,
            loss(seen.was, seen.was_yes, seen.label),
            loss(seen.now, seen.now_yes, seen.label),
            (every.astype(bool), every, 0 * every, 0 * every),
        )
        for name, loss in losses(costs).items()
    )


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
            " answers and probabilities alone: without --decides-label",
        )
    until_ms = int(columns.time_ms.max(initial=0)) - horizon_ms
    ripe = columns.only(columns.time_ms <= until_ms)
    answers = set(columns.was_yes[columns.label >= 0].tolist())
    if len(answers) != 1 or not (ripe.label >= 0).any():
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
    came = ripe.label[ripe.was_yes == reveals] >= 0
    chance = np.where(ripe.was_yes == reveals, ripe.propensity, 1 - ripe.propensity)
    never = int((~((chance > 0) & (chance <= 1))).sum())
    if never:
        raise LablineError(
            "LL-WHATIF-PROPENSITY",
            f"line {line}: the labels of {never:,} events had no chance of ever coming",
            "decide by chance now and then, whatever the score: what is never tried is not known",
        )
    return Seen(reveals, float(came.mean()), until_ms)


def robust(columns: Columns, costs: Costs | None, when: Seen) -> tuple[Measure, ...]:
    """Return the figures estimated over all events, whether their label could come or not."""
    ripe = columns.only(columns.time_ms <= when.until_ms)
    if not len(ripe):
        return ()
    shown = ripe.was_yes == when.after
    chance = np.where(shown, ripe.propensity, 1 - ripe.propensity) * when.arrival
    observed, yes = shown & (ripe.label >= 0), np.ones(len(ripe), dtype=np.int8)
    found = []
    for name, loss in losses(costs).items():
        pair = []
        for probability, answer in ((ripe.was, ripe.was_yes), (ripe.now, ripe.now_yes)):
            if_yes, if_no = loss(probability, answer, yes), loss(probability, answer, 0 * yes)
            pair.append((loss(probability, answer, ripe.label),
                         ripe.now * if_yes + (1 - ripe.now) * if_no))  # fmt: skip
        (was, expected_was), (now, expected_now) = pair
        found.append(_measure(name, was, now, (observed, chance, expected_was, expected_now)))
    return tuple(found)


def _measure(
    name: str, was: Floats, now: Floats, told: tuple[Bools, Floats, Floats, Floats]
) -> Measure:
    observed, chance, expected_was, expected_now = told
    before = doubly_robust(was, observed, chance, expected_was)
    after = doubly_robust(now, observed, chance, expected_now)
    apart = doubly_robust(now - was, observed, chance, expected_now - expected_was)
    return Measure(
        name, before.mean, after.mean, apart.mean, apart.low, apart.high,
        apart.events, apart.observed,
    )  # fmt: skip
