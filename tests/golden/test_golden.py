"""Today's code reads what version 1 wrote, to exactly what was written."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from labline.engine.core.dead_letter import Origin, dead_letter
from labline.engine.core.journal import TAKEN, Entry, decode_entry, encode_entry
from labline.engine.core.record import Headers
from labline.engine.core.snapshot import FORMAT, Sealed, seal, unseal
from labline.engine.core.state_digest import state_digest
from labline.engine.core.task import Task
from labline.engine.models.control.configuration import spec_of
from labline.engine.models.control.control import Control
from labline.engine.models.control.registry import Registry
from labline.engine.models.control.signing import load_public_keys
from labline.engine.models.estimators import BaseRate
from labline.engine.models.learning.snapshots import revived
from labline.engine.models.state.globals import FORMAT_1
from labline.engine.models.state.unpickle import load
from labline.engine.ops.dead_letters import parse_letter
from labline.lab_replay.recordings.recording import Recording
from labline.schemas.engine_schemas import engine_schema
from labline.schemas.rejection import Rejection

V1 = Path(__file__).parent / "v1"
KEYS = load_public_keys(V1 / "keys")
SNAPSHOT_KEY = bytes(range(32))


def sample(name: str) -> bytes:
    return (V1 / f"{name}.bin").read_bytes()


def expected(name: str) -> Any:
    return json.loads((V1 / f"{name}.json").read_text("utf-8"))


def raw(text: str | None) -> bytes | None:
    return None if text is None else bytes.fromhex(text)


def raw_headers(shown: list[list[Any]] | None) -> Headers:
    return None if shown is None else [(name, raw(value)) for name, value in shown]


@pytest.mark.parametrize(
    ("name", "kind"),
    [("score", "Score"), ("shadow", "Shadow"), ("value_score", "Score"),
     ("value_shadow", "Shadow"), ("class_score", "ClassScore"), ("class_shadow", "ClassShadow"),
     ("vitals", "Vitals")],
)  # fmt: skip
def test_avro_values(name: str, kind: str) -> None:
    schema = engine_schema(f"labline.{kind}")
    found = schema.decode(sample(name))
    assert found == expected(name)
    assert schema.encode(expected(name)) == sample(name)


@pytest.mark.parametrize("name", ["journal", "journal_carried", "journal_rebuilt", "journal_moved"])
def test_journal_entry(name: str) -> None:
    told = expected(name)
    entry = Entry(
        told["sequence"],
        told["revision"],
        told["environment"],
        tuple(told["first_offsets"]),
        tuple(told["next_offsets"]),
        tuple((which, count) for which, count in told["order"]),
        bytes.fromhex(told["digest"]),
        told.get("kind", TAKEN),
    )
    assert decode_entry(sample(name)) == entry
    assert encode_entry(entry) == sample(name)


@pytest.mark.parametrize(("name", "number"), [("snapshot", 1), ("snapshot_2", FORMAT)])
def test_snapshot(name: str, number: int) -> None:
    told = expected(name)
    sealed = unseal(sample(name), SNAPSHOT_KEY)
    assert isinstance(sealed, Sealed)
    assert sealed.format == number
    names = FORMAT_1 if number == 1 else {}
    assert sealed.header.model_dump(mode="json") == told["header"]
    state = load(sealed.state)
    *_, model = state["slots"][0]
    assert type(model) is BaseRate
    plain = {**state, "slots": [[*state["slots"][0][:-1], vars(model)]]}
    assert json.loads(json.dumps(plain)) == told["state"]
    assert state_digest(state, names) == told["header"]["state_digest"]
    control = Control()
    control.apply([(5, 0, b"delays", sample("control"), None)], KEYS)
    task = revived(sealed, spec_of(control.lines["delays"]))
    assert isinstance(task, Task), task
    assert state_digest(task.state(), names) == told["header"]["state_digest"]
    assert (seal(sealed.header, sealed.state, SNAPSHOT_KEY) == sample(name)) == (number == FORMAT)


def test_dead_letter() -> None:
    told, letter = expected("dead_letter"), expected("dead_letter_sample")
    key, value, headers = raw(letter["key"]), raw(letter["value"]), raw_headers(letter["headers"])
    read = parse_letter(3, (0, 0, key, value, headers))
    assert (read.key, read.value) == (raw(told["key"]), raw(told["value"]))
    assert (read.stage, read.reason, read.message) == (
        told["stage"],
        told["reason"],
        told["message"],
    )
    assert (read.topic, read.source_partition, read.source_offset) == (
        told["topic"],
        told["partition"],
        told["offset"],
    )
    assert (read.model, read.schema, read.attempt) == (told["model"], told["schema"], 2)
    # and it is still what is written for the same record: the third attempt differs in that only
    why = Rejection(told["stage"], told["reason"], told["message"])
    origin = Origin(*(told[name] for name in Origin._fields))
    _, *again = dead_letter(
        (told["offset"], told["timestamp_ms"], key, value, headers), why, origin
    )
    assert again[:2] == [key, value]
    third = [(n, b"3" if n == "labline.error.attempt" else v) for n, v in headers or ()]
    assert again[2] == third
    kept = [(name, v) for name, v in headers or () if not name.startswith("labline.")]
    assert kept == raw_headers(told["kept"])
    assert dict(headers or ())["labline.timestamp_ms"] == str(told["timestamp_ms"]).encode()


def test_recording() -> None:
    told = expected("recording")
    recording = Recording.open(V1 / "recording")
    assert recording.digest == told["digest"]
    assert recording.manifest.cluster == told["cluster"]
    assert recording.topics == tuple(told["records"])
    for topic, partitions in told["records"].items():
        assert recording.partitions(topic) == tuple(int(p) for p in partitions)
        for partition, rows in partitions.items():
            file = recording.manifest.topics[topic][int(partition)]
            assert (file.start, file.end, file.records) == (told["start"], told["end"], len(rows))
            records = [r for batch in recording.records(topic, int(partition)) for r in batch]
            assert records == [
                (offset, timestamp_ms, raw(key), raw(value), raw_headers(headers))
                for offset, timestamp_ms, key, value, headers in rows
            ]


def test_model_manifest() -> None:
    told = expected("model")
    reference = told["reference"]
    label = f"{reference['name']}@{reference['version']}"
    registry = Registry(V1 / "models", KEYS)
    assert registry.get(label)._asdict() == reference
    assert registry.manifest(label) == {
        "format": 1,
        "name": reference["name"],
        "version": reference["version"],
        "recipe": reference["recipe"],
        "state": None,
        "lineage": told["lineage"],
    }


def test_control_record() -> None:
    told = expected("control")
    control = Control()
    control.apply([(5, 0, b"delays", sample("control"), None)], KEYS)
    assert control.void == []
    assert control.revision == 5
    revision = control.lines[told["line"]]
    slots = {name: model._asdict() for name, model in revision.slots.items()}
    declared = {**told["declaration"], "writers": []}  # this record is older than those
    assert asdict(revision)["declaration"] == declared
    assert (revision.offset, revision.line, slots) == (5, told["line"], told["slots"])
    spec = spec_of(revision)
    assert (spec.line.name, spec.champion.model) == ("delays", "delays-logistic@1")
    assert spec.line.limits.batch_max == told["declaration"]["line"]["limits"]["batch_max"]
