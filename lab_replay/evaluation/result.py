"""An experiment's result: what was compared on which events, and how it came out.

JSON with no wall clock in it: the same experiment on the same recording gives the same text.
What was measured with a clock (CPU per event) is kept in a file beside it.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from labline.engine.errors import LablineError
from labline.engine.named_modules import nearest
from labline.lab_replay.evaluation.metrics import DEFAULT_METRICS, METRICS
from labline.lab_replay.evaluation.time_kind import Clock

RESULT = "result.json"  # the file in the folder of a run


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


Figures = dict[str, float | None]


class Window(_Model):
    """A stretch of event time: its labelled events, and a candidate's metrics there.

    A metric is None where it is not defined (one class only).

    Attributes
    ----------
    middle_ms, end_ms
        Between its first and its last labelled event, and the time of the last; where that is a
        stray (`curves.span`), the end of the others.
    so_far
        The metrics over all events up to its end; None where the window has no event.
    """

    middle_ms: int
    end_ms: int
    events: int
    metrics: Figures
    so_far: Figures


class Bin(_Model):
    """Calibration: of the events with about this probability, how many were so."""

    predicted: float
    observed: float
    events: int


class Part(_Model):
    """A slice of the events: its value, its labelled events, and a candidate's metrics there."""

    value: str
    events: int
    metrics: Figures


class Versus(_Model):
    """One candidate against another, on the same events in the order in which labels arrived.

    Attributes
    ----------
    loss
        Which bounded loss: ``brier``, ``log_loss`` (clipped), or ``absolute`` (clipped).
    bound
        No loss counts as larger. None: nothing said how large an absolute error can count, so that
        nothing was compared; or a result kept by an earlier version, which did not tell.
    difference, low, high
        Mean of this candidate's loss less the other's, and its confidence sequence at `alpha`.
    verdict
        ``better``, ``worse`` or ``undecided``: this one than the other.
    decided_at, decided_ms
        After how many labels, and at which time of a label, it became certain.
    """

    other: str
    loss: str
    events: int
    difference: float
    low: float
    high: float
    alpha: float
    verdict: Literal["better", "worse", "undecided"]
    decided_at: int | None = None
    decided_ms: int | None = None
    bound: float | None = None


class Drift(_Model):
    """A change that a drift detector saw: in a feature or in a candidate's error.

    Attributes
    ----------
    detector
        Its name and parameters; empty in results of before they were said.
    """

    what: str
    event_time_ms: int
    detector: str = ""


class Money(_Model):
    """What decisions cost, as the line prices them, beside those of the rule in use today."""

    total: float
    incumbent: float
    unit: str


class Candidate(_Model):
    """A recipe and how it did.

    Attributes
    ----------
    events
        How many labelled events its metrics are computed from.
    unanswered
        Events to which it had no valid score: dead letters, had it been the champion.
    state_bytes
        What it has learned, as bytes of all its partitions' states; None for one that is not
        river's.
    otherwise
        Its metrics had the line's learners been the other way: one for all partitions, or one each.
    stopped_at
        After how many labels it was given up as hopeless; its figures end soon after.
    learn_failed
        How often it raised when it learned; what it had learned before was put back.
    """

    name: str
    recipe: str
    kind: Literal["candidate", "baseline"]
    metrics: Figures
    events: int = 0
    unanswered: int = 0
    windows: tuple[Window, ...] = ()
    calibration: tuple[Bin, ...] = ()
    slices: dict[str, tuple[Part, ...]] = Field(default_factory=dict)
    versus: tuple[Versus, ...] = ()
    otherwise: Figures | None = None
    money: Money | None = None
    drift: tuple[Drift, ...] = ()
    state_bytes: int | None = None
    stopped_at: int | None = None
    learn_failed: int = 0


class Counts(_Model):
    """What became of the recorded events and labels."""

    events: int
    labelled: int
    dead_letters: dict[str, int] = Field(default_factory=dict)
    label_outcomes: dict[str, int] = Field(default_factory=dict)


class Cost(_Model):
    """What a candidate cost: measured, so two runs differ in it.

    Attributes
    ----------
    us_per_event
        Microseconds of CPU per event, scoring and learning.
    lag_max_s, lag_records_max
        What its lag would have been on the recorded traffic, had one process scored it.
    """

    us_per_event: float
    lag_max_s: float | None = None
    lag_records_max: int | None = None


class Costs(_Model):
    """The costs of an experiment: kept beside its result, because a clock measured them.

    Attributes
    ----------
    pass_us_per_event
        What decoding, checks, order and join cost, once for all candidates.
    """

    pass_us_per_event: float | None = None
    candidates: dict[str, Cost] = Field(default_factory=dict)


class ExperimentResult(_Model):
    """What an experiment found.

    Parameters
    ----------
    recording
        The digest of the recording that was replayed.
    environment
        Versions and platform, as `labline.engine.models.state.environment` names them.
    metrics
        Names of `METRICS` in the order in which they are shown; the first decides who is best.
    learner, delay
        How partitions learned (``per_partition`` or ``single``), and when labels came
        (``recorded``, ``none``, or a duration).
    clock
        What the recording's times are.
    warm_up
        Events at the start that are learned but not counted.
    inputs_drift
        Where the inputs themselves changed.
    """

    format: Literal[3] = 3
    name: str
    line: str
    question: str
    incumbent: str = ""
    kind: str = "binary"
    classes: tuple[str, ...] = ()
    recording: str
    environment: dict[str, str]
    metrics: tuple[str, ...] = DEFAULT_METRICS["binary"]
    threshold: float = 0.5
    learner: str = "per_partition"
    delay: str = "recorded"
    clock: Clock = "recorded"
    warm_up: int = 0
    candidates: tuple[Candidate, ...]
    counts: Counts
    inputs_drift: tuple[Drift, ...] = ()

    @field_validator("metrics")
    @classmethod
    def _known(cls, metrics: tuple[str, ...]) -> tuple[str, ...]:
        for metric in metrics:
            if metric not in METRICS:  # of a version that has others
                raise ValueError(f"unknown metric {metric}, {nearest(metric, METRICS)}")
        return metrics

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
