"""Small modules, small functions, nothing left lying about."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PACKAGES = ("engine", "topics", "schemas", "lab_replay", "labline")
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
MODULE_MAX_LINES = 300
EXPLAINED_MAX_LINES = 400  # of a module that explains itself at length, in a section of that name
EXPLANATION, EXPLANATION_MIN_LINES = "Theory of operation\n---", 25
BODY_MAX_LINES = 70
VAGUE = re.compile(r"(^|_)(utils?|helpers?|managers?|common|misc)($|_)")
LEFT = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")

Function = ast.FunctionDef | ast.AsyncFunctionDef


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def bodies(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Yield each function with the lines of its body; its docstring does not count."""
    for node in ast.walk(tree):
        if isinstance(node, Function):
            body = node.body[1:] if ast.get_docstring(node) is not None else node.body
            if body:
                yield node.name, (body[-1].end_lineno or 0) - body[0].lineno + 1


def max_lines(tree: ast.Module) -> int:
    """Return how long a module may be: what explains it must not crowd out what it explains."""
    explanation = (ast.get_docstring(tree) or "").partition(EXPLANATION)[2]
    explained = len(explanation.splitlines()) >= EXPLANATION_MIN_LINES
    return EXPLAINED_MAX_LINES if explained else MODULE_MAX_LINES


def test_there_is_something_to_check() -> None:
    assert len(MODULES) > 10


@pytest.mark.parametrize("path", MODULES, ids=named)
def test_module_is_tidy(path: Path) -> None:
    text = path.read_text()
    tree = ast.parse(text)
    assert len(text.splitlines()) <= max_lines(tree)
    assert [(name, lines) for name, lines in bodies(tree) if lines > BODY_MAX_LINES] == []
    assert LEFT.findall(text) == []
    bare = [n.lineno for n in ast.walk(tree) if isinstance(n, ast.ExceptHandler) and not n.type]
    assert bare == []
    assert not [part for part in path.relative_to(ROOT).with_suffix("").parts if VAGUE.search(part)]
