"""Answers of a schema registry on disk: one schema a file, whole or not at all.

The registry writes one when it has fetched a schema and reads it before it asks again. A file that
cannot be read counts as absent, one that cannot be written is logged: work goes on without.
"""

import json
from pathlib import Path
from typing import Any

import structlog

from labline.engine.disk.whole_files import write_whole

FORMAT = 1

log = structlog.get_logger()


def read(path: Path) -> dict[str, Any] | None:
    """Return the schema that was kept; None when there is none, or no use.

    Examples
    --------
    >>> read(Path("nowhere"))
    """
    try:
        entry = json.loads(path.read_text("utf-8"))
        document = entry["schema"] if entry["format"] == FORMAT else None
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def write(path: Path, document: dict[str, Any]) -> None:
    """Keep a schema; where that cannot be, the work goes on without."""
    try:
        write_whole(path, json.dumps({"format": FORMAT, "schema": document}), durable=True)
    except OSError as error:
        log.warning("schema not kept", path=str(path), reason=error.strerror)
