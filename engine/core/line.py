"""The line: a declared scoring pipeline, as its owner writes it in ``lines/*.toml``."""

import json
import tomllib
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from engine.core.duration import Duration, parse_duration_ms
from engine.errors import LablineError
from schemas.declarations import explain

MIB = 1024 * 1024

_DAY = r"[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
_CLOCK = r"([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]{1,6})?)?"
_TIME = rf"{_DAY}(T{_CLOCK}(Z|[+-][0-9]{{2}}:[0-9]{{2}}))?"

Name: TypeAlias = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,99}$")]
TopicName: TypeAlias = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,249}$")]
FieldName: TypeAlias = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,99}$")]
Text: TypeAlias = Annotated[str, Field(max_length=1_000)]
Recipe: TypeAlias = Annotated[str, Field(min_length=1, max_length=10_000)]


def _in_name_order(baselines: dict[str, str]) -> dict[str, str]:
    """Order baselines by name: the same in the file and in the signed record made of it."""
    return dict(sorted(baselines.items()))


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


class Decision(Declared):
    """How a probability becomes an answer: yes from the threshold on."""

    threshold: Annotated[float, Field(ge=0, le=1)] = 0.5


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


class Line(Declared):
    """A line's declaration.

    Attributes
    ----------
    question, owner, incumbent
        For people: what is asked, who asks, and the rule in use today.
    events, labels
        Topics; a line without labels only scores.
    id
        Field of an event that names it for good.
    refers_to, label
        Fields of a label: the id of its event, and the truth.
    start
        Where the factory begins: ``earliest``, ``latest``, or a time such as
        ``2013-12-28T00:00:00Z`` (a date alone is midnight UTC).
    learner
        One for each partition, or a single one (then the event topic has one partition).
    label_horizon
        How long, in event time, an event waits for its label.
    on_expiry
        What an absent label means: ``unknown`` (nothing is learned), or ``negative`` (learned as
        no at the horizon, for lines whose labels exist only for yes).
    baselines
        Recipes that score and learn beside the champion, by name.
    """

    name: Name
    question: Text = ""
    owner: Text = ""
    incumbent: Text = ""
    events: TopicName
    labels: TopicName | None = None
    id: FieldName
    refers_to: FieldName | None = None
    label: FieldName | None = None
    start: Annotated[str, Field(pattern=rf"^(earliest|latest|{_TIME})$")] = "earliest"
    learner: Literal["per_partition", "single"] = "per_partition"
    label_horizon: Duration = "2d"
    on_expiry: Literal["unknown", "negative"] = "unknown"
    features: Features
    decision: Decision = Decision()
    limits: Limits = Limits()
    baselines: Annotated[
        dict[Name, Recipe], Field(min_length=1, max_length=20), AfterValidator(_in_name_order)
    ] = {"base-rate": "BaseRate()"}

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.name.split(".")[0] in ("lab", "labline"):
            raise ValueError("names that begin with lab. or labline. are taken")
        told = (self.labels is not None, self.refers_to is not None, self.label is not None)
        if any(told) and not all(told):
            raise ValueError("labels, refers_to and label are given together or not at all")
        if self.on_expiry == "negative" and self.labels is None:
            raise ValueError("on_expiry = negative needs labels: else all would be learned as no")
        if self.labels == self.events:
            raise ValueError("events and labels are two topics")
        return self

    @property
    def label_horizon_ms(self) -> int:
        """Return `label_horizon` in milliseconds."""
        return parse_duration_ms(self.label_horizon)

    @classmethod
    def parse(cls, document: str | Mapping[str, Any], source: str = "line") -> Self:
        """Read a declaration: TOML as people write it, or JSON as `canonical` gives it.

        Parameters
        ----------
        document
            The text, or what it says as a mapping.
        source
            What to call it in an error: a file's name.

        Raises
        ------
        LablineError
            With the place, the reason and the nearest known name.

        Examples
        --------
        >>> line = Line.parse('''
        ... name = "delays"
        ... events = "flights.departed"
        ... id = "id"
        ... label_horizon = "36h"
        ... [features]
        ... numeric = ["dep_delay"]
        ... ''')
        >>> line.label_horizon_ms, line.decision.threshold, line.baselines
        (129600000, 0.5, {'base-rate': 'BaseRate()'})
        >>> Line.parse(line.canonical()) == line
        True
        """
        told = _loaded(document, source) if isinstance(document, str) else dict(document)
        try:
            # by JSON, because only there strict takes a list for a tuple
            text = json.dumps(told, default=_plain)
            return cls.model_validate_json(text, strict=True)
        except ValidationError as error:
            raise explain(error, source, cls) from error

    def canonical(self) -> str:
        """Return the one JSON text of this declaration: what is signed and digested.

        Defaults are written out, so a later default does not change a line in force.
        """
        return json.dumps(
            self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"), allow_nan=False
        )


def _loaded(text: str, source: str) -> dict[str, Any]:
    try:
        # no TOML document begins with a brace
        told: Any = json.loads(text) if text.lstrip().startswith("{") else tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise LablineError(
            "LL-FILE-SYNTAX", f"{source}: {error}", "mend the text at that place"
        ) from error
    assert isinstance(told, dict)
    return told


def _plain(value: object) -> str:
    """Return TOML's own times as text: `start` may be written without quotes."""
    isoformat = getattr(value, "isoformat", None)
    if isoformat is None:
        raise TypeError(type(value).__name__)
    return str(isoformat())
