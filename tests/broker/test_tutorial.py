"""The tutorial's commands, as they stand in it, in a shell and with a Kafka of their own."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from labline.engine.workspace.workspace import BOOTSTRAP_VARIABLE

pytestmark = pytest.mark.broker

TUTORIAL = Path(__file__).parents[2] / "docs" / "tutorial.md"
HEADINGS = ("Your own events in five commands", "From a file")
#: The commands of the first part, once each: the promise of its heading.
FIVE = ("init", "up", "topics apply", "publish", "read")


def part(heading: str) -> str:
    """Return the commands below a heading, up to the next one of its rank."""
    _, _, rest = TUTORIAL.read_text("utf-8").partition(f"\n## {heading}\n")
    assert rest
    blocks = re.findall(r"^```sh\n(.*?)^```", rest.partition("\n## ")[0], re.MULTILINE | re.DOTALL)
    return "".join(blocks)


def run(script: str, folder: Path) -> str:
    """Run it as a shell does that stops at the first error; return what it printed."""
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    known = {k: v for k, v in os.environ.items() if k != BOOTSTRAP_VARIABLE}
    done = subprocess.run(
        ["sh", "-eu", "-c", script],
        cwd=folder,
        env={**known, "PATH": path, "COLUMNS": "200"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


def test_the_first_part(tmp_path: Path) -> None:
    script = part(HEADINGS[0])
    before, _, _ = script.partition("cat > sales.csv")
    used = re.findall(r"^labline (topics apply|\w+)", before, re.MULTILINE)
    assert tuple(used) == FIVE
    try:
        told = run(script, tmp_path)
    finally:
        run("labline down -w till || true", tmp_path)
    assert 'ulm {"id":"s-1","event_time":1357034400000,"shop":"ulm","amount":12.5' in told
    assert '"amount":3.0,"card":null}' in told
    assert "not in the schema Sale, so left out: clerk" in told
    assert "line 3: constraints/out-of-range: amount is outside its range" in told
    assert '"row": {"id": "s-4"' in told


def test_from_a_file(tmp_path: Path) -> None:
    try:
        told = run(part(HEADINGS[1]), tmp_path)
    finally:
        run("labline down -w rides || true", tmp_path)
    assert "published 8 records to rides.events, rejected 0" in told
    assert "published 7 records to rides.labels, rejected 0, skipped 1" in told
    assert '"event_time":1367388000000' in told  # 08:00 in Berlin is 06:00 UTC
    assert "logistic" in told
    assert (tmp_path / "rides" / ".labline" / "experiments" / "rides" / "report.html").exists()
