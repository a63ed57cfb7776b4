"""A second version of a schema that arrives while a line runs; a registry that goes away."""

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from labline.engine.broker.servers import apicurio
from labline.engine.workspace.releasing import release_drafts
from labline.schemas.avro import Schema
from labline.schemas.engine_schemas import engine_schema
from labline.schemas.framing import confluent_head
from tests.broker.factory import Factory
from tests.broker.history import EVENT, Sent, history, schemas
from tests.broker.process import until

RATE = 0.01


@pytest.fixture
def registry_root(tmp_path: Path) -> Iterator[Path]:
    """Give the folder of a registry that this test may stop."""
    root = tmp_path / "registry" / ".labline"
    apicurio.start(root)
    yield root
    apicurio.stop(root)


def departures() -> list[dict[str, Any]]:
    """Return some events that can be answered, each once."""
    found = {}
    for record in history(date(2013, 1, 1), date(2013, 1, 1)):
        datum = schemas()[0].decode(record.value) if record.kind == EVENT else None
        if isinstance(datum, dict) and datum["dep_delay"] is not None and record.key:
            found[datum["id"]] = datum
    return list(found.values())


def _first_version() -> Schema:
    return schemas()[0]


def add_version(factory: Factory) -> Schema:
    """Release a second version of the departures, with a gate; return it."""
    workspace = factory.workspace
    folder = workspace.schemas_dir / "flights.departed"
    document = json.loads((folder / "v1.avsc").read_text())
    document["fields"].append({"name": "gate", "type": ["null", "string"], "default": None})
    (folder / "v2.avsc").write_text(json.dumps(document))
    workspace.forget_schemas()
    (released,) = release_drafts(workspace)
    workspace.forget_schemas()
    return released.schema


def sent(schema: Schema, data: list[dict[str, Any]], head: bytes | None = None) -> list[Sent]:
    """Return events as a publisher of this version frames them."""
    more = {"gate": "B22"} if "gate" in schema.field_names else {}
    return [
        Sent(EVENT, datum["flight_key"].encode(), schema.encode({**datum, **more}, head))
        for datum in data
    ]


def answered(factory: Factory) -> dict[str, int]:
    """Return how many answers there are by id."""
    found: dict[str, int] = {}
    for records in factory.read(factory.topics().scores).values():
        for record in records:
            score = engine_schema("labline.Score").decode(record[3])
            assert isinstance(score, dict)
            found[score["id"]] = found.get(score["id"], 0) + 1
    return found


def letters(factory: Factory) -> list[str]:
    """Return the reasons of all dead letters."""
    return [
        dict(record[4] or ())["labline.error.reason"].decode()  # type: ignore[union-attr]
        for records in factory.read(factory.topics().dlq).values()
        for record in records
    ]


def test_an_unknown_version_is_a_dead_letter_until_a_revision_knows_it(
    broker: str, name: str, tmp_path: Path
) -> None:
    """Without a registry, what a line can read follows from its revision alone."""
    data = departures()
    old, early, late = data[:20], data[20:40], data[40:60]
    with Factory(broker, name, tmp_path) as factory:
        label = factory.register("Select('dep_delay') | StandardScaler() | LogisticRegression()")
        factory.promote(label=label)
        scorer = factory.scorer()
        factory.publish(sent(_first_version(), old))
        second = add_version(factory)
        factory.publish(sent(second, early))
        factory.catch_up(scorer)
        assert letters(factory) == ["unknown-schema"] * len(early)
        revision = factory.promote(label=label)
        until("the revision", lambda: f'"revision": {revision.offset}' in scorer.said())
        factory.publish(sent(second, late) + sent(_first_version(), early))
        factory.finish(scorer)
        assert answered(factory) == {datum["id"]: 1 for datum in data[:60]}
        assert len(letters(factory)) == len(early)


def test_versions_are_read_side_by_side_by_their_ids(
    broker: str, name: str, tmp_path: Path, registry_root: Path
) -> None:
    """The reader's schema is the revision's; a restart needs no registry for what it told once."""
    data = departures()
    url = apicurio.last_url(registry_root)
    with Factory(broker, name, tmp_path) as factory:
        settings = factory.workspace.root / "labline.toml"
        settings.write_text(f'{settings.read_text()}\nschema_registry = "{url}"\n')
        vars(factory.workspace).pop("settings", None)
        registry = factory.workspace.registry()
        assert registry is not None
        first = _first_version()
        ids = [registry.register(factory.events, first.document)]
        factory.promote()
        scorer = factory.scorer()
        second = add_version(factory)
        ids.append(registry.register(factory.events, second.document))
        old, new = confluent_head(ids[0]), confluent_head(ids[1])
        for turn in range(0, 40, 10):
            factory.publish(sent(first, data[turn : turn + 5], old))
            factory.publish(sent(second, data[turn + 5 : turn + 10], new))
        factory.finish(scorer)
        assert answered(factory) == {datum["id"]: 1 for datum in data[:40]}

        third = {**second.document, "doc": "of which only the registry knows"}
        third["fields"] = [*third["fields"], {"name": "seat", "type": "int", "default": 0}]
        unseen = Schema.parse(third)
        head = confluent_head(registry.register(factory.events, third))
        apicurio.stop(registry_root)
        scorer = factory.scorer()  # what it was told lies on disk
        factory.publish(sent(second, data[40:50], new))
        factory.catch_up(scorer)
        known = {datum["id"]: 1 for datum in data[:50]}
        assert answered(factory) == known
        seated = [{**datum, "seat": 3} for datum in data[50:60]]
        factory.publish(sent(unseen, seated, head))
        until("it waits for the registry", lambda: "recovering" in scorer.said())
        assert answered(factory) == known
        assert letters(factory) == []
        apicurio.start(registry_root)
        factory.finish(scorer)
        assert answered(factory) == {datum["id"]: 1 for datum in data[:60]}
        assert letters(factory) == []
