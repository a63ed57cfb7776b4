"""Documents name files that are there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
DOCUMENTS = (
    "README.md",
    "CONTRIBUTING.md",
    "docs/architecture.md",
    "docs/lab.md",
    "docs/statistics.md",
    "benchmarks/README.md",
)
#: A path from the top of the repository; a user's workspace has other files.
FILE = re.compile(
    r"`((?:engine|lab_replay|schemas|topics|labline|tests|benchmarks)/[\w/]+(?:\.py|/))`"
)
#: Behind a folder, the names of files in it: "`engine/x/`: `one.py`, `two.py`".
IN_FOLDER = re.compile(r"`([\w/]+/)`:((?:[^|;]*?`\w+\.py`)+)")


@pytest.mark.parametrize("document", DOCUMENTS)
def test_a_file_that_is_named_is_there(document: str) -> None:
    text = (ROOT / document).read_text("utf-8")
    named = set(FILE.findall(text))
    for folder, files in IN_FOLDER.findall(text):
        if (ROOT / folder).is_dir():
            named |= {folder + name for name in re.findall(r"`(\w+\.py)`", files)}
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []
