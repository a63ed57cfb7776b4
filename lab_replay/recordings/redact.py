"""Leaving personal data out of a recording: values are decoded, emptied, and encoded again."""

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from labline.engine.core.line import Line
from labline.engine.core.record import Record
from labline.engine.errors import LablineError
from labline.lab_replay.recordings.recording_format import Redacted
from labline.schemas.avro import Schema
from labline.schemas.framing import Codec, Heads, frame
from labline.schemas.rejection import Rejection, SchemaViolation
from labline.schemas.shape import expand

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
    schemas
        By frame head, all that values may be written with.
    fields
        To leave out, by their names or by an alias; a schema that lacks one leaves nothing of it.
    keys
        Whether the records' keys are left out, too: null.

    Examples
    --------
    >>> schema = Schema.parse({"type": "record", "name": "R", "fields": [
    ...     {"name": "id", "type": "string"}, {"name": "mail", "type": ["null", "string"]}]})
    >>> redactor = Redactor({schema.head: schema}, ["mail"])
    >>> value = schema.encode({"id": "a", "mail": "x@y.z"})
    >>> [(_, _, _, left, _)] = redactor.redact([(0, 0, b"k", value, None)])
    >>> schema.decode(left), redactor.told
    ({'id': 'a', 'mail': None}, Redacted(fields=('mail',), keys=False, unreadable=0))
    """

    def __init__(self, schemas: Heads, fields: Sequence[str], *, keys: bool = False) -> None:
        self._schemas, self._fields, self._keys = schemas, tuple(fields), keys
        self._known: dict[bytes, tuple[Codec, dict[str, object]]] = {}
        self.unreadable = 0

    @property
    def told(self) -> Redacted:
        """What was done so far, for the manifest."""
        return Redacted(fields=self._fields, keys=self._keys, unreadable=self.unreadable)

    def redact(self, records: list[Record]) -> list[Record]:
        """Return the records without what is left out."""
        return [
            (offset, time_ms, None if self._keys else key, self._value(value, headers), headers)
            for offset, time_ms, key, value, headers in records
        ]

    def _value(self, value: bytes | None, headers: Any) -> bytes | None:
        if value is None or not self._fields:
            return value
        framed = frame(value, headers)
        if isinstance(framed, Rejection) or (known := self._reader(framed[0])) is None:
            self.unreadable += 1
            return UNREADABLE
        head, start = framed
        codec, emptied = known
        # decoded as written, so that nothing but these fields changes
        datum = codec.decode(codec.reader.head + value[start:])
        if isinstance(datum, Rejection):
            self.unreadable += 1
            return UNREADABLE
        if not emptied:
            return value
        try:
            return codec.reader.encode({**datum, **emptied}, head if start else b"")
        except SchemaViolation as error:
            raise _refused(
                f"{codec.reader.name} does not allow the redacted value: {error}",
                "make the field nullable in a new version of the schema, or record without it",
            ) from error

    def _reader(self, head: bytes) -> tuple[Codec, dict[str, object]] | None:
        if head not in self._known:
            schema = self._schemas.get(head)
            if schema is None:
                return None
            self._known[head] = (Codec(schema), emptied_fields(schema, self._fields))
        return self._known[head]


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
    names = sorted({name for each in topics.values() for told in _called(each) for name in told})
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
    found, called = set(fields), _called(versions)
    while more := [told for told in called if told & found and not told <= found]:
        found.update(*more)
    return tuple(sorted(found))


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


def _called(versions: Iterable[Schema]) -> list[frozenset[str]]:
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
