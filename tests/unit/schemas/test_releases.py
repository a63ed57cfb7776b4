"""Versions of a schema are only ever added."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from labline.engine.errors import LablineError
from labline.engine.workspace.releasing import check_schemas, release_drafts
from labline.engine.workspace.workspace import Workspace
from labline.schemas.releases import RELEASED_FILE, Subject, release

X = {"name": "x", "type": "int"}
Y = {"name": "y", "type": ["null", "string"], "default": None}


def write(folder: Path, version: int, *fields: dict[str, Any]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"v{version}.avsc"
    path.write_text(json.dumps({"type": "record", "name": "R", "fields": list(fields)}))
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "schemas" / "events"


@pytest.fixture
def space(tmp_path: Path, folder: Path) -> Workspace:
    (tmp_path / "labline.toml").write_text('name = "w"\n')
    (tmp_path / "topics").mkdir()
    (tmp_path / "topics" / "t.toml").write_text('name = "t"\nschema = "events"\nkey = "x"\n')
    write(folder, 1, X)
    return Workspace(tmp_path)


def test_a_draft_until_it_is_released(folder: Path) -> None:
    write(folder, 1, X)
    subject = Subject.load(folder)
    assert (subject.name, subject.latest.released, str(subject.latest)) == (
        "events", False, "events@1",
    )  # fmt: skip
    [done] = release(folder, "BACKWARD")
    assert done.released
    assert release(folder, "BACKWARD") == []
    write(folder, 2, X, Y)
    subject = Subject.load(folder)
    assert [each.released for each in subject.versions] == [True, False]
    assert [each.version for each in subject.drafts] == [2]
    assert [each.version for each in release(folder, "BACKWARD")] == [2]
    assert sorted(path.name for path in folder.iterdir()) == ["released.json", "v1.avsc", "v2.avsc"]


def test_a_released_version_never_changes(folder: Path) -> None:
    path = write(folder, 1, X)
    release(folder, "FULL")
    text = path.read_text()
    path.write_text(text + " ")
    with pytest.raises(LablineError, match=r"CHANGED: schemas/events/v1.avsc was changed"):
        Subject.load(folder)
    with pytest.raises(LablineError, match="LL-SCHEMA-CHANGED"):
        release(folder, "FULL")
    path.unlink()
    write(folder, 2, X)
    with pytest.raises(LablineError, match=r"LL-SCHEMA-CHANGED: schemas/events/v1.avsc is missing"):
        Subject.load(folder)
    path.write_text(text)
    assert len(Subject.load(folder).versions) == 2


def test_a_seal_cannot_be_taken_off(folder: Path) -> None:
    for version in (1, 2):
        write(folder, version, X)
    release(folder, "FULL")
    path = folder / RELEASED_FILE
    document = json.loads(path.read_text())
    del document["versions"]["1"]
    path.write_text(json.dumps(document))
    with pytest.raises(LablineError, match=r"v1.avsc lost its seal"):
        Subject.load(folder)


@pytest.mark.parametrize("text", ["{", "[]", '{"versions": {"0": "a"}}', '{"versions": {"1": 5}}'])
def test_a_broken_list_of_releases(folder: Path, text: str) -> None:
    write(folder, 1, X)
    (folder / RELEASED_FILE).write_text(text)
    with pytest.raises(LablineError, match=r"LL-FILE-\w+: schemas/events/released.json"):
        Subject.load(folder)


@pytest.mark.parametrize("names", [["v2.avsc"], ["v1.avsc", "v3.avsc"], ["v01.avsc"], ["x.avsc"]])
def test_versions_count_from_one(folder: Path, names: list[str]) -> None:
    first = write(folder, 1, X)
    text = first.read_text()
    first.unlink()
    for name in names:
        (folder / name).write_text(text)
    with pytest.raises(LablineError, match="LL-SCHEMA-LAYOUT"):
        Subject.load(folder)


def test_what_cannot_follow_is_not_released(folder: Path) -> None:
    write(folder, 1, X)
    write(folder, 2, {**X, "type": "string"})
    with pytest.raises(LablineError, match=r"INCOMPATIBLE: schemas/events/v2.avsc breaks"):
        release(folder, "BACKWARD")
    assert not (folder / RELEASED_FILE).exists()
    assert len(release(folder, "NONE")) == 2


def test_a_schema_that_is_none_is_named_by_its_file(folder: Path) -> None:
    path = write(folder, 1, X)
    for text in ("{", '{"type": "record", "name": "R", "fields": []}'):
        path.write_text(text)
        with pytest.raises(LablineError, match=r"LL-SCHEMA-\w+: schemas/events/v1.avsc"):
            Subject.load(folder)


def test_a_workspace_writes_with_what_is_released(space: Workspace, folder: Path) -> None:
    assert space.schema_of("t").field_names == ("x",)
    with pytest.raises(LablineError, match=r"LL-SCHEMA-DRAFT: schemas/events/v1.avsc"):
        space.released_schema_of("t")
    assert [str(done) for done in release_drafts(space)] == ["events@1"]
    assert space.released_schema_of("t").field_names == ("x",)
    assert release_drafts(space) == []
    write(folder, 2, X, Y)
    space.forget_schemas()
    assert space.schema_of("t").field_names == ("x", "y")
    assert len(space.schemas()) == 2
    with pytest.raises(LablineError, match=r"LL-SCHEMA-DRAFT: schemas/events/v2.avsc"):
        space.released_schema_of("t")


def test_nothing_is_released_when_one_may_not(space: Workspace, folder: Path) -> None:
    write(folder.parent / "later", 1, {**X, "default": "no int"} | {"type": ["string", "int"]})
    write(folder.parent / "wrong", 1, X)
    write(folder.parent / "wrong", 2, {**X, "name": "z"})
    with pytest.raises(LablineError, match=r"LL-SCHEMA-INCOMPATIBLE: schemas/wrong/v2.avsc"):
        release_drafts(space, ["events", "later", "wrong"])
    assert not list(folder.parent.rglob(RELEASED_FILE))
    [finding] = check_schemas(space)
    assert (finding.subject, finding.version) == ("wrong", 2)


def test_all_topics_of_a_subject_have_a_say(space: Workspace, folder: Path) -> None:
    write(folder, 2, X, {"name": "z", "type": "int"})
    assert [finding.version for finding in check_schemas(space)] == [2]
    path = space.root / "topics" / "t.toml"
    text = path.read_text()
    path.write_text(text + 'compatibility = "FORWARD"\n')
    assert check_schemas(space) == []
    other = text.replace('name = "t"', 'name = "o"') + 'compatibility = "BACKWARD"\n'
    (space.root / "topics" / "o.toml").write_text(other)
    [finding] = check_schemas(space)
    assert "breaks FULL" in finding.message


def test_a_flat_file_is_told_where_to_go(space: Workspace, folder: Path) -> None:
    (folder.parent / "old.avsc").write_text("{}")
    for ask in (space.schemas, lambda: space.schema_of("t"), lambda: release_drafts(space)):
        with pytest.raises(LablineError, match=r"LL-SCHEMA-LAYOUT: schemas/old.avsc") as caught:
            ask()
        assert "move it to schemas/old/v1.avsc" in caught.value.remedy


def test_a_topic_without_its_schema(space: Workspace, folder: Path) -> None:
    shutil.rmtree(folder)
    with pytest.raises(LablineError, match="LL-SCHEMA-MISSING: topic t names the schema events"):
        release_drafts(space)


def test_the_example_is_released() -> None:
    space = Workspace(Path(__file__).parents[3] / "examples/flights")
    assert check_schemas(space) == []
    assert all(release.released for subject in space.subjects() for release in subject.versions)
    assert space.released_schema_of("flights.departed") is space.schema_of("flights.departed")
