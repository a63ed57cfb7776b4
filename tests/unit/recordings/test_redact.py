from typing import Any

import pytest

from labline.engine.core.line import Line
from labline.engine.core.record import Headers, Record
from labline.engine.errors import LablineError
from labline.lab_replay.recordings.redact import (
    UNREADABLE,
    Redactor,
    check_joined,
    emptied_fields,
    redacted_fields,
    same_fields,
)
from labline.schemas.avro import Schema
from labline.schemas.framing import GUID_MARKER, ID_HEADER, confluent_head
from labline.schemas.values.formats import reader_of


def schema(*fields: dict[str, Any], name: str = "Person") -> Schema:
    first = {"name": "id", "type": "string"}
    return Schema.parse({"type": "record", "name": name, "fields": [first, *fields]})


MAIL = {"name": "mail", "type": ["null", "string"]}
OLD = schema(MAIL)
NEW = schema(MAIL, {"name": "age", "type": "int", "default": 7, "minimum": 0})


def redacted(redactor: Redactor, value: bytes | None, headers: Headers = None) -> Record:
    [record] = redactor.redact([(3, 5, b"k", value, headers)])
    return record


def test_each_version_stays_as_it_was_written() -> None:
    heads = {OLD.head: OLD, NEW.head: NEW, confluent_head(7): NEW}
    redactor = Redactor(reader_of(OLD, heads), ["mail", "age"])
    old = redacted(redactor, OLD.encode({"id": "a", "mail": "m"}))
    assert old == (3, 5, b"k", OLD.encode({"id": "a", "mail": None}), None)
    told = {"id": "a", "mail": "m", "age": 41}
    emptied = {"id": "a", "mail": None, "age": 0}
    for head in (NEW.head, confluent_head(7)):
        assert redacted(redactor, NEW.encode(told, head))[3] == NEW.encode(emptied, head)
    assert redacted(redactor, None)[3] is None
    assert redactor.unreadable == 0


def test_an_id_in_a_header_stays_there() -> None:
    guid = GUID_MARKER + bytes(16)
    headers: Headers = [(ID_HEADER, guid)]
    record = redacted(
        Redactor(reader_of(OLD, {guid: OLD}), ["mail"]),
        OLD.encode({"id": "a", "mail": "m"}, b""),
        headers,
    )
    assert record == (3, 5, b"k", OLD.encode({"id": "a", "mail": None}, b""), headers)


def test_what_no_schema_reads_is_emptied_and_counted() -> None:
    redactor = Redactor(reader_of(OLD), ["mail"])
    for value in (b"m@x", NEW.head + b"m@x", OLD.head + b"\x02", confluent_head(1), b""):
        assert redacted(redactor, value)[3] == UNREADABLE
    assert redactor.summary.unreadable == 5


def test_keys_alone() -> None:
    assert redacted(Redactor(None, (), keys=True), b"x") == (3, 5, None, b"x", None)


def test_a_value_that_its_schema_forbids_is_refused() -> None:
    strict = schema({"name": "age", "type": "int", "minimum": 18})
    with pytest.raises(LablineError, match="LL-RECORDING-REDACT: Person does not allow"):
        redacted(Redactor(reader_of(strict), ["age"]), strict.encode({"id": "a", "age": 41}))


def test_fields() -> None:
    timed = schema({"name": "at", "type": "long", "event_time": True})
    with pytest.raises(LablineError, match="at is when it happened"):
        emptied_fields(timed, ["at"])
    kind = {"type": "enum", "name": "K", "symbols": ["A"]}
    with pytest.raises(LablineError, match="neither nullable nor"):
        emptied_fields(schema({"name": "k", "type": kind}), ["k"])
    defaulted = schema({"name": "k", "type": kind, "default": "A"})
    assert emptied_fields(defaulted, ["k", "other"]) == {"k": "A"}
    topics = {"people": [OLD, NEW], "old": [OLD]}
    assert redacted_fields(topics, ["age"]) == {"people": ("age",), "old": ("age",)}
    with pytest.raises(LablineError, match="did you mean 'mail'"):
        redacted_fields(topics, ["email"])


RENAMED = schema({"name": "email", "type": ["null", "string"], "aliases": ["mail"]})
AGAIN = schema({"name": "contact", "type": "string", "aliases": ["email"]})
WITHOUT = schema({"name": "age", "type": "int", "default": 0})


@pytest.mark.parametrize("asked", ["mail", "email", "contact"])
def test_a_renamed_field_is_left_out_of_every_version(asked: str) -> None:
    versions = [OLD, RENAMED, AGAIN]
    (fields,) = redacted_fields({"people": versions}, [asked]).values()
    assert fields == ("contact", "email", "mail")
    redactor = Redactor(reader_of(AGAIN, {each.head: each for each in versions}), fields)
    for each, name in zip(versions, ("mail", "email", "contact"), strict=True):
        value = redacted(redactor, each.encode({"id": "a", name: "a@b.c"}))[3]
        assert value == each.encode({"id": "a", name: "" if each is AGAIN else None})


def test_a_field_that_the_newest_version_dropped_is_left_out_of_older_records() -> None:
    assert redacted_fields({"people": [OLD, WITHOUT]}, ["mail"]) == {"people": ("mail",)}
    redactor = Redactor(reader_of(WITHOUT, {OLD.head: OLD}), ["mail"])
    assert redacted(redactor, OLD.encode({"id": "a", "mail": "m"}))[3] == OLD.encode(
        {"id": "a", "mail": None}
    )
    kept = WITHOUT.encode({"id": "a", "age": 3})
    assert redacted(redactor, kept)[3] == kept
    assert redactor.unreadable == 0


def test_what_only_a_registry_knows_is_matched_by_its_aliases() -> None:
    redactor = Redactor(reader_of(OLD, {confluent_head(7): RENAMED}), same_fields([OLD], ["mail"]))
    value = RENAMED.encode({"id": "a", "email": "m"}, confluent_head(7))
    left = RENAMED.encode({"id": "a", "email": None}, confluent_head(7))
    assert redacted(redactor, value)[3] == left


def test_what_joins_events_and_labels_stays() -> None:
    told = {"name": "l", "events": "e", "labels": "t", "id": "id", "refers_to": "of", "label": "y"}
    line = Line.parse({**told, "features": {"numeric": ["x"]}})
    for topic, field in (("e", "id"), ("t", "of")):
        with pytest.raises(LablineError, match=f"LL-RECORDING-REDACT: {field} of {topic} is what"):
            check_joined([line], {topic: ["x", field]})
    check_joined([line], {"e": ["of"], "t": ["id"], "other": ["id"]})
