"""Making a workspace from an example that ships with labline."""

import shutil
from pathlib import Path

from labline.engine.errors import LablineError

EXAMPLES = ("flights",)


def example_folder(name: str) -> Path:
    """Return where an example lies: in a clone, or inside the installed package."""
    package = Path(__file__).parents[2]
    for folder in (package / "examples" / name, package.parent / "examples" / name):
        if folder.is_dir():
            return folder
    raise LablineError(
        "LL-EXAMPLE-UNKNOWN", f"there is no example {name!r}", f"known: {', '.join(EXAMPLES)}"
    )


def make_workspace(target: Path, example: str) -> None:
    """Copy an example into a new folder.

    Raises
    ------
    LablineError
        ``LL-INIT-EXISTS`` when the folder is there and not empty.
    """
    if target.exists() and any(target.iterdir()):
        raise LablineError(
            "LL-INIT-EXISTS", f"{target} is not empty", "name a folder that is not there yet"
        )
    ignore = shutil.ignore_patterns(".labline", "keys", "models", "__pycache__")
    shutil.copytree(example_folder(example), target, dirs_exist_ok=True, ignore=ignore)
    (target / ".gitignore").write_text(".labline/\n")
