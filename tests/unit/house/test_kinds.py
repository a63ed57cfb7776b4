"""A kind of line is compared by its name in one place: the table of `engine.core.kinds`.

Elsewhere a module asks the row, ``KINDS[line.kind]``. Tables of what one room knows of each kind
(its metrics, its river classes) may have the names as their keys: those are no comparisons.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

from labline.engine.core.kinds import KINDS
from tests.unit.house.test_tidy import MODULES, named

TABLE = "engine/core/kinds.py"


def comparisons(path: Path) -> Iterator[ast.Compare]:
    """Yield the comparisons in which a module names a kind, or takes its row by name."""
    rows = {name.upper() for name in KINDS}
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Compare):
            parts = list(ast.walk(node))
            literal = any(isinstance(part, ast.Constant) and part.value in KINDS for part in parts)
            if literal or any(isinstance(part, ast.Name) and part.id in rows for part in parts):
                yield node


def test_a_kind_is_compared_by_name_in_the_table_alone() -> None:
    comparing = [named(path) for path in MODULES if any(comparisons(path))]
    assert [name for name in comparing if name != TABLE] == [], "ask KINDS[line.kind] instead"
