"""Schemas that a registry told, kept on disk: one file each, whole or not at all."""

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
        kept = json.loads(path.read_text("utf-8"))
        document = kept["schema"] if kept["format"] == FORMAT else None
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def write(path: Path, document: dict[str, Any]) -> None:
    """Keep a schema; where that cannot be, the work goes on without."""
    try:
        write_whole(path, json.dumps({"format": FORMAT, "schema": document}), durable=True)
    except OSError as error:
        log.warning("schema not kept", path=str(path), reason=error.strerror)
