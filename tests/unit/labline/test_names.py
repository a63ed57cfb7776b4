"""What `labline` names is one table: each can be imported, is listed, and is loaded when used."""

import subprocess
import sys
from importlib.metadata import version

import pytest

import labline


def test_each_name_can_be_had_and_is_listed() -> None:
    assert set(labline.__all__) <= set(dir(labline))
    assert all(getattr(labline, name) is not None for name in labline.__all__)
    assert labline.__version__ == version("labline")
    with pytest.raises(AttributeError, match="no attribute 'Publishers'"):
        labline.Publishers  # type: ignore[attr-defined]  # noqa: B018


def test_nothing_is_loaded_before_it_is_used() -> None:
    code = "import sys, labline; print(sorted(m for m in sys.modules if m.startswith('labline.')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
