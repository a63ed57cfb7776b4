import json
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from labline.engine.workspace.example import make_workspace

TIMEOUT_S = 120
REPOSITORY = Path(__file__).parents[2]
NOTEBOOK = REPOSITORY / "examples" / "flights" / "notebook.ipynb"


def test_the_notebook_is_kept_without_outputs() -> None:
    for cell in json.loads(NOTEBOOK.read_text())["cells"]:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None


@pytest.mark.filterwarnings("ignore")  # of the kernel's own libraries
def test_the_notebook_runs_from_top_to_bottom(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    make_workspace(tmp_path / "flights", "flights")
    notebook: Any = nbformat.read(tmp_path / "flights" / "notebook.ipynb", as_version=4)
    client = NotebookClient(
        notebook,
        timeout=TIMEOUT_S,
        kernel_name="python3",
        resources={"metadata": {"path": str(tmp_path / "flights")}},
    )
    client.execute()
    said = [
        str(output.get("data", {}))
        for cell in notebook.cells
        if cell.cell_type == "code"
        for output in cell.outputs
    ]
    assert any("flights.departed" in text for text in said)
    assert sum("answers best" in text or "no candidate beats" in text for text in said) >= 2
    assert any("report.html" in text for text in said)
