"""The parts of a line's declaration: features, decision, limits."""

from typing import Annotated, Literal, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, model_validator

from labline.engine.core.duration import Duration, parse_duration_ms

MIB = 1024 * 1024
COST_MAX = 1e15  # sums of it are numbers still

FieldName: TypeAlias = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,99}$")]


class Declared(BaseModel):
    """A part of a declaration: cannot be changed, and knows all of its keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class HistoryFeature(Declared):
    """A feature that comes from earlier events of the same key, in the task's order.

    Attributes
    ----------
    name
        What the learner sees it as.
    kind
        ``previous``: the value that `field` had in the last event of the key, left out where
        there was none; ``count``: how many events of the key there were.
    per
        Field of the event that is the key.
    """

    name: FieldName
    kind: Literal["previous", "count"]
    field: FieldName | None = None
    per: FieldName

    @model_validator(mode="after")
    def _has_its_field(self) -> Self:
        if (self.kind == "previous") != (self.field is not None):
            raise ValueError("previous needs a field, count has none")
        return self


class Features(Declared):
    """What a learner sees of an event, in the order in which it is declared.

    Attributes
    ----------
    numeric, categorical
        Fields of the event's schema.
    time
        Taken from the event time, in UTC: ``hour`` (0 to 23), ``weekday`` (Monday is 0).
    optional
        Those of the fields whose absence does not make an event a dead letter.
    history
        What comes from earlier events of the same key.
    """

    numeric: tuple[FieldName, ...] = ()
    categorical: tuple[FieldName, ...] = ()
    time: tuple[Literal["hour", "weekday"], ...] = ()
    optional: tuple[FieldName, ...] = ()
    history: tuple[HistoryFeature, ...] = ()

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        fields = (*self.numeric, *self.categorical)
        names = (*fields, *self.time, *(told.name for told in self.history))
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"declared more than once: {', '.join(twice)}")
        strangers = [name for name in self.optional if name not in fields]
        if strangers:
            raise ValueError(
                f"optional but neither numeric nor categorical: {', '.join(strangers)}"
            )
        if not names:
            raise ValueError("a line needs at least one feature")
        return self


class Costs(Declared):
    """What a wrong decision costs; right ones cost nothing.

    Attributes
    ----------
    false_positive, false_negative
        Of a yes that should have been no, and of a no that should have been yes.
    unit
        What they are counted in: ``EUR``, ``minutes``.
    """

    false_positive: Annotated[float, Field(ge=0, le=COST_MAX)] = 1.0
    false_negative: Annotated[float, Field(ge=0, le=COST_MAX)] = 1.0
    unit: Annotated[str, Field(max_length=20)] = ""


#: Incumbents that are no baseline's name.
RULES = ("never", "always")


class Decision(Declared):
    """How a score becomes an answer: yes from the threshold on.

    Attributes
    ----------
    threshold
        Binary: of the probability of yes. Multiclass: of the best class's probability. Both: 0.5
        unless told. Regression and anomaly: of the value; None: the answer is always no.
    costs
        What wrong decisions cost; None: nobody said.
    incumbent
        What the rule in use today decides: ``never``, ``always``, or the name of a baseline.
    """

    threshold: float | None = None
    costs: Costs | None = None
    incumbent: Annotated[str, Field(max_length=100)] = "never"


class Limits(Declared):
    """What bounds a task's memory, its transactions and its waiting.

    Attributes
    ----------
    pending_max
        Answered events per task that wait for their label.
    remembered_max
        Ids per task by which a second or late label is known.
    history_keys_max
        Keys per task and field whose past is remembered.
    future_skew
        How far an event time may be ahead of the time at which the broker appended it.
    input_wait
        How long an input that does not answer (no leader) holds the others up.
    batch_max
        Records per transaction.
    buffer_max_bytes
        Records read and not yet taken, per input.
    """

    pending_max: Annotated[int, Field(gt=0, le=1_000_000_000)] = 1_000_000
    remembered_max: Annotated[int, Field(gt=0, le=1_000_000_000)] = 1_000_000
    history_keys_max: Annotated[int, Field(gt=0, le=1_000_000_000)] = 100_000
    future_skew: Duration = "1h"
    input_wait: Duration = "5s"
    batch_max: Annotated[int, Field(gt=0, le=100_000)] = 5_000
    # less than a mebibyte throws away what was prefetched again and again
    buffer_max_bytes: Annotated[int, Field(ge=MIB, le=1024 * MIB)] = 16 * MIB

    @property
    def future_skew_ms(self) -> int:
        """Return `future_skew` in milliseconds."""
        return parse_duration_ms(self.future_skew)

    @property
    def input_wait_ms(self) -> int:
        """Return `input_wait` in milliseconds."""
        return parse_duration_ms(self.input_wait)
