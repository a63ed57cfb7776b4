"""Leaving personal data out of a recording: values are decoded, emptied, and encoded again.

``labline record --redact`` makes a `Redactor` for each topic, and the recorder passes every batch
through it before anything is written. What must stay true: a field that was to be left out is in no
value that is kept, whatever version of the schema wrote it and whatever the field is called there.
"""

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from labline.engine.core.line import Line
from labline.engine.core.record import Record
from labline.engine.errors import LablineError
from labline.lab_replay.recordings.recording_format import Redacted
from labline.schemas.avro import Schema
from labline.schemas.framing import Headers
from labline.schemas.rejection import Rejection, SchemaViolation
from labline.schemas.shape import expand
from labline.schemas.values.value_format import ValueReader

EMPTY: dict[str, object] = {
    "string": "", "bytes": b"", "boolean": False, "int": 0, "long": 0, "float": 0.0, "double": 0.0,
    "array": [], "map": {},
}  # fmt: skip
UNREADABLE = b""  # what no schema reads might hold anything


class Redactor:
    """Leaves fields out of a topic's records.

    A field becomes null where its schema allows that, else the empty value of its type. A value
    that no schema reads becomes empty, and is counted. Offsets, times, headers and the way in
    which values are framed stay.

    Parameters
    ----------
    values
        Reads the topic's values, whichever schema wrote them; None: only keys are left out.
    fields
        To leave out, by their names or by an alias. A schema that has none of them keeps all.
    keys
        Whether the records' keys are left out, too: null.

    Examples
    --------
    >>> from labline.schemas.values.formats import reader_of
    >>> schema = Schema.parse({"type": "record", "name": "R", "fields": [
    ...     {"name": "id", "type": "string"}, {"name": "mail", "type": ["null", "string"]}]})
    >>> redactor = Redactor(reader_of(schema), ["mail"])
    >>> value = schema.encode({"id": "a", "mail": "x@y.z"})
    >>> [(_, _, _, left, _)] = redactor.redact([(0, 0, b"k", value, None)])
    >>> schema.decode(left), redactor.summary
    ({'id': 'a', 'mail': None}, Redacted(fields=('mail',), keys=False, unreadable=0))
    """

    def __init__(
        self, values: ValueReader | None, fields: Sequence[str], *, keys: bool = False
    ) -> None:
        self._values, self._fields, self._keys = values, tuple(fields), keys
        self._emptied: dict[Schema, dict[str, object]] = {}
        self.unreadable = 0

    @property
    def summary(self) -> Redacted:
        """What was done so far, for the manifest."""
        return Redacted(fields=self._fields, keys=self._keys, unreadable=self.unreadable)

    def redact(self, records: list[Record]) -> list[Record]:
        """Return the records without what is left out."""
        return [
            (offset, time_ms, None if self._keys else key, self._value(value, headers), headers)
            for offset, time_ms, key, value, headers in records
        ]

    def _value(self, value: bytes | None, headers: Headers) -> bytes | None:
        if value is None or self._values is None or not self._fields:
            return value
        try:
            left = self._values.rewrite(value, headers, self._replacement)
        except SchemaViolation as error:
            raise _refused(
                f"{self._values.schema.name} does not allow the redacted value: {error}",
                "make the field nullable in a new version of the schema, or record without it",
            ) from error
        if isinstance(left, Rejection):
            self.unreadable += 1
            return UNREADABLE
        return left

    def _replacement(self, schema: Schema) -> Mapping[str, object]:
        if schema not in self._emptied:
            self._emptied[schema] = emptied_fields(schema, self._fields)
        return self._emptied[schema]


def emptied_fields(schema: Schema, fields: Sequence[str]) -> dict[str, object]:
    """Return what is written in place of the fields that a schema has, by a name or an alias.

    Raises
    ------
    LablineError
        ``LL-RECORDING-REDACT`` for one that cannot be left empty.
    """
    emptied = {}
    declared: list[dict[str, Any]] = expand(schema.document)["fields"]
    for field in declared:
        if _names(field).isdisjoint(fields):
            continue
        if field["name"] == schema.event_time:
            raise _refused(
                f"{field['name']} is when it happened: without it nothing can be replayed",
                "leave out other fields",
            )
        emptied[field["name"]] = _empty(field)
    return emptied


def redacted_fields(
    topics: Mapping[str, Sequence[Schema]], fields: Sequence[str]
) -> dict[str, tuple[str, ...]]:
    """Return for each topic, of all versions of its schema, what the fields are called there.

    A topic that has none of them is read for them all the same: other schemas may have written
    to it.

    Raises
    ------
    LablineError
        ``LL-RECORDING-REDACT`` for a field that no version of a topic has.
    """
    names = sorted(
        {name for each in topics.values() for aliases in _all_names(each) for name in aliases}
    )
    for field in fields:
        if field not in names:
            near = get_close_matches(field, names, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(names[:20])}"
            raise _refused(f"no recorded topic has the field {field!r}", hint)
    return {topic: same_fields(versions, fields) for topic, versions in topics.items()}


def same_fields(versions: Iterable[Schema], fields: Iterable[str]) -> tuple[str, ...]:
    """Return fields with all that versions of a schema ever called them: an alias is a name, too.

    Examples
    --------
    >>> old, new = (Schema.parse({"type": "record", "name": "R", "fields": [field]}) for field in (
    ...     {"name": "mail", "type": "string"},
    ...     {"name": "email", "type": "string", "aliases": ["mail"]}))
    >>> same_fields([old, new], ["email"]), same_fields([old], ["age"])
    (('email', 'mail'), ('age',))
    """
    same, every = set(fields), _all_names(versions)
    while more := [names for names in every if names & same and not names <= same]:
        same.update(*more)
    return tuple(sorted(same))


def check_joined(lines: Iterable[Line], redacted: Mapping[str, Sequence[str]]) -> None:
    """Refuse to leave out, of any topic, the field by which events and labels are joined.

    Raises
    ------
    LablineError
        ``LL-RECORDING-REDACT``.
    """
    for line in lines:
        for topic, field in ((line.events, line.id), (line.labels, line.refers_to)):
            if topic is not None and field in redacted.get(topic, ()):
                raise _refused(
                    f"{field} of {topic} is what {line.name} joins events and labels by: "
                    "empty, all would be the same one",
                    "leave out other fields; if it is personal data, publish a pseudonym instead",
                )


def _all_names(versions: Iterable[Schema]) -> list[frozenset[str]]:
    """Return of each field in each version all its names."""
    return [_names(field) for schema in versions for field in expand(schema.document)["fields"]]


def _names(field: Mapping[str, Any]) -> frozenset[str]:
    return frozenset((field["name"], *field.get("aliases", ())))


def _empty(field: Mapping[str, Any]) -> object:
    branches = field["type"] if isinstance(field["type"], list) else [field["type"]]
    if "null" in branches:
        return None
    kind = branches[0]["type"] if isinstance(branches[0], dict) else branches[0]
    if kind in EMPTY:
        return EMPTY[kind]
    if "default" in field:
        return field["default"]
    raise _refused(
        f"{field['name']} is neither nullable nor of a type that has an empty value",
        "make it nullable in a new version of its schema",
    )


def _refused(message: str, remedy: str) -> LablineError:
    return LablineError("LL-RECORDING-REDACT", message, remedy)
