"""river without what it seldom uses: loaded late, and the same when it is used."""

import ast
import subprocess
import sys
from pathlib import Path

import labline.engine.models.lazy_imports as lean

import pytest

ROOT = Path(__file__).parents[3]
HELD = """
import sys
import labline.engine.models.recipes.language
from labline.engine.models.lazy_imports import SELDOM, Deferred
print([name for name in SELDOM if name in sys.modules])
held = {
    name.split(".")[0]
    for name, module in list(sys.modules.items())
    for found in list(vars(module).values())
    if isinstance(found, Deferred)
}
print(held)
"""
USED = """
import sqlite3
import labline.engine.models.recipes.language
from river import drift, metrics, proba, stream
import sqlalchemy
seen = proba.MultivariateGaussian(seed=1)
for n in range(9):
    seen.update({"a": n % 3, "b": n % 4})
print(seen({"a": 1, "b": 2}))
kswin = drift.KSWIN(seed=1)
for n in range(150):
    kswin.update(n * n % 101)
print(kswin.p_value)
curve = metrics.ROCAUC()
for n in range(50):
    curve.update(n % 3 == 0, n / 50)
print(curve.get())
with sqlalchemy.create_engine("sqlite://").connect() as db:
    print(list(stream.iter_sql("select 1 as x, 2 as y", db, target_name="y")))
"""


def said(program: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True, cwd=ROOT
    )
    return done.stdout.splitlines()


def test_what_river_seldom_uses_is_not_loaded_and_only_river_does_without() -> None:
    assert said(HELD) == ["[]", "{'river'}"]


@pytest.mark.slow
def test_it_is_loaded_when_it_is_used_and_gives_the_same() -> None:
    plain = USED.replace("import labline.engine.models.recipes.language\n", "")
    lean_said = said(USED)
    assert lean_said == said(plain)
    assert len(lean_said) == 4


def test_what_is_loaded_already_or_not_installed_has_no_stand_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "email.mime", email := object())  # type: ignore[arg-type]
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    with lean.standing_in(("email.mime", "no_such_package", "colorsys")):
        assert sys.modules["email.mime"] is email
        assert "no_such_package" not in sys.modules
        from colorsys import rgb_to_hsv
    assert isinstance(rgb_to_hsv, lean.Deferred)
    assert rgb_to_hsv(1, 0, 0) == (0.0, 1.0, 1)
    assert "colorsys" in sys.modules


def river_and_lean(path: Path) -> tuple[list[int], list[int]]:
    """Return the lines on which a module imports river, and lean."""
    river, first = [], []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = [alias.name for alias in getattr(node, "names", []) if hasattr(alias, "name")]
        if isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        if isinstance(node, ast.Import | ast.ImportFrom):
            river += [node.lineno for name in names if name.split(".")[0] == "river"]
            first += [node.lineno for name in names if name == "labline.engine.models.lazy_imports"]
    return river, first


def test_whoever_imports_river_imports_lean_before() -> None:
    importing = 0
    for package in ("engine", "lab_replay", "labline", "topics", "schemas"):
        for path in (ROOT / package).rglob("*.py"):
            river, first = river_and_lean(path)
            if river and path.name != "lazy_imports.py":
                importing += 1
                assert first, f"{path} imports river but not labline.engine.models.lazy_imports"
                assert min(first) < min(river), path
    assert importing > 10
