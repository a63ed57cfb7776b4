"""A workspace's files as models, and how they fit together."""

import json
import shutil
from pathlib import Path

import pytest

from labline.engine.core.line import Line
from labline.engine.errors import LablineError
from labline.engine.workspace.check import check_line, check_workspace
from labline.engine.workspace.workspace import BOOTSTRAP_VARIABLE, Workspace, bootstrap_anywhere

EVENT = {
    "type": "record",
    "name": "Departed",
    "fields": [
        {"name": "id", "type": "string"},
        {"name": "flight", "type": "string"},
        {"name": "at_ms", "type": "long", "event_time": True},
        {"name": "delay", "type": ["null", "double"]},
        {"name": "carrier", "type": {"type": "enum", "name": "Carrier", "symbols": ["UA", "AA"]}},
    ],
}
LABEL = {
    "type": "record",
    "name": "Arrived",
    "fields": [
        {"name": "id", "type": "string"},
        {"name": "flight", "type": "string"},
        {"name": "at_ms", "type": "long", "event_time": True},
        {"name": "late", "type": "boolean"},
    ],
}
LINE = """
name = "delay"
events = "departed"
labels = "arrived"
id = "id"
refers_to = "id"
label = "late"
[features]
numeric = ["delay"]
categorical = ["carrier"]
"""


def write_topic(
    root: Path, name: str, schema: str, key: str = "flight", partitions: int = 4
) -> None:
    text = f'name = "{name}"\nschema = "{schema}"\nkey = "{key}"\npartitions = {partitions}\n'
    (root / "topics" / f"{name}.toml").write_text(text)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv(BOOTSTRAP_VARIABLE, raising=False)
    for folder in ("schemas", "topics", "lines", "experiments"):
        (tmp_path / folder).mkdir()
    (tmp_path / "labline.toml").write_text('name = "flights"\n')
    for document in (EVENT, LABEL):
        folder = tmp_path / "schemas" / str(document["name"])
        folder.mkdir()
        (folder / "v1.avsc").write_text(json.dumps(document))
    (tmp_path / "lines" / "delay.toml").write_text(LINE)
    (tmp_path / "experiments" / "first.yaml").write_text("name: first\n")
    write_topic(tmp_path, "departed", "Departed")
    write_topic(tmp_path, "arrived", "Arrived")
    return tmp_path


def test_found_from_a_folder_within(root: Path) -> None:
    found = Workspace.find(root / "lines")
    assert found.root == root.resolve()
    assert found.settings.name == "flights"
    assert found.state_dir == root.resolve() / ".labline"


def test_no_workspace(tmp_path: Path) -> None:
    with pytest.raises(LablineError, match="LL-WORKSPACE-MISSING"):
        Workspace.find(tmp_path)


def test_everything_is_read(root: Path) -> None:
    workspace = Workspace(root)
    assert sorted(workspace.topics()) == ["arrived", "departed"]
    assert list(workspace.lines()) == ["delay"]
    assert workspace.line("delay").events == "departed"
    assert workspace.schema_of("departed").event_time == "at_ms"
    assert workspace.experiment_path("first").name == "first.yaml"
    assert len(workspace.schemas()) == 2
    assert check_workspace(workspace) == []


def test_unknown_names_are_met_with_the_nearest(root: Path) -> None:
    workspace = Workspace(root)
    for ask, code, near in (
        (lambda: workspace.line("delya"), "LL-LINE-UNKNOWN", "delay"),
        (lambda: workspace.experiment_path("fisrt"), "LL-EXPERIMENT-UNKNOWN", "first"),
        (lambda: workspace.schema_of("departd"), "LL-TOPIC-UNKNOWN", "departed"),
    ):
        with pytest.raises(LablineError) as caught:
            ask()
        assert caught.value.code == code
        assert near in caught.value.remedy


def test_two_files_may_not_declare_one_line(root: Path) -> None:
    (root / "lines" / "other.toml").write_text(LINE)
    with pytest.raises(LablineError, match="LL-FILE-TWICE"):
        Workspace(root).lines()


def test_a_broken_settings_file(root: Path) -> None:
    for text in ("name = ", 'name = "x"\nbootstrp = "h:1"', "", 'name = "x"\nbootstrap = 1'):
        (root / "labline.toml").write_text(text)
        with pytest.raises(LablineError, match=r"labline\.toml"):
            _ = Workspace(root).settings


def test_the_broker_by_precedence(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(LablineError, match="LL-BROKER-UNKNOWN"):
        Workspace(root).bootstrap()
    (root / "labline.toml").write_text('name = "flights"\nbootstrap = "file:1"\n')
    assert Workspace(root).bootstrap() == "file:1"
    assert bootstrap_anywhere(None, root) == "file:1"
    monkeypatch.setenv(BOOTSTRAP_VARIABLE, "variable:1")
    assert Workspace(root).bootstrap() == "variable:1"
    assert Workspace(root).bootstrap("option:1") == "option:1"


def test_no_workspace_is_needed_to_name_a_broker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(BOOTSTRAP_VARIABLE, raising=False)
    assert bootstrap_anywhere("option:1", tmp_path) == "option:1"
    with pytest.raises(LablineError, match="LL-BROKER-UNKNOWN"):
        bootstrap_anywhere(None, tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ('events = "departed"', 'events = "departd"', "LL-TOPIC-UNKNOWN"),
        ('id = "id"\nrefers', 'id = "ident"\nrefers', "LL-LINE-FIELD"),
        ('refers_to = "id"', 'refers_to = "at_ms"', "LL-LINE-FIELD"),
        ('label = "late"', 'label = "id"', "LL-LINE-FIELD"),
        ('numeric = ["delay"]', 'numeric = ["flight"]', "LL-LINE-FIELD"),
        ('categorical = ["carrier"]', 'categorical = ["delay2"]', "LL-LINE-FIELD"),
        ("[features]", 'learner = "single"\n[features]', "LL-LINE-PARTITIONS"),
    ],
)
def test_a_line_that_does_not_fit(root: Path, old: str, new: str, code: str) -> None:
    assert old in LINE
    (root / "lines" / "delay.toml").write_text(LINE.replace(old, new))
    (finding,) = check_workspace(Workspace(root))
    assert finding.code == code
    assert finding.remedy


def test_events_and_labels_must_meet(root: Path) -> None:
    write_topic(root, "arrived", "Arrived", key="id", partitions=3)
    codes = [finding.code for finding in check_workspace(Workspace(root))]
    assert codes == ["LL-LINE-PARTITIONS", "LL-LINE-KEY"]


def test_a_schema_without_a_time_or_file(root: Path) -> None:
    workspace = Workspace(root)
    untimed = json.loads(json.dumps(EVENT).replace(', "event_time": true', ""))
    (root / "schemas" / "Departed" / "v1.avsc").write_text(json.dumps(untimed))
    (finding,) = check_workspace(workspace)
    assert finding.code == "LL-LINE-TIME"
    shutil.rmtree(root / "schemas" / "Arrived")
    findings = check_line(Line.parse(LINE), workspace.topics(), Workspace(root).schema_of)
    assert [finding.code for finding in findings] == ["LL-SCHEMA-MISSING", "LL-LINE-TIME"]


@pytest.mark.parametrize(
    ("incumbent", "remedy"),
    [("never", None), ("always", None), ("base-rate", None), ("base-rat", "base-rate"),
     ("nobody", "never")],
)  # fmt: skip
def test_todays_rule_is_one_that_the_line_has(
    root: Path, incumbent: str, remedy: str | None
) -> None:
    workspace = Workspace(root)
    line = Line.parse(f'{LINE}[decision]\nincumbent = "{incumbent}"\n')
    findings = check_line(line, workspace.topics(), workspace.schema_of)
    assert [finding.code for finding in findings] == ["LL-INCUMBENT-UNKNOWN"] * (remedy is not None)
    assert all(remedy in finding.remedy for finding in findings if remedy)


HISTORY = """
[[features.history]]
name = "delay_before"
kind = "previous"
field = "{field}"
per = "{per}"
[[features.history]]
name = "flights"
kind = "count"
per = "{per}"
"""


@pytest.mark.parametrize(
    ("field", "per", "said"),
    [
        ("delay", "flight", []),
        ("carrier", "carrier", []),
        ("dely", "flight", ["features.history delay_before: field: no field 'dely' in Departed"]),
        ("delay", "delay", ["per: delay of Departed is double or null", "flights: per: delay"]),
        ("delay", "plane", ["delay_before: per: no field 'plane'", "flights: per: no field"]),
        ("data", "flight", ["delay_before: field: data of Departed is bytes"]),
    ],
)
def test_history_needs_fields_that_are_there_and_keys_that_are_never_null(
    root: Path, field: str, per: str, said: list[str]
) -> None:
    fields = [*EVENT["fields"], {"name": "data", "type": "bytes"}]
    (root / "schemas" / "Departed" / "v1.avsc").write_text(json.dumps({**EVENT, "fields": fields}))
    (root / "lines" / "delay.toml").write_text(LINE + HISTORY.format(field=field, per=per))
    findings = check_workspace(Workspace(root))
    assert {finding.code for finding in findings} <= {"LL-LINE-FIELD"}
    assert len(findings) == len(said)
    for finding, part in zip(findings, said, strict=True):
        assert part in finding.message
