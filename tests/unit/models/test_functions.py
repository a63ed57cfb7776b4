"""Where a model by name is looked for: what is installed, the workspace, the current folder."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from labline.engine.errors import LablineError
from labline.engine.models.recipes import functions as named
from labline.engine.models.recipes.functions import look_in, resolve
from labline.engine.models.recipes.language import parse

MODEL = "from river import dummy\ndef mine():\n    return dummy.StatisticRegressor({})\n"
MAX, MIN = "stats.Max()", "stats.Min()"
SPAWNED = """
import multiprocessing, sys
from pathlib import Path
from labline.engine.models.recipes.functions import look_in, resolve
if __name__ == "__main__":
    look_in(Path(sys.argv[1]))
    resolve(sys.argv[2])  # as the lab does before it starts others
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        print(type(pool.apply(resolve, (sys.argv[2],))).__name__)
"""


@pytest.fixture(autouse=True)
def _as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(named, "_folders", [])
    monkeypatch.setattr(sys, "path", [*sys.path])
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if name.startswith("mine_"):
            del sys.modules[name]


def write(folder: Path, module: str, statistic: str) -> None:
    folder.mkdir(exist_ok=True)
    text = MODEL.format(statistic).replace("import dummy", "import dummy, stats")
    (folder / f"{module}.py").write_text(text)


def statistic(recipe: str) -> str:
    return type(resolve(recipe).statistic).__name__


def test_it_is_found_in_the_workspace(tmp_path: Path) -> None:
    write(tmp_path / "space", "mine_there", MAX)
    with pytest.raises(LablineError, match="No module named 'mine_there'"):
        resolve("mine_there:mine")
    look_in(tmp_path / "space")
    assert statistic("mine_there:mine") == "Max"
    assert str(tmp_path / "space") in sys.path[-2:]


def test_the_workspace_comes_before_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "space", "mine_both", MAX)
    write(tmp_path / "here", "mine_both", MIN)
    write(tmp_path / "here", "mine_here", MIN)
    monkeypatch.chdir(tmp_path / "here")
    look_in(tmp_path / "space")
    assert (statistic("mine_both:mine"), statistic("mine_here:mine")) == ("Max", "Min")


def test_it_hides_nothing_that_is_installed(tmp_path: Path) -> None:
    write(tmp_path / "space", "river", MAX)
    look_in(tmp_path / "space")
    with pytest.raises(LablineError, match="module 'river' has no attribute 'mine'"):
        resolve("river:mine")


def test_the_factory_takes_no_name_wherever_it_is(tmp_path: Path) -> None:
    write(tmp_path / "space", "mine_refused", MAX)
    look_in(tmp_path / "space")
    with pytest.raises(LablineError, match="lab only"):
        parse("mine_refused:mine", "regression")
    assert "mine_refused" not in sys.modules
    assert str(tmp_path / "space") not in sys.path


def test_processes_started_afterwards_find_it(tmp_path: Path) -> None:
    write(tmp_path / "space", "mine_spawned", MAX)
    script = tmp_path / "spawned.py"
    script.write_text(SPAWNED)
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path / "space"), "mine_spawned:mine"],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert (done.stdout, done.returncode) == ("StatisticRegressor\n", 0), done.stderr
