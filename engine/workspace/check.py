"""Whether a line fits the topics and schemas it names, before any broker is asked."""

from collections.abc import Callable, Iterator, Mapping

from labline.engine.core.declared import RULES
from labline.engine.core.kinds import KINDS, Truth
from labline.engine.core.line import Line
from labline.engine.errors import LablineError
from labline.engine.workspace.workspace import Workspace, known
from labline.schemas.avro import Schema
from labline.schemas.shape import expand
from labline.topics.declaration import Topic

NUMERIC = frozenset({"int", "long", "float", "double"})
CATEGORICAL = frozenset({"string", "enum", "int", "long", "boolean"})
KEYS = CATEGORICAL  # of what is remembered: equal values are one key
#: What the truth is, by kind of line; where labels of anomalies exist they are yes or no.
LABEL_TYPES = {
    Truth.YES_NO: frozenset({"boolean"}),
    Truth.CLASS: frozenset({"string", "enum"}),
    Truth.NUMBER: NUMERIC,
}


def check_workspace(workspace: Workspace) -> list[LablineError]:
    """Return what does not fit in any line of a workspace."""
    topics = workspace.topics()
    return [
        finding
        for line in workspace.lines().values()
        for finding in check_line(line, topics, workspace.schema_of)
    ]


def check_line(
    line: Line, topics: Mapping[str, Topic], schema_of: Callable[[Topic], Schema]
) -> list[LablineError]:
    """Return what does not fit between a line and what it names; nothing when all does.

    Parameters
    ----------
    topics
        The declared topics by name.
    schema_of
        The schema of a topic.
    """
    findings = list(_incumbent(line))
    schemas: dict[str, Schema] = {}
    for name in (line.events, line.labels):
        if name is None:
            continue
        try:
            topic = topics[known(name, topics, "TOPIC", "topics/")]
            schemas[name] = schema_of(topic)
        except LablineError as error:
            message = f"line {line.name}: {error.message}"
            findings.append(LablineError(error.code, message, error.remedy))
    if line.events in schemas:
        findings += _event_fields(line, schemas[line.events])
    if line.labels in schemas:
        findings += _label_fields(line, schemas[line.labels])
    if len(schemas) == len({line.events, line.labels} - {None}):
        findings += _partitioning(line, topics)
    return findings


def _incumbent(line: Line) -> Iterator[LablineError]:
    """Check that today's rule is one that the line itself can follow."""
    try:
        known(line.decision.incumbent, (*RULES, *line.baselines), "INCUMBENT", "baselines")
    except LablineError as error:
        message = f"line {line.name}: decision.incumbent: {error.message}"
        yield LablineError(error.code, message, error.remedy)


def _event_fields(line: Line, schema: Schema) -> Iterator[LablineError]:
    yield from _timed(line, schema, "events")
    yield from _field(line, schema, "id", line.id, frozenset({"string"}), required=True)
    features = line.features
    for name in features.numeric:
        yield from _field(line, schema, "features.numeric", name, NUMERIC)
    for name in features.categorical:
        yield from _field(line, schema, "features.categorical", name, CATEGORICAL)
    for told in features.history:
        use = f"features.history {told.name}"
        yield from _field(line, schema, f"{use}: per", told.per, KEYS, required=True)
        if told.field is not None:
            yield from _field(line, schema, f"{use}: field", told.field, NUMERIC | CATEGORICAL)


def _label_fields(line: Line, schema: Schema) -> Iterator[LablineError]:
    assert line.refers_to is not None
    assert line.label is not None
    yield from _timed(line, schema, "labels")
    kind, text = KINDS[line.kind], frozenset({"string"})
    yield from _field(line, schema, "refers_to", line.refers_to, text, required=True)
    use = "label" if kind.decides else f"label of a {line.kind} line"
    yield from _field(line, schema, use, line.label, LABEL_TYPES[kind.truth], required=True)
    yield from _classes(line, schema)


def _classes(line: Line, schema: Schema) -> Iterator[LablineError]:
    """Check that a label that is an enum has every class: others could never be learned."""
    symbols = enum_symbols(schema, line.label or "")
    strangers = [name for name in line.classes if symbols and name not in symbols]
    if strangers:
        yield LablineError(
            "LL-LINE-CLASSES",
            f"line {line.name}: {line.label} of {schema.name} is never {', '.join(strangers)}",
            f"classes are some of its symbols: {', '.join(symbols)}",
        )


def _timed(line: Line, schema: Schema, what: str) -> Iterator[LablineError]:
    if schema.event_time is None:
        yield LablineError(
            "LL-LINE-TIME",
            f"line {line.name}: no field of {schema.name} ({what}) is the event time",
            'give the field that tells when it happened "event_time": true in the .avsc',
        )


def _field(
    line: Line,
    schema: Schema,
    use: str,
    name: str,
    fitting: frozenset[str],
    *,
    required: bool = False,
) -> Iterator[LablineError]:
    """Check that a field is there and of a fitting type; a required one may not be null."""
    try:
        known(name, schema.field_names, "FIELD", schema.name)
    except LablineError as error:
        message = f"line {line.name}: {use}: {error.message}"
        yield LablineError("LL-LINE-FIELD", message, error.remedy)
        return
    types = field_types(schema, name)
    if not types - {"null"} <= fitting or (required and "null" in types):
        yield LablineError(
            "LL-LINE-FIELD",
            f"line {line.name}: {use}: {name} of {schema.name} is {' or '.join(sorted(types))}",
            f"it must be {' or '.join(sorted(fitting))}{', never null' if required else ''}",
        )


def field_types(schema: Schema, name: str) -> frozenset[str]:
    """Return the names of the types that a field of a schema may have.

    Examples
    --------
    >>> schema = Schema.parse({"type": "record", "name": "R", "fields": [
    ...     {"name": "x", "type": ["null", {"type": "enum", "name": "E", "symbols": ["A"]}]},
    ...     {"name": "t", "type": {"type": "long", "logicalType": "timestamp-millis"}},
    ...     {"name": "y", "type": "E"}]})
    >>> [sorted(field_types(schema, name)) for name in ("x", "t", "y")]
    [['enum', 'null'], ['long'], ['enum']]
    """
    named: dict[str, str] = {}
    found: frozenset[str] = frozenset()
    for field in schema.document["fields"]:
        types = frozenset(_types(field["type"], named))
        if field["name"] == name:
            found = types
    return found


def _types(told: object, named: dict[str, str]) -> Iterator[str]:
    if isinstance(told, list):
        for branch in told:
            yield from _types(branch, named)
    elif isinstance(told, dict):
        inner = told["type"]
        if "name" in told:  # later fields may refer to it by its name alone
            named[told["name"]] = inner
        yield from _types(inner, named)
    else:
        assert isinstance(told, str)
        yield named.get(told, told)


def enum_symbols(schema: Schema, name: str) -> tuple[str, ...]:
    """Return what a field that is an enum may be; nothing for other fields.

    Examples
    --------
    >>> schema = Schema.parse({"type": "record", "name": "R", "fields": [
    ...     {"name": "y", "type": {"type": "enum", "name": "E", "symbols": ["A", "B"]}}]})
    >>> enum_symbols(schema, "y"), enum_symbols(schema, "z")
    (('A', 'B'), ())
    """
    for field in expand(schema.document)["fields"]:
        if field["name"] == name and isinstance(field["type"], dict):
            return tuple(field["type"].get("symbols", ()))
    return ()


def _partitioning(line: Line, topics: Mapping[str, Topic]) -> Iterator[LablineError]:
    events = topics[line.events]
    if line.learner == "single" and events.partitions != 1:
        yield LablineError(
            "LL-LINE-PARTITIONS",
            f"line {line.name}: a single learner, but {events.name} has "
            f"{events.partitions} partitions",
            'declare the topic with partitions = 1, or learner = "per_partition"',
        )
    if line.labels is None:
        return
    labels = topics[line.labels]
    if labels.partitions != events.partitions:
        yield LablineError(
            "LL-LINE-PARTITIONS",
            f"line {line.name}: {events.name} has {events.partitions} partitions, "
            f"{labels.name} {labels.partitions}",
            "an event and its label must meet in one partition: give both the same number",
        )
    pairs = ((events.key, events.key), (line.id, line.refers_to))
    if (events.key, labels.key) not in pairs:
        yield LablineError(
            "LL-LINE-KEY",
            f"line {line.name}: {events.name} is keyed by {events.key}, "
            f"{labels.name} by {labels.key}",
            "an event and its label must meet in one partition: key both by the same field",
        )
