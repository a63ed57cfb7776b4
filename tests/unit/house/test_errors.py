"""Codes of errors: table, code and page hold together, and nothing is decided by a code."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from labline.engine.errors import LablineError, PassingError, page, table

ROOT = Path(__file__).parents[3]
PACKAGES = ("engine", "topics", "schemas", "lab_replay", "labline", "examples")
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
CODE = re.compile(r"LL(?:-[A-Z0-9]+)+")
#: In prose: the whole of a code, not the beginning of one such as ``LL-INIT-…``.
MENTION = re.compile(r"(?<![A-Z0-9-])LL(?:-[A-Z0-9]+)+(?![A-Z0-9]|-)")
ENTRIES = {code: entry for entries in table().values() for code, entry in entries.items()}


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def texts(path: Path) -> Iterator[ast.expr]:
    """Yield the texts that code uses: neither docstrings nor pieces of f-strings."""
    tree = tree_of(path)
    left_out = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            left_out |= {id(value) for value in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant | ast.JoinedStr) and id(node) not in left_out:
            yield node


def raised() -> set[str]:
    """Return the codes of the table that code uses, whole or put together from a prefix."""
    used: set[str] = set()
    words: set[str] = set()
    patterns: set[str] = set()
    for path in MODULES:
        for node in texts(path):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                words.add(node.value)
                used |= set(CODE.findall(node.value.partition(":")[0]))
            elif isinstance(node, ast.JoinedStr):
                parts = [v.value if isinstance(v, ast.Constant) else "\0" for v in node.values]
                text = "".join(map(str, parts))
                if re.fullmatch(r"LL-[A-Z0-9\0-]+", text):
                    patterns.add(re.escape(text).replace("\0", "([A-Z0-9]+)"))
    for pattern in patterns:
        for code in ENTRIES:
            match = re.fullmatch(pattern, code)
            if match and {match[1], match[1].lower()} & words:
                used.add(code)
    return used


def test_every_code_that_is_raised_stands_in_the_table() -> None:
    assert raised() - ENTRIES.keys() == set()


def test_every_code_of_the_table_is_raised() -> None:
    assert ENTRIES.keys() - raised() == set()


@pytest.mark.parametrize("kind", [MODULES, DOCUMENTS], ids=["code", "documents"])
def test_every_code_that_is_spoken_of_stands_in_the_table(kind: list[Path]) -> None:
    spoken = {code for path in kind for code in MENTION.findall(path.read_text(encoding="utf-8"))}
    assert len(spoken) > 50
    assert spoken - ENTRIES.keys() == set()


def test_the_page_is_made_of_the_table() -> None:
    assert (ROOT / "docs" / "errors.md").read_text(encoding="utf-8") == page(), "run make errors"


def test_what_the_table_says_are_sentences() -> None:
    for code, entry in ENTRIES.items():
        assert CODE.fullmatch(code)
        assert entry.cause.endswith("."), code
        assert entry.cause[0].isupper() or entry.cause.startswith("--"), code
        assert entry.remedy.endswith((".", "`.")), code


def test_what_is_raised_as_passing_passes() -> None:
    codes = {
        node.args[0].value
        for path in MODULES
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == PassingError.__name__
        and isinstance(node.args[0], ast.Constant)
    }
    assert codes
    assert [code for code in codes if not ENTRIES[str(code)].passes] == []


def decides_by_code(tree: ast.Module) -> Iterator[int]:
    """Yield the lines where a code is compared, or kept by a name to be compared."""
    for node in ast.walk(tree):
        parts: list[ast.expr] = []
        if isinstance(node, ast.Compare):
            parts = [node.left, *node.comparators]
        elif isinstance(node, ast.Assign):
            parts = [node.value]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            parts = node.args if node.func.attr in ("startswith", "endswith") else []
        elif isinstance(node, ast.MatchValue):
            parts = [node.value]
        for part in parts:
            for value in part.elts if isinstance(part, ast.Tuple | ast.Set | ast.List) else [part]:
                if isinstance(value, ast.Constant) and str(value.value).startswith("LL-"):
                    if isinstance(node, ast.Assign) and isinstance(part, ast.Tuple):
                        continue  # the arguments of an error that is raised later
                    yield value.lineno


def test_nothing_is_decided_by_a_code() -> None:
    lines = [f"{path}:{n}" for path in MODULES for n in decides_by_code(tree_of(path))]
    assert lines == []


@pytest.mark.parametrize(
    "code",
    [
        "if error.code == 'LL-A-B': pass",
        "if error.code not in ('LL-A-B', 'LL-C-D'): raise",
        "AWAY = 'LL-A-B'",
        "if error.code.startswith('LL-A'): pass",
    ],
)
def test_a_comparison_would_be_noticed(code: str) -> None:
    assert list(decides_by_code(ast.parse(code)))


def test_classes_are_few_and_keep_what_they_say() -> None:
    assert len(LablineError.__subclasses__()) < 12
    error = PassingError("LL-REGISTRY-AWAY", "it is away", "wait")
    assert isinstance(error, LablineError)
    assert str(error) == "LL-REGISTRY-AWAY: it is away\n  remedy: wait"
