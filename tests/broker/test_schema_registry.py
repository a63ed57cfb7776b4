"""A real registry: Confluent's own serializers both ways, its rules, and its absence."""

import base64
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import NewTopic
from confluent_kafka.schema_registry import SchemaRegistryClient, header_schema_id_serializer
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

from labline.engine.broker.clients import admin_client, producer_config
from labline.engine.broker.reader import read_range
from labline.engine.broker.registry import registry_connection
from labline.engine.broker.registry.schema_registry import SchemaRegistry, Writers, subject
from labline.engine.broker.servers import apicurio
from labline.engine.errors import LablineError
from labline.schemas.avro import Schema
from labline.schemas.evolution import check_evolution
from labline.schemas.framing import confluent_head
from labline.schemas.rejection import Rejection
from labline.schemas.values.formats import reader_of
from tests.broker.registry_proxy import proxy

pytestmark = pytest.mark.broker

FIELDS: list[dict[str, Any]] = [
    {"name": "id", "type": "string", "max_length": 40},
    {"name": "at", "type": "long", "event_time": True},
    {"name": "delay", "type": ["null", "double"], "default": None},
    {"name": "kind", "type": {"type": "enum", "name": "Kind", "symbols": ["IN", "OUT"]}},
    {"name": "legs", "type": {"type": "array", "items": {
        "type": "record", "name": "Leg", "fields": [{"name": "miles", "type": "int"}]}}},
    {"name": "tags", "type": {"type": "map", "values": "boolean"}},
    {"name": "raw", "type": "bytes"},
]  # fmt: skip
V1 = {"type": "record", "name": "Flight", "namespace": "tests", "fields": FIELDS}
V2 = {**V1, "fields": [*FIELDS, {"name": "gate", "type": "string", "default": "?"}]}
BREAKS = {**V1, "fields": [*FIELDS, {"name": "gate", "type": "string"}]}
RECORDS = [
    {"id": "é\U0001f6eb", "at": 2**62, "delay": None, "kind": "IN", "legs": [], "tags": {},
     "raw": b""},
    {"id": "", "at": -1, "delay": -0.5, "kind": "OUT", "legs": [{"miles": -(2**31)}, {"miles": 7}],
     "tags": {"a": True, "b": False}, "raw": bytes(range(256))},
]  # fmt: skip


@pytest.fixture
def ours(registry: str, tmp_path: Path) -> SchemaRegistry:
    return SchemaRegistry(registry, tmp_path / "known")


def value_of(topic: str, headers: list[tuple[str, bytes]] | None = None) -> SerializationContext:
    return SerializationContext(topic, MessageField.VALUE, headers)


def test_confluents_records_are_read(registry: str, ours: SchemaRegistry, name: str) -> None:
    with SchemaRegistryClient({"url": registry}) as client:
        serializer = AvroSerializer(client, json.dumps(V1))
        values = [serializer(record, value_of(name)) for record in RECORDS]
    assert {value[0] for value in values} == {0}
    reader = reader_of(Schema.parse(V1), Writers([], ours))
    assert [reader.decode(value) for value in values] == RECORDS


def test_our_records_are_read_by_confluents(registry: str, ours: SchemaRegistry, name: str) -> None:
    head = confluent_head(ours.register(name, V1))
    schema = Schema.parse(V1)
    with SchemaRegistryClient({"url": registry}) as client:
        deserializer = AvroDeserializer(client)
        values = [schema.encode(record, head) for record in RECORDS]
        assert [deserializer(value, value_of(name)) for value in values] == RECORDS


def test_old_and_new_records_are_read_side_by_side(
    registry: str, ours: SchemaRegistry, name: str
) -> None:
    """A publisher goes to the next version in mid-run; a line goes on with the schema it has."""
    reader = reader_of(Schema.parse(V1), Writers([Schema.parse(V1)], ours))
    with SchemaRegistryClient({"url": registry}) as client:
        old = AvroSerializer(client, json.dumps(V1))
        assert reader.decode(old(RECORDS[0], value_of(name))) == RECORDS[0]
        new = AvroSerializer(client, json.dumps(V2))
        assert reader.decode(new({**RECORDS[1], "gate": "B7"}, value_of(name))) == RECORDS[1]
        assert reader.decode(old(RECORDS[1], value_of(name))) == RECORDS[1]
        later = reader_of(Schema.parse(V2), Writers([], ours))
        assert later.decode(old(RECORDS[0], value_of(name))) == {**RECORDS[0], "gate": "?"}


def test_a_schema_named_in_a_header_is_found(
    broker: str, registry: str, tmp_path: Path, name: str
) -> None:
    """Confluent's header serializer, through Kafka: the value is the body alone."""
    admin = admin_client(broker)
    admin.create_topics([NewTopic(name, 1, 1)])[name].result()
    with proxy(registry) as guids, SchemaRegistryClient({"url": guids.url}) as client:
        conf = {"schema.id.serializer": header_schema_id_serializer}
        serializer = AvroSerializer(client, json.dumps(V1), conf=conf)
        producer = Producer(producer_config(broker))
        for record in RECORDS:
            headers: list[tuple[str, bytes]] = []
            value = serializer(record, value_of(name, headers))
            producer.produce(name, value, headers=headers)
        assert producer.flush(30) == 0
        reader = reader_of(Schema.parse(V1), Writers([], SchemaRegistry(guids.url, tmp_path)))
        [batch] = read_range(broker, name, 0, 0, len(RECORDS))
        assert [reader.decode(record[3], record[4]) for record in batch] == RECORDS
        unknown = [("__value_schema_id", b"\x01" + bytes(16))]
        told = reader.decode(batch[0][3], unknown)
        assert isinstance(told, Rejection)
        assert told.reason == "unknown-schema"


def test_a_registry_without_guids_knows_none(ours: SchemaRegistry) -> None:
    assert ours.by_guid(UUID(bytes=bytes(range(16)))) is None


def test_an_incompatible_version_is_refused_by_both(ours: SchemaRegistry, name: str) -> None:
    ours.set_compatibility(name, "BACKWARD_TRANSITIVE")
    assert ours.incompatibilities(name, V1) == []
    first = ours.register(name, V1)
    assert ours.register(name, V1) == first
    assert check_evolution("BACKWARD_TRANSITIVE", V2, [V1]) == []
    assert ours.incompatibilities(name, V2) == []
    assert check_evolution("BACKWARD_TRANSITIVE", BREAKS, [V1]) != []
    assert ours.incompatibilities(name, BREAKS) == [f"version 1 of {subject(name)} forbids it"]
    with pytest.raises(LablineError, match=f"{name}-value") as raised:
        ours.register(name, BREAKS)
    assert raised.value.code == "LL-SCHEMA-INCOMPATIBLE"
    with pytest.raises(LablineError, match="LL-SCHEMA-UNREGISTERED"):
        ours.lookup(name, BREAKS)
    assert ours.register(name, V2) != first


def test_what_is_no_schema_or_rule_is_refused(ours: SchemaRegistry, name: str) -> None:
    for refused in (
        lambda: ours.register(name, {"type": "record"}),
        lambda: ours.set_compatibility(name, "SIDEWAYS"),
    ):
        with pytest.raises(LablineError, match="LL-SCHEMA-REFUSED"):
            refused()


def test_a_lookup_finds_and_registers_nothing(registry: str, tmp_path: Path, name: str) -> None:
    with proxy(registry) as watched:
        ours = SchemaRegistry(watched.url, tmp_path)
        with pytest.raises(LablineError) as raised:
            ours.lookup(name, V1)
        assert raised.value.code == "LL-SCHEMA-UNREGISTERED"
        assert "labline schemas register" in raised.value.remedy
        with SchemaRegistryClient({"url": registry}) as client:
            assert subject(name) not in client.get_subjects()
        number = ours.register(name, V1)
        turned = json.loads(json.dumps(dict(reversed(V1.items()))))
        assert SchemaRegistry(registry, tmp_path).lookup(name, turned) == number
        assert ours.lookup(name, V1) == number
        written = [path for method, path in watched.asked if path.endswith("/versions")]
        assert written == [f"/subjects/{subject(name)}/versions"]  # only by register


def test_ids_that_nobody_has_are_none_and_not_asked_again(registry: str, tmp_path: Path) -> None:
    with proxy(registry) as watched:
        ours = SchemaRegistry(watched.url, tmp_path)
        reader = reader_of(Schema.parse(V1), Writers([], ours))
        for number in (2**31 - 1, 2**31 - 1, 2**31, 2**32 - 1):
            assert ours.by_id(number) is None
            told = reader.decode(confluent_head(number) + b"body")
            assert isinstance(told, Rejection)
            assert told.reason == "unknown-schema"
        assert watched.asked == [("GET", "/schemas/ids/2147483647")]


def test_what_was_told_is_asked_once(registry: str, tmp_path: Path, name: str) -> None:
    with proxy(registry) as watched:
        number = SchemaRegistry(registry, tmp_path / "a").register(name, V1)
        for _ in range(2):  # the second as a new process would: from the disk
            ours = SchemaRegistry(watched.url, tmp_path / "b")
            assert ours.by_id(number) == ours.by_id(number) == V1
        assert watched.asked == [("GET", f"/schemas/ids/{number}")]
        [file] = (tmp_path / "b").rglob("*.json")
        assert file.name == f"id-{number}.json"
        for spoilt in ("", '{"format": 1, "schema": "no"}', '{"format": 2, "schema": {}}', "[]"):
            file.write_text(spoilt)
            assert SchemaRegistry(watched.url, tmp_path / "b").by_id(number) == V1
        assert len(watched.asked) == 5
        # the same id of another registry is another schema
        assert SchemaRegistry(f"{watched.url}/", tmp_path / "b").by_id(number) == V1
        assert len(watched.asked) == 6


def test_a_cache_that_cannot_be_written_stops_nothing(ours: SchemaRegistry, name: str) -> None:
    ours._folder.parent.write_text("a file, where the folder belongs")
    assert ours.by_id(ours.register(name, V1)) == V1


AWAY = """
import sys
from pathlib import Path
from labline.engine.broker.registry.schema_registry import SchemaRegistry, Writers
from labline.engine.errors import LablineError
from labline.schemas.avro import Schema
from labline.schemas.values.formats import reader_of
url, cache, known, value = sys.argv[1:]
ours = SchemaRegistry(url, Path(cache))
reader = reader_of(Schema.parse(ours.by_id(int(known))), Writers([], ours))
print(reader.decode(bytes.fromhex(value))["id"])
for call in (lambda: ours.by_id(77), lambda: reader.decode(bytes(5) + b"x"),
             lambda: ours.lookup("t", reader.schema.document)):
    try:
        print(call())
    except LablineError as error:
        print(error.code)
"""


def test_a_scorer_restarts_while_the_registry_is_away(tmp_path: Path, name: str) -> None:
    root, cache = tmp_path / ".labline", tmp_path / "known"
    first = apicurio.start(root)
    try:
        ours = SchemaRegistry(first.url, cache)
        number = ours.register(name, V1)
        assert ours.by_id(number) == V1
        os.kill(first.pid, signal.SIGKILL)
        value = Schema.parse(V1).encode(RECORDS[0], confluent_head(number)).hex()
        command = [sys.executable, "-c", AWAY, first.url, str(cache), str(number), value]
        started = time.monotonic()
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
        assert done.stdout.split() == [str(RECORDS[0]["id"]), *["LL-REGISTRY-AWAY"] * 3]
        assert time.monotonic() - started < 20
        with pytest.raises(LablineError) as raised:
            ours.by_id(number + 1)  # nor in the process that had it all along
        assert raised.value.code == "LL-REGISTRY-AWAY"

        second = apicurio.start(root)
        assert second.url == first.url
        assert ours.by_id(number + 1) is None
        assert ours.lookup(name, V1) == number
    finally:
        apicurio.stop(root)


def test_a_registry_that_never_answers_is_away_in_bounded_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry_connection, "TIMEOUT_S", 0.5)
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        started = time.monotonic()
        with pytest.raises(LablineError, match="LL-REGISTRY-AWAY"):
            SchemaRegistry(f"http://127.0.0.1:{deaf.getsockname()[1]}", tmp_path).by_id(1)
        assert 0.9 < time.monotonic() - started < 10


def test_what_is_no_registry_is_not_taken_for_one(registry: str, tmp_path: Path) -> None:
    """Its root answers, but an id unknown there says nothing about the record."""
    with pytest.raises(LablineError) as raised:
        SchemaRegistry(registry.removesuffix(apicurio.API), tmp_path).by_id(1)
    assert raised.value.code == "LL-REGISTRY-ANSWER"


def test_credentials_open_the_door_and_are_never_told(registry: str, tmp_path: Path) -> None:
    with proxy(registry) as locked:
        locked.lets_in = "Basic " + base64.b64encode(b"me:hush").decode()
        assert SchemaRegistry(locked.url, tmp_path, "me:hush").by_id(2**31 - 1) is None
        wrong = SchemaRegistry(locked.url, tmp_path, "me:whisper")
        with pytest.raises(LablineError) as raised:
            wrong.by_id(2**31 - 1)
        assert raised.value.code == "LL-REGISTRY-AUTH"
        with pytest.raises(LablineError, match="LL-REGISTRY-AUTH") as formless:
            SchemaRegistry(locked.url, tmp_path, "whisper")
        told = f"{raised.value} {formless.value} {wrong!r} {vars(wrong)}"
        assert "whisper" not in told
        assert locked.url in told


def test_without_the_extra_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "confluent_kafka.schema_registry", None)
    ours = SchemaRegistry("http://127.0.0.1:1", tmp_path)
    for call in (lambda: ours.by_id(1), lambda: ours.register("t", V1)):
        with pytest.raises(LablineError, match="LL-REGISTRY-EXTRA"):
            call()


def test_the_client_is_imported_when_it_is_needed() -> None:
    code = (
        "import sys, labline.engine.broker.registry.schema_registry\n"
        "import labline.engine.workspace.workspace\n"
        "print({'httpx2', 'confluent_kafka.schema_registry'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
