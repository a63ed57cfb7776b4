"""An application whose own packages are called as labline's folders uses labline all the same."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.broker.process import TIMEOUT_S

pytestmark = pytest.mark.broker

SCHEMA = {
    "type": "record", "name": "Sale",
    "fields": [
        {"name": "id", "type": "string"},
        {"name": "event_time", "type": "long", "event_time": True},
    ],
}  # fmt: skip
APPLICATION = """
import engine, lab_replay, schemas, topics
import labline
from labline import Publisher, Workspace, lab, testing

assert {engine.OWNER, schemas.OWNER, topics.OWNER, lab_replay.OWNER} == {"application"}
space, sale = Workspace.find(), {"id": "s-1", "event_time": 1357034400000}
name, = space.topics()
testing.assert_valid(space, name, sale)
assert testing.rejection(space, name, {"id": "s-1"}) is not None
topic = space.topics()[name]
with Publisher(space.bootstrap(), topic, space.released_schema_of(topic)) as publisher:
    publisher.send(sale)
assert publisher.sent == 1
outcome = lab.run(lab.load("rides.csv"), {"rate": "BaseRate()"})
print(outcome.result.counts.labelled, labline.__version__)
"""


def test_packages_of_the_same_names(broker: str, name: str, tmp_path: Path) -> None:
    for package in ("engine", "schemas", "topics", "lab_replay"):
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").write_text('OWNER = "application"\n')
    (tmp_path / "labline.toml").write_text('name = "shop"\n')
    (tmp_path / "schemas" / name).mkdir()
    (tmp_path / "schemas" / name / "v1.avsc").write_text(json.dumps(SCHEMA))
    (tmp_path / "topics" / "sales.toml").write_text(
        f'name = "{name}"\nschema = "{name}"\nkey = "id"\npartitions = 1\n'
    )
    rows = "".join(f"{n},{n % 2}\n" for n in range(200))
    (tmp_path / "rides.csv").write_text(f"x,label\n{rows}")
    (tmp_path / "application.py").write_text(APPLICATION)

    def run(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, *arguments], cwd=tmp_path, capture_output=True, text=True,
            timeout=10 * TIMEOUT_S, env={**os.environ, "LABLINE_BOOTSTRAP_SERVERS": broker},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    run("-m", "labline.engine.cli.main", "topics", "apply")
    assert run("application.py").startswith("200 ")
