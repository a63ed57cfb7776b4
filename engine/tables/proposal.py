"""The line and the two schemas that a file suggests, as data.

``labline init --from`` writes them as files, ``labline lab replay FILE`` replays by them: both ask
`propose`, each with its own scope. Nothing is written or printed here. A field's ``csv`` attribute
says which cells it is read from, so `labline.engine.tables.cells` makes records of the same rows.
"""

import re
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, NamedTuple, Self

from labline.engine.core.kinds import DEFAULT_KIND
from labline.engine.errors import LablineError
from labline.engine.tables.columns import EVENT_TIME, Column, free_name
from labline.engine.tables.fields import (
    Field,
    column_field,
    record_schema,
    text_field,
    time_field,
)
from labline.engine.tables.roles import Roles
from labline.engine.tables.scope import Scope
from labline.engine.tables.survey import Survey, survey
from labline.engine.tables.table import Table
from labline.engine.tables.times import ISO, has_clock
from labline.engine.tables.unused import to_mend, why_unused

DAY_MS = 86_400_000
HORIZON_DAYS, HORIZON_MAX_DAYS = 2, 36_500  # the longest is what a line may declare
ROW = "row"  # what the field of a row's number is called
ID_LIKE = re.compile(r"(^|[^A-Za-z])(id|ID)$|[a-z](Id|ID)$")
LABEL_TYPES = {"multiclass": "string", "regression": "double"}


class Proposal(NamedTuple):
    """What a file suggests.

    Attributes
    ----------
    line
        A line's declaration, as `labline.engine.core.line.Line` takes it.
    event_schema, label_schema
        Avro schemas with ``csv`` attributes; None: there is no label.
    key
        Field by which both topics are keyed.
    roles
        What the columns are, those included that were guessed.
    guessed
        Which of the roles nobody named.
    time_form, label_form
        How times of events and labels are written; None: they have none.
    in_order, labels_in_order
        Whether the rows are in the order of the events' times, and of the labels'.
    labels_after
        Whether no label came before its own event.
    features
        Columns that are features, and what those are called.
    left_out
        Columns that are no feature and nothing else, and why.
    remarks
        What else a person should know.
    """

    line: dict[str, Any]
    event_schema: dict[str, Any]
    label_schema: dict[str, Any] | None
    key: str
    rows: int
    roles: Roles
    guessed: tuple[str, ...]
    time_form: str | None
    label_form: str | None
    in_order: bool
    labels_in_order: bool
    labels_after: bool
    features: dict[str, str]
    left_out: dict[str, str]
    remarks: tuple[str, ...]

    @property
    def kind(self) -> str:
        """The kind of line."""
        return str(self.line.get("kind", DEFAULT_KIND))

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Self:
        """Return the proposal that `_asdict` gave, after it was JSON."""
        ids, *rest = document["roles"]
        lists = {name: tuple(document[name]) for name in ("guessed", "remarks")}
        return cls(**{**document, **lists, "roles": Roles(tuple(ids), *rest)})


def propose(
    table: Table, name: str, said: Roles, scope: Scope
) -> tuple[Proposal, dict[str, Column]]:
    """Return what a file suggests, and its columns by their names there.

    Parameters
    ----------
    name
        Of the line, and the beginning of its topics' names.
    said
        What a person said of the file.

    Raises
    ------
    LablineError
        See `survey`; ``-FEATURES`` when nothing is left to learn from.
    """
    found = survey(table, said, scope)
    made = _Made(name, found, scope)
    proposal = Proposal(
        line=made.line(),
        event_schema=made.event_schema(),
        label_schema=made.label_schema(),
        key=made.key,
        rows=found.rows,
        roles=found.roles,
        guessed=found.guessed,
        time_form=found.time_form,
        label_form=found.label_form,
        in_order=found.in_order,
        labels_in_order=found.labels_in_order,
        labels_after=not found.delays.before,
        features={c.header: c.name for c in made.features},
        left_out=made.left_out,
        remarks=tuple(made.remarks()),
    )
    return proposal, found.columns


class _Made:
    """What is made of a file that was looked over."""

    def __init__(self, name: str, found: Survey, scope: Scope) -> None:
        self.name, self.found, self.scope = name, found, scope
        self.roles = roles = found.roles
        columns = list(found.columns.values())
        joined = free_name("id" if roles.id else ROW, [EVENT_TIME, *(c.name for c in columns)])
        self.id = found.columns[roles.id[0]].name if len(roles.id) == 1 else joined
        self.key = self.id if roles.key is None else found.columns[roles.key].name
        # the key may tell something, too
        used = {*roles.id, roles.time, roles.label, roles.label_time}
        free = [c for c in columns if c.header not in used]
        usable = [c for c in free if c.longest and c.header not in found.refused]
        texts = [c for c in usable if self._is_category(c)]
        numbers = [c for c in usable if self._is_number(c)]
        most = scope.features_max
        self.categorical, self.numeric = texts[:most], numbers[:most]
        self.features = [*self.categorical, *self.numeric]
        reasons = {c.header: why_unused(c) for c in free} | found.refused
        for column in (*texts[len(self.categorical) :], *numbers[len(self.numeric) :]):
            reasons[column.header] = f"only the first {most} of a kind are features"
        left_out = (c.header for c in free if c not in self.features and c.header != roles.key)
        self.left_out = {header: reasons[header] for header in left_out}
        if not self.features and not self.clock:
            raise self._no_features()

    @property
    def clock(self) -> list[str]:
        """What of the event time may tell something, unless a column of that name does."""
        form, names = self.found.time_form, {column.name for column in self.features}
        if not self.scope.clock or form in (None, "%Y") or self.roles.time is None:
            return []
        hours = has_clock(form or "")
        if form == ISO:
            hours = self.found.columns[self.roles.time].longest > len("2013-12-28")
        return [name for name in ["hour"] * hours + ["weekday"] if name not in names]

    def line(self) -> dict[str, Any]:
        """Return the line."""
        truth = self.found.truth
        kind = truth.kind if truth else self.roles.kind or DEFAULT_KIND
        line: dict[str, Any] = {"name": self.name}
        if kind != DEFAULT_KIND:
            line["kind"] = kind
        if truth and truth.classes:
            line["classes"] = list(truth.classes)
        line |= {"events": f"{self.name}.events", "id": self.id}
        if self.roles.label is not None:
            days = max(HORIZON_DAYS, -(-2 * self.found.delays.max_ms // DAY_MS))
            line |= {
                "labels": f"{self.name}.labels",
                "refers_to": self.id,
                "label": self.found.columns[self.roles.label].name,
                "label_horizon": f"{min(days, HORIZON_MAX_DAYS)}d",
            }
        line["features"] = {
            "numeric": [c.name for c in self.numeric],
            "categorical": [c.name for c in self.categorical],
            "time": self.clock,
            "optional": [c.name for c in (*self.numeric, *self.categorical) if c.missing],
        }
        return line

    def event_schema(self) -> dict[str, Any]:
        """Return the schema of the events: every column but the label's, or every feature."""
        roles = self.roles
        fields = self._names(roles.time, self.found.time_form)
        columns = self.features
        if self.scope.every_column:
            gone = {roles.time, roles.key, roles.label, roles.label_time}
            gone |= {*roles.id} if len(roles.id) == 1 else set()  # parts of an id stay, too
            columns = [c for c in self.found.columns.values() if c.header not in gone]
        return record_schema(self.name, "Event", [*fields, *map(column_field, columns)])

    def label_schema(self) -> dict[str, Any] | None:
        """Return the schema of the labels: id, time, key, and the truth."""
        truth, roles = self.found.truth, self.roles
        if truth is None or roles.label is None:
            return None
        label = self.found.columns[roles.label]
        words = {"true": list(truth.true), "false": list(truth.false)} if truth.true else {}
        skip = {"skip": list(label.missing)} if label.missing else {}
        csv = {"columns": [label.header], **words, **skip}
        kind = LABEL_TYPES.get(truth.kind, "boolean")
        by_label = roles.label_time is not None
        fields = self._names(
            roles.label_time if by_label else roles.time,
            self.found.label_form if by_label else self.found.time_form,
        )
        fields.append({"name": label.name, "type": kind, "csv": csv, "doc": "The truth."})
        return record_schema(self.name, "Label", fields)

    def remarks(self) -> Iterator[str]:
        """Yield what a person should know of what was taken and guessed."""
        found = self.found
        yield from found.remarks
        if found.bad_rows:
            yield f"{found.bad_rows}; publishing rejects them"
        yield from self._gaps()
        yield from to_mend(self.features)
        for column in self.numeric:
            if ID_LIKE.search(column.header):
                what = "is a feature, as a quantity: if it is a name, take it out of the file"
                yield f"{column.header} {what}"

    def _gaps(self) -> Iterator[str]:
        """Yield where rows have no label, and where a text was taken as no value: it may be one."""
        rows = f"of {self.found.rows:,} rows"
        for column in self.found.columns.values():
            counts = zip(column.missing, column.gaps, strict=True)
            words = ", ".join(f"{word!r}: {count:,}" for word, count in counts if word)
            listed = f" ({words})" if words else ""
            if column.header == self.roles.label and column.missing:
                yield f"{sum(column.gaps):,} {rows} have no label{listed}"
            elif words and column.kind == "string":
                yield f"{sum(column.gaps):,} {rows} have no {column.header}{listed}"

    def _is_category(self, column: Column) -> bool:
        if self.scope.varied:
            return column.categorical
        few = column.kind == "string" and column.values is not None
        return few or column.kind == "boolean"

    def _is_number(self, column: Column) -> bool:
        if self.scope.every_column and column.header == self.roles.key:
            return False  # its field is a text: what is keyed by
        return column.numeric if self.scope.varied else column.kind in ("long", "double")

    def _no_features(self) -> LablineError:
        reasons = "; ".join(f"{name}: {why}" for name, why in islice(self.left_out.items(), 10))
        return self.found.table.refusal(
            "FEATURES",
            "no column is a number or a text with few values that come again"
            + (f" ({reasons})" if reasons else ""),
            "a learner needs at least one: mend one of these, or add a column",
        )

    def _names(self, time: str | None, form: str | None) -> list[Field]:
        """Return the fields that events and labels both have."""
        ids = [self.found.columns[header] for header in self.roles.id]
        fields = [
            text_field(self.id, ids, "Names the event for good."),
            time_field(time, form, self.roles.zone),
        ]
        if self.scope.every_column and self.roles.key is not None and self.key != self.id:
            key = self.found.columns[self.roles.key]
            fields.append(text_field(self.key, [key], "The topic's key."))
        return fields
