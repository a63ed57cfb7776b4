"""The line: a declared scoring pipeline, as its owner writes it in ``lines/*.toml``.

Workspaces and signed control records are read here, and nothing else decides what a line may say.
Text or a mapping comes in; a frozen `Line` with all defaults filled in goes out, or an error with
the place and the nearest known name. `Line.canonical` is what is signed: a later default must not
change a line in force.
"""

import json
import tomllib
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self, TypeAlias

from pydantic import AfterValidator, Field, ValidationError, model_validator

from labline.engine.core.declared import Costs as Costs  # with the line, for who reads decisions
from labline.engine.core.declared import Decision, Declared, Features, FieldName, Limits
from labline.engine.core.duration import Duration, parse_duration_ms
from labline.engine.core.kinds import CLASSES_MAX, CLASSES_MIN, KINDS
from labline.engine.errors import LablineError
from labline.schemas.declarations import explain

_DAY = r"[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
_CLOCK = r"([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]{1,6})?)?"
_TIME = rf"{_DAY}(T{_CLOCK}(Z|[+-][0-9]{{2}}:[0-9]{{2}}))?"

Name: TypeAlias = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,99}$")]
TopicName: TypeAlias = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,249}$")]
Text: TypeAlias = Annotated[str, Field(max_length=1_000)]
Recipe: TypeAlias = Annotated[str, Field(min_length=1, max_length=10_000)]
ClassName: TypeAlias = Annotated[str, Field(min_length=1, max_length=100)]
#: A kind's name, as people write it; `KINDS` says what hangs on it.
Kind: TypeAlias = Literal["binary", "multiclass", "regression", "anomaly"]


def _in_name_order(baselines: dict[str, str]) -> dict[str, str]:
    """Order baselines by name: the same in the file and in the signed record made of it."""
    return dict(sorted(baselines.items()))


class Line(Declared):
    """A line's declaration.

    Attributes
    ----------
    question, owner, incumbent
        For people: what is asked, who asks, and the rule in use today.
    kind
        ``binary`` (the label is yes or no, the score the probability of yes), ``multiclass`` (one
        of `classes`; a probability for each), ``regression`` (a number), or ``anomaly`` (no label
        is learned: each event is, once it was scored; the higher, the odder).
    classes
        Of a multiclass line, in the order of their probabilities.
    events, labels
        Topics; a line without labels only scores, or looks for anomalies.
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
    kind: Kind = "binary"
    classes: tuple[ClassName, ...] = ()
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
    ] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.name.split(".")[0] in ("lab", "labline"):
            raise ValueError("names that begin with lab. or labline. are taken")
        declared = [name is not None for name in (self.labels, self.refers_to, self.label)]
        if any(declared) and not all(declared):
            raise ValueError("labels, refers_to and label are given together or not at all")
        if self.on_expiry == "negative" and self.labels is None:
            raise ValueError("on_expiry = negative needs labels: else all would be learned as no")
        if self.labels == self.events:
            raise ValueError("events and labels are two topics")
        return self

    @model_validator(mode="after")
    def _is_of_its_kind(self) -> Self:
        kind, threshold = KINDS[self.kind], self.decision.threshold
        if self.classes and not kind.has_classes:
            raise ValueError('classes are for kind = "multiclass"')
        if kind.has_classes and not CLASSES_MIN <= len(self.classes) <= CLASSES_MAX:
            raise ValueError(
                f"a {self.kind} line names its {CLASSES_MIN} to {CLASSES_MAX} classes:"
                ' classes = ["a", "b", "c"]'
            )
        if len(set(self.classes)) < len(self.classes):
            raise ValueError("classes: each is named once")
        if self.on_expiry == "negative" and not kind.decides:
            raise ValueError("on_expiry = negative is for binary lines: no other label means no")
        if kind.probable and threshold is not None and not 0 <= threshold <= 1:
            raise ValueError(
                f"decision.threshold of a {self.kind} line is a probability: from 0 to 1"
            )
        return self

    @model_validator(mode="after")
    def _with_defaults_of_its_kind(self) -> Self:
        """Fill in what nobody declared and what hangs on the kind."""
        kind = KINDS[self.kind]
        if self.decision.threshold is None and kind.threshold is not None:
            decision = self.decision.model_copy(update={"threshold": kind.threshold})
            object.__setattr__(self, "decision", decision)
        if not self.baselines:
            object.__setattr__(self, "baselines", dict(kind.baselines))
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
        fields = _loaded(document, source) if isinstance(document, str) else dict(document)
        try:
            # by JSON, because only there strict takes a list for a tuple
            text = json.dumps(fields, default=_plain)
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
        is_json = text.lstrip().startswith("{")
        fields: Any = json.loads(text) if is_json else tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise LablineError(
            "LL-FILE-SYNTAX", f"{source}: {error}", "mend the text at that place"
        ) from error
    assert isinstance(fields, dict)
    return fields


def _plain(value: object) -> str:
    """Return TOML's own times as text: `start` may be written without quotes."""
    isoformat = getattr(value, "isoformat", None)
    if isoformat is None:
        raise TypeError(type(value).__name__)
    return str(isoformat())
