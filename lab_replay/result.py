"""An experiment's result: what was compared on which events, and how it came out.

JSON with no wall clock in it: the same experiment on the same recording gives the same text.
"""

from collections.abc import Mapping
from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from engine.errors import LablineError


class Measure(NamedTuple):
    """How a metric is called, which way is better, and how many digits people want."""

    title: str
    lower_is_better: bool
    digits: int


MEASURES: dict[str, Measure] = {
    "log_loss": Measure("log loss", True, 4),
    "roc_auc": Measure("ROC AUC", False, 4),
    "brier": Measure("Brier score", True, 4),
    "accuracy": Measure("accuracy", False, 4),
}


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Window(_Model):
    """A stretch of event time: its middle, its labelled events, and a candidate's metrics there.

    A metric is None where it is not defined (one class only).
    """

    middle_ms: int
    events: int
    roc_auc: float | None
    log_loss: float | None


class Candidate(_Model):
    """A recipe and how it did.

    Parameters
    ----------
    events
        How many labelled events its metrics are computed from.
    cost_us
        Microseconds of CPU per event. Measured, so two runs differ in it: leave it out where
        results are compared as text.
    """

    name: str
    recipe: str
    kind: Literal["candidate", "baseline"]
    metrics: dict[str, float | None]
    events: int = 0
    windows: tuple[Window, ...] = ()
    cost_us: float | None = None


class Counts(_Model):
    """What became of the recorded events and labels."""

    events: int
    labelled: int
    dead_letters: dict[str, int] = Field(default_factory=dict)
    label_outcomes: dict[str, int] = Field(default_factory=dict)


class ExperimentResult(_Model):
    """What an experiment found.

    Parameters
    ----------
    recording
        The digest of the recording that was replayed.
    environment
        Versions and platform, as `engine.models.environment` names them.
    metrics
        Names of `MEASURES` in the order in which they are shown; the first decides who is best.
    """

    format: Literal[1] = 1
    name: str
    line: str
    question: str
    recording: str
    environment: dict[str, str]
    metrics: tuple[str, ...] = tuple(MEASURES)
    threshold: float = 0.5
    candidates: tuple[Candidate, ...]
    counts: Counts

    def to_json(self) -> str:
        """Return the result as JSON."""
        return self.model_dump_json(indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str, source: str = "the result") -> "ExperimentResult":
        """Return the result that `to_json` wrote.

        Raises
        ------
        LablineError
            ``LL-RESULT-INVALID`` naming `source`.
        """
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            raise LablineError(
                "LL-RESULT-INVALID",
                f"{source} is not a result that this version reads",
                "run the experiment again: labline lab run",
            ) from error

    def ranked(self, kind: str | None = None) -> list[Candidate]:
        """Return the candidates, the best first; those without a figure come last."""
        return ranking([c for c in self.candidates if kind in (None, c.kind)], self.metrics[0])


def ranking(candidates: list[Candidate], metric: str) -> list[Candidate]:
    """Return `candidates`, the best by `metric` first, equals in the order given.

    Examples
    --------
    >>> def one(name, loss):
    ...     return Candidate(name=name, recipe="", kind="candidate", metrics={"log_loss": loss})
    >>> [c.name for c in ranking([one("a", None), one("b", 0.5), one("c", 0.4)], "log_loss")]
    ['c', 'b', 'a']
    """
    sign = 1.0 if MEASURES[metric].lower_is_better else -1.0

    def key(candidate: Candidate) -> tuple[bool, float]:
        value = candidate.metrics.get(metric)
        return (value is None, 0.0 if value is None else sign * value)

    return sorted(candidates, key=key)


def figure(metrics: Mapping[str, float | None], metric: str) -> str:
    """Return a metric as people read it.

    Examples
    --------
    >>> figure({"roc_auc": 0.91236}, "roc_auc"), figure({}, "roc_auc")
    ('0.9124', '–')
    """
    value = metrics.get(metric)
    return "–" if value is None else f"{value:.{MEASURES[metric].digits}f}"


def headline(result: ExperimentResult) -> str:
    """Return one plain sentence that says in figures which candidate answers the question best."""
    best = next(iter(result.ranked("candidate")), None)
    bar = next(iter(result.ranked("baseline")), None)
    deciding = result.metrics[0]
    scope = f"Over {result.counts.labelled:,} labelled events"
    value = None if best is None else best.metrics.get(deciding)
    if best is None or value is None:
        return f"{scope}, no candidate has a {MEASURES[deciding].title}: too few labels."
    shown = list(dict.fromkeys((deciding, "log_loss", "roc_auc")))
    right = best.metrics.get("accuracy")
    closing = (
        ""
        if right is None
        else f" At the line's threshold of {result.threshold:g} it decides {right:.1%} rightly."
    )
    if bar is None or bar.metrics.get(deciding) is None:
        return f"{scope}, {best.name} answers best: {_figures(best, None, shown)}.{closing}"
    against = _figures(best, bar, shown)
    if best is ranking([bar, best], deciding)[0]:
        lead = f"{best.name} answers best, ahead of the best baseline, {bar.name}"
    else:
        lead = f"no candidate beats the best baseline, {bar.name}; the nearest is {best.name}"
    return f"{scope}, {lead}: {against}.{closing}"


def _figures(best: Candidate, bar: Candidate | None, metrics: list[str]) -> str:
    parts = []
    for metric in metrics:
        part = f"{MEASURES[metric].title} {figure(best.metrics, metric)}"
        if bar is not None:
            part += f" against {figure(bar.metrics, metric)}"
            ours, theirs = best.metrics.get(metric), bar.metrics.get(metric)
            if MEASURES[metric].lower_is_better and ours is not None and theirs:
                way = "lower" if ours <= theirs else "higher"
                part += f" ({abs(1 - ours / theirs):.1%} {way})"
        parts.append(part)
    return ", ".join(parts[:-1]) + " and " + parts[-1] if len(parts) > 1 else parts[0]
