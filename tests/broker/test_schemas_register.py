"""`labline schemas register` and `check` with a real registry."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from labline.engine.broker.registry.schema_registry import SchemaRegistry
from labline.engine.cli.main import app
from labline.engine.errors import LablineError
from labline.engine.workspace.workspace import REGISTRY_VARIABLE, Workspace

X = {"name": "x", "type": "int"}
Y = {"name": "y", "type": ["null", "string"], "default": None}


def labline(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments), env={"COLUMNS": "200"})


def write(root: Path, version: int, *fields: dict[str, Any]) -> dict[str, Any]:
    document = {"type": "record", "name": "R", "fields": list(fields)}
    (root / f"schemas/readings/v{version}.avsc").write_text(json.dumps(document))
    return document


@pytest.fixture
def root(tmp_path: Path, registry: str, name: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(REGISTRY_VARIABLE, registry)
    (tmp_path / "labline.toml").write_text('name = "w"\n')
    (tmp_path / "schemas/readings").mkdir(parents=True)
    (tmp_path / "topics").mkdir()
    for topic in (f"{name}.indoors", f"{name}.outdoors"):
        text = f'name = "{topic}"\nschema = "readings"\nkey = "x"\n'
        (tmp_path / f"topics/{topic}.toml").write_text(text)
    return tmp_path


def test_every_version_under_every_topic(root: Path, name: str) -> None:
    topics = (f"{name}.indoors", f"{name}.outdoors")
    documents = [write(root, 1, X), write(root, 2, X, Y)]
    done = labline("schemas", "register", "-w", str(root))
    assert done.exit_code == 0, done.exception
    client = Workspace(root).registry()
    assert client is not None
    said = done.stdout.splitlines()
    assert said[:2] == ["released readings@1", "released readings@2"]
    assert said[2:] == [
        f"registered readings@{number} for {topic}: id {client.lookup(topic, document)}"
        for topic in topics
        for number, document in enumerate(documents, start=1)
    ]
    assert labline("schemas", "register", "-w", str(root)).stdout.splitlines() == said[2:]
    assert labline("schemas", "check", "-w", str(root)).exit_code == 0


def test_topics_whose_values_name_no_schema_are_left_out(root: Path, name: str) -> None:
    topic = root / f"topics/{name}.indoors.toml"
    topic.write_text(f'{topic.read_text()}format = "json"\n')
    write(root, 1, X)
    done = labline("schemas", "register", "-w", str(root))
    assert done.exit_code == 0, done.exception
    (registered,) = done.stdout.splitlines()[1:]
    assert f"for {name}.outdoors: id " in registered
    assert labline("schemas", "check", "-w", str(root)).exit_code == 0
    where = ("-w", str(root), "--bootstrap", "127.0.0.1:1")
    refused = labline("publish", f"{name}.indoors", "--register", *where)
    assert isinstance(refused.exception, LablineError)
    assert refused.exception.code == "LL-TOPIC-FORMAT"


def test_both_sides_refuse(root: Path, name: str, registry: str) -> None:
    """The registry knows a version that the workspace does not: each has its say."""
    write(root, 1, X)
    assert labline("schemas", "register", "-w", str(root)).exit_code == 0
    elsewhere = SchemaRegistry(registry, root / "elsewhere")
    other = {"type": "record", "name": "R", "fields": [X, {**Y, "type": ["null", "long"]}]}
    elsewhere.register(f"{name}.outdoors", other)
    write(root, 2, X, Y)
    found = labline("schemas", "check", "-w", str(root))
    assert found.exit_code == 1
    assert f"the registry refuses readings@2 for {name}.outdoors" in found.stdout
    assert "indoors" not in found.stdout
    with pytest.raises(LablineError, match="LL-SCHEMA-INCOMPATIBLE"):
        elsewhere.register(f"{name}.outdoors", write(root, 2, X, {"name": "z", "type": "int"}))
    assert "z has no default" in labline("schemas", "check", "-w", str(root)).stdout
