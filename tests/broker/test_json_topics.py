"""Topics whose values are plain JSON: published, read, scored, recorded, replayed, redacted."""

import json
from contextlib import ExitStack
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from labline.engine.core.record import Record
from labline.engine.publish.publisher import Publisher
from labline.lab_replay.parity.parity import EQUAL, parity
from labline.lab_replay.recordings.recording import Recording
from labline.schemas.engine_schemas import engine_schema
from labline.schemas.rejection import Rejection
from tests.broker.factory import Factory
from tests.broker.history import EVENT, LABEL, Sent, history, schemas
from tests.broker.shop import NOON_MS, Shop

pytestmark = pytest.mark.broker

DAY = date(2013, 1, 1)
BROKEN = (b'{"id": 1}', b"not JSON", b"[]")


def declare_json(root: Path) -> None:
    """Let every topic of a workspace be JSON."""
    for path in (root / "topics").glob("*.toml"):
        text = path.read_text().replace('format = "avro"\n', "")
        path.write_text(f'format = "json"\n{text}')


def data() -> list[tuple[str, dict[str, Any]]]:
    """Return what a day brings that is right: kind and datum, in order."""
    readers = dict(zip((EVENT, LABEL), schemas(), strict=True))
    found = [
        (record.kind, readers[record.kind].decode(record.value)) for record in history(DAY, DAY)
    ]
    return [(kind, datum) for kind, datum in found if not isinstance(datum, Rejection)]


def scores(factory: Factory) -> list[dict[str, Any]]:
    """Return all answers of a line, in order, without what is the line's own name for things."""
    schema = engine_schema("labline.Score")
    records = factory.read(factory.topics().scores)
    found = [schema.decode(record[3]) for part in sorted(records) for record in records[part]]
    own = ("revision", "topic")
    return [{n: v for n, v in score.items() if n not in own} for score in found if score]


def answers(bootstrap: str, name: str, root: Path, form: str) -> list[dict[str, Any]]:
    """Publish a day to a line whose topics are in a format; return its answers."""
    root.mkdir()
    with Factory(bootstrap, name, root) as factory:
        if form == "json":
            declare_json(factory.workspace.root)
        space = factory.workspace
        topics = {
            kind: space.topics()[t]
            for kind, t in zip((EVENT, LABEL), (factory.events, factory.labels), strict=True)
        }
        with ExitStack() as stack:
            publishers = {
                kind: stack.enter_context(Publisher(bootstrap, topic, space.schema_of(topic)))
                for kind, topic in topics.items()
            }
            for kind, datum in data():
                publishers[kind].send(datum)
        if form == "json":
            factory.publish([Sent(EVENT, b"k", value) for value in BROKEN])
        revision = factory.promote()
        assert revision.declaration["event_schema"].get("value_format", "avro") == form
        factory.finish(factory.scorer())
        letters = factory.read(factory.topics().dlq)
        errors = [dict(letter[4] or ()) for each in letters.values() for letter in each]
        undecoded = [
            error["labline.error.reason"]
            for error in errors
            if error["labline.error.stage"] == b"decode"
        ]
        wrong = [b"mistyped", b"not-an-object", b"not-json"] if form == "json" else []
        assert sorted(undecoded) == wrong  # type: ignore[type-var]  # headers may be null
        assert parity(bootstrap, name, factory.control()).verdict == EQUAL
        return scores(factory)


def test_a_line_answers_as_on_avro(broker: str, name: str, tmp_path: Path) -> None:
    avro = answers(broker, f"{name}-avro", tmp_path / "avro", "avro")
    as_json = answers(broker, f"{name}-json", tmp_path / "json", "json")
    assert len(as_json) > 500
    assert as_json == avro


def test_the_commands_on_json(broker: str, name: str, tmp_path: Path) -> None:
    shop = Shop(broker, name, tmp_path)
    declare_json(shop.root)
    shop.create_topics()
    shop.run("schemas", "register")
    paid, disputed = tmp_path / "paid.jsonl", tmp_path / "disputed.jsonl"
    events, labels = [], []
    for n in range(200):
        event = {"id": f"p{n}", "event_time": NOON_MS + n * 1_000, "shop": f"s{n % 7}"}
        events.append({**event, "amount": n * 37 % 101})
        labels.append({**event, "fraud": n * 37 % 101 > 60})
    paid.write_text("".join(json.dumps(event) + "\n" for event in events))
    disputed.write_text("".join(json.dumps(label) + "\n" for label in labels))
    shop.run("publish", shop.events, str(paid))
    shop.run("publish", shop.labels, str(disputed))

    read = [
        json.loads(line) for line in shop.run("read", shop.events, "--json").stdout.splitlines()
    ]
    assert {record["form"] for record in read} == {"json"}
    assert sorted(r["value"]["amount"] for r in read) == sorted(e["amount"] for e in events)

    out, redacted = str(tmp_path / "whole"), str(tmp_path / "redacted")
    shop.run("record", shop.events, shop.labels, "--out", out)
    by_file = str(tmp_path / "from-file")
    shop.run("record", shop.events, "--file", str(paid), "--out", by_file)
    values = sorted(r[3] for p in range(2) for r in _records(out, shop.events, p))
    assert values == sorted(r[3] for p in range(2) for r in _records(by_file, shop.events, p))
    result, _ = shop.replay(out)
    assert result["counts"]["events"] == result["counts"]["labelled"] == 200
    assert not any(result["counts"]["dead_letters"].values())

    shop.run("record", shop.events, shop.labels, "--out", redacted, "--redact", "amount")
    left = [json.loads(r[3] or b"") for p in range(2) for r in _records(redacted, shop.events, p)]
    assert {record["amount"] for record in left} == {0.0}
    assert {record["id"] for record in left} == {event["id"] for event in events}


def _records(recording: str, topic: str, partition: int) -> list[Record]:
    return [r for batch in Recording.open(recording).records(topic, partition) for r in batch]
