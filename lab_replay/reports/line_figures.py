"""What a line's report is made of: figures of its answers, as data.

`line_facts` makes a `LineFacts`; the page, the charts and ``labline report --json`` show it.
"""

from pydantic import BaseModel, ConfigDict

from labline.lab_replay.evaluation.result import ExperimentResult


class _Facts(BaseModel):
    model_config = ConfigDict(frozen=True)


class Stretch(_Facts):
    """The answers to the events of a stretch of event time, as far as the line's kind has it.

    Attributes
    ----------
    yes
        At or above the threshold; None: the line has none.
    right
        Of those with a label; None where answers are no decisions.
    wrong_yes, wrong_no
        Of yes-or-no lines only.
    middle, high
        Of the scores, the median and the 99th percentile; None of several classes.
    truth, error
        Of numbers: the mean label, and the mean absolute error.
    """

    answers: int
    labelled: int
    yes: int | None = None
    right: int | None = None
    wrong_yes: int | None = None
    wrong_no: int | None = None
    middle: float | None = None
    high: float | None = None
    truth: float | None = None
    error: float | None = None


class Day(Stretch):
    """The answers to one day's events."""

    day: str


class Window(Stretch):
    """The answers to the events of one of about sixty equally long stretches."""

    start_ms: int
    end_ms: int


class Spread(_Facts):
    """How a model's scores lie: their median, two percentiles and the greatest.

    Attributes
    ----------
    yes
        At or above the threshold; None: the line has none.
    """

    name: str
    answers: int
    p50: float
    p95: float
    p99: float
    max: float
    yes: int | None = None


class Latency(_Facts):
    """From the append of an event to that of its answer, by the broker's clock: percentiles."""

    answers: int
    p50_ms: int
    p95_ms: int
    p99_ms: int
    max_ms: int


class InForce(_Facts):
    """A revision of the line, who was in its slots, and what it answered.

    Attributes
    ----------
    first_ms
        The earliest event that it answered; None: none.
    """

    revision: int
    slots: dict[str, str]
    answers: int
    first_ms: int | None = None


class LineFacts(_Facts):
    """What a line did: metrics as an experiment's result has them, days, revisions.

    Attributes
    ----------
    has_labels
        Whether the line has a topic of labels.
    mixed
        Of several classes, how often each (row) was taken for each (column).
    latency
        None where times are the producers' own.
    """

    result: ExperimentResult
    answers: int
    has_labels: bool
    threshold: float | None
    days: tuple[Day, ...]
    windows: tuple[Window, ...]
    spread: tuple[Spread, ...]
    mixed: tuple[tuple[int, ...], ...]
    latency: Latency | None
    revisions: tuple[InForce, ...]
