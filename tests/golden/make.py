"""Make one small sample of each format that outlives a process. Run once a format version.

A sample is never made again, only one that is missing: what was written once has to be read for
good. The signing key is generated here and thrown away, so nobody can sign another sample with it.
"""

import hashlib
import json
from base64 import b64encode
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from labline.engine.core.dead_letter import Origin, dead_letter
from labline.engine.core.journal import CARRIED, MOVED, REBUILT, Entry, digest, encode_entry
from labline.engine.core.record import Headers, Record
from labline.engine.core.score_encoders import (
    Place,
    answer_encoder,
    class_answer_encoder,
    class_shadow_encoder,
    shadow_encoder,
    subject,
)
from labline.engine.core.snapshot import Header, seal
from labline.engine.core.state_digest import state_digest
from labline.engine.models.control.control import ModelRef, promotion
from labline.engine.models.control.registry import Registry
from labline.engine.models.control.signing import Signer
from labline.engine.models.estimators import BaseRate
from labline.engine.models.state.unpickle import dump
from labline.lab_replay.recordings.recording_format import (
    Manifest,
    partition_path,
    write_manifest,
    write_partition,
)
from labline.schemas.engine_schemas import engine_schema
from labline.schemas.rejection import Rejection
from labline.schemas.varint import varint

VERSION = 1
FOLDER = Path(__file__).parent / f"v{VERSION}"
EVENT = {"id": "UA1545-é", "event_time_ms": 1_357_034_400_000}
PLACE = {"topic": "flights.departed", "partition": 3, "offset": 12_345, "revision": 2}
RECIPE = "Select('dep_delay') | StandardScaler() | LogisticRegression()"
LINEAGE = {"experiment": "first", "recording": "ab" * 32, "metrics": {"LogLoss": 0.25, "F1": None}}
RECORDS: list[Record] = [
    (4, 1_357_034_400_000, b"UA1545", b"\xc3\x01\x00", [("trace", b"00"), ("empty", None)]),
    (6, 1_357_034_400_001, None, None, None),
    (7, 1_357_034_400_001, b"", b"", []),
]
DECLARATION: dict[str, Any] = {
    "line": {
        "name": "delays",
        "events": "flights.departed",
        "labels": "flights.arrived",
        "id": "id",
        "refers_to": "flight",
        "label": "late",
        "features": {"numeric": ["dep_delay"]},
        "limits": {"batch_max": 100},
    },
    "event_schema": {
        "type": "record",
        "name": "Departed",
        "fields": [
            {"name": "id", "type": "string"},
            {"name": "at", "type": "long", "event_time": True},
            {"name": "dep_delay", "type": ["null", "double"], "minimum": -90},
        ],
    },
    "label_schema": {
        "type": "record",
        "name": "Arrived",
        "fields": [
            {"name": "flight", "type": "string"},
            {"name": "at", "type": "long", "event_time": True},
            {"name": "late", "type": "boolean"},
        ],
    },
}


def shown(value: Any) -> Any:
    """Return what JSON has no form of as text: bytes as hex."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict):
        return {name: shown(part) for name, part in value.items()}
    return [shown(part) for part in value] if isinstance(value, list | tuple) else value


def shown_letter(key: bytes | None, value: bytes | None, headers: Headers) -> dict[str, Any]:
    """Return a record's parts as the dead letter's sample holds them."""
    return {"key": shown(key), "value": shown(value), "headers": shown(headers)}


def save(name: str, sample: bytes | None, expected: Any) -> None:
    """Write a sample, and beside it what has to be read from it."""
    if sample is not None:
        (FOLDER / f"{name}.bin").write_bytes(sample)
    text = json.dumps(shown(expected), indent=1, ensure_ascii=False, allow_nan=False)
    (FOLDER / f"{name}.json").write_text(f"{text}\n", encoding="utf-8")


def make_scores() -> None:
    """Make a score and a shadow record."""
    place = Place(PLACE["topic"], PLACE["partition"], PLACE["revision"])  # type: ignore[arg-type]
    about = subject(EVENT["id"], EVENT["event_time_ms"])  # type: ignore[arg-type]
    offset = varint(PLACE["offset"])  # type: ignore[arg-type]
    answer = answer_encoder("champion", "delays-logistic@2", place)(about, offset, 0.625, True)
    reserved = dict.fromkeys(("propensity", "interval_low", "interval_high"))
    told = {"answer": True, "probability": 0.625, "value": None}
    by = {"slot": "champion", "model": "delays-logistic@2"}
    save("score", answer, {**EVENT, **told, **by, **PLACE, **reserved})
    slots = [("challenger", "delays-tree@1"), ("baseline", "base-rate")]
    shadow = shadow_encoder(slots, place)(about, offset, [0.1, None])
    scores = [
        {"slot": slot, "model": model, "probability": probability, "value": None}
        for (slot, model), probability in zip(slots, (0.1, None), strict=True)
    ]
    save("shadow", shadow, {**EVENT, **PLACE, "scores": scores})


def make_class_scores() -> None:
    """Make a score and a shadow record of a multiclass line, and a value and its shadow."""
    place = Place(PLACE["topic"], PLACE["partition"], PLACE["revision"])  # type: ignore[arg-type]
    about = subject(EVENT["id"], EVENT["event_time_ms"])  # type: ignore[arg-type]
    offset = varint(PLACE["offset"])  # type: ignore[arg-type]
    slot, others, classes = ("champion", "m@2"), [("challenger", "n@1"), ("baseline", "b")], "abc"
    told = {**EVENT, "answer": True, "slot": slot[0], "model": slot[1], **PLACE}
    told |= dict.fromkeys(("propensity", "interval_low", "interval_high"))
    best = {"probability": 0.5, "value": None, "label": "b", "probabilities": [0.25, 0.5, 0.25]}
    nothing = {"probability": None, "value": None, "label": None, "probabilities": []}
    vector = (0.25, 0.5, 0.25)
    answer = class_answer_encoder(*slot, place, classes)(about, offset, vector, True)
    save("class_score", answer, {**told, **best})
    shadow = class_shadow_encoder(others, place, classes)(about, offset, [vector, None])
    names = [{"slot": who, "model": model} for who, model in others]
    scores = [{**names[0], **best}, {**names[1], **nothing}]
    save("class_shadow", shadow, {**EVENT, **PLACE, "scores": scores})
    answer = answer_encoder(*slot, place, probable=False)(about, offset, -12.5, True)
    save("value_score", answer, {**told, "probability": None, "value": -12.5})
    shadow = shadow_encoder(others, place, probable=False)(about, offset, [-12.5, None])
    scores = [
        {**who, "probability": None, "value": value}
        for who, value in zip(names, (-12.5, None), strict=True)
    ]
    save("value_shadow", shadow, {**EVENT, **PLACE, "scores": scores})


def make_journal_and_vitals() -> None:
    """Make what one transaction writes beside its emissions."""
    digest = hashlib.sha256(b"emissions").digest()
    order = ((0, 31), (1, 1), (0, 40), (2, 1))
    entry = Entry(9, 2, "0123456789abcdef", (100, 7, -1), (171, 8, -1), order, digest)
    save("journal", encode_entry(entry), entry._asdict())
    vitals = {
        "partition": 3, "sequence": 9, "events": 72, "answers": 70, "dead_letters": 2, "labels": 1,
        "outcomes": {"learned": 1, "expired": 5},
    }  # fmt: skip
    save("vitals", engine_schema("labline.Vitals").encode(vitals), vitals)


def make_switches() -> None:
    """Make the journal entries of changes that no input explains."""
    begin, end = (171, 8, -1), (160, 9, -1)
    for kind, after in ((CARRIED, begin), (REBUILT, begin), (MOVED, end)):
        entry = Entry(10, 2, "fedcba9876543210", begin, after, (), digest(()), kind)
        save(f"journal_{kind}", encode_entry(entry), entry._asdict())


SNAPSHOT_KEY = bytes(range(32))  # of this sample alone


def make_snapshot() -> None:
    """Make a task's snapshot: answered events that wait, ids and keys remembered, a model."""
    now = 1_357_034_400_000
    pending = [("UA1545-é", (now - 9, {"dep_delay": -3.0})), ("AA1", (now, {}))]
    remembered = [
        ("B6725", (now - 8, None, None)),
        ("DL461", (now - 7, True, None)),
        ("UA1696", (now - 6, False, {"dep_delay": 2.5})),
    ]
    model = BaseRate()
    model.learn_one({}, True)
    state = {
        "next_offsets": [171, 8, 0],
        "high": [now, now - 1, -(1 << 62)],
        "stream_time_ms": now,
        "join": {"pending": pending, "remembered": remembered},
        "history": {"id": {"fields": ["dep_delay"], "keys": [("AA1", (3, (1.5,)))]}},
        "slots": [("champion", "delays-logistic@1", RECIPE, model)],
    }
    header = Header(
        line="delays", partition=3, sequence=10, journal_offset=21, entry_digest="ab" * 32,
        next_offsets=[171, 8, 0], revision=2, environment="0123456789abcdef",
        state_digest=state_digest(state), written_ms=now + 5,
    )  # fmt: skip
    *slot, _ = state["slots"][0]  # type: ignore[misc]
    told = {**state, "slots": [[*slot, vars(model)]]}
    sample = seal(header, dump(state), SNAPSHOT_KEY)
    save("snapshot_2", sample, {"header": header.model_dump(mode="json"), "state": told})


def make_dead_letter() -> None:
    """Make the second attempt's letter: key, value and headers, and what they are made from."""
    kept: list[tuple[str, bytes | None]] = [("trace", b"00"), ("empty", None)]
    headers: Headers = [kept[0], ("labline.error.attempt", b"1"), kept[1]]
    record: Record = (12_345, 1_357_034_400_000, b"UA1545", b"\xff{", headers)
    why = Rejection("decode", "unknown-framing", "the value is not framed as Avro")
    origin = Origin("flights.departed", 3, "delays", "delays-logistic@2", "Departed")
    letter = shown_letter(*dead_letter(record, why, origin)[1:])
    (FOLDER / "dead_letter_sample.json").write_text(json.dumps(letter, indent=1) + "\n")
    said = {
        **why._asdict(), **origin._asdict(), "offset": 12_345, "timestamp_ms": 1_357_034_400_000,
        "attempt": 2, "key": b"UA1545", "value": b"\xff{", "kept": kept,
    }  # fmt: skip
    save("dead_letter", None, said)


def make_recording() -> None:
    """Make a recording of one partition with a gap."""
    folder, topic = FOLDER / "recording", "flights.departed"
    file = write_partition(partition_path(folder, topic, 2), [RECORDS], start=4, end=9)
    manifest = Manifest.of("cluster-1", {topic: {2: file}})
    write_manifest(folder, manifest)
    told = {"cluster": "cluster-1", "start": 4, "end": 9, "digest": manifest.digest}
    save("recording", None, {**told, "records": {topic: {"2": RECORDS}}})


def make_signed() -> None:
    """Make a model version and the control record that puts it in force."""
    key = Ed25519PrivateKey.generate()
    signer = Signer(key)
    public = b64encode(key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))
    (FOLDER / "keys").mkdir()
    (FOLDER / "keys" / "sample.pub").write_bytes(public + b"\n")
    registry = Registry(FOLDER / "models", signer.public_keys())
    model = registry.register("delays-logistic", RECIPE, LINEAGE, signer)
    save("model", None, {"reference": model._asdict(), "lineage": LINEAGE})
    record = promotion(
        previous=-1,
        line="delays",
        slot="champion",
        model=ModelRef(*model),
        declaration=DECLARATION,
        signer=signer,
    )
    slots = {"champion": model._asdict()}
    save("control", record, {"line": "delays", "declaration": DECLARATION, "slots": slots})


SAMPLES = {
    "score": make_scores,
    "journal": make_journal_and_vitals,
    "journal_moved": make_switches,
    "snapshot_2": make_snapshot,
    "dead_letter": make_dead_letter,
    "recording": make_recording,
    "control": make_signed,
    "class_score": make_class_scores,
}


def main() -> None:
    """Make the samples of this version that are missing."""
    FOLDER.mkdir(exist_ok=True)
    for name, make in SAMPLES.items():
        if not (FOLDER / f"{name}.json").exists():
            make()


if __name__ == "__main__":
    main()
