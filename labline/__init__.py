"""labline: event-driven streaming analytics on Apache Kafka.

What users import, re-exported; nothing is loaded before it is used.

Examples
--------
>>> import labline
>>> print(*labline.__all__)
AsyncPublisher LablineError Publisher SchemaViolation StreamsApp UndeliveredError Workspace
lab testing
"""

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from engine.errors import LablineError
    from engine.publish.async_publisher import AsyncPublisher
    from engine.publish.publisher import Publisher
    from engine.publish.undelivered import UndeliveredError
    from engine.streams.app import StreamsApp
    from engine.workspace.workspace import Workspace
    from labline import lab, testing
    from schemas.avro import SchemaViolation

__all__ = [
    "AsyncPublisher",
    "LablineError",
    "Publisher",
    "SchemaViolation",
    "StreamsApp",
    "UndeliveredError",
    "Workspace",
    "lab",
    "testing",
]

_PACKAGES = ("engine", "lab_replay", "schemas", "topics")
_PLACES = {
    "AsyncPublisher": "engine.publish.async_publisher",
    "LablineError": "engine.errors",
    "Publisher": "engine.publish.publisher",
    "SchemaViolation": "schemas.avro",
    "StreamsApp": "engine.streams.app",
    "UndeliveredError": "engine.publish.undelivered",
    "Workspace": "engine.workspace.workspace",
}


def __getattr__(name: str) -> Any:
    """Load what is asked for."""
    if name in ("lab", "testing"):
        return import_module(f"labline.{name}")
    if name not in _PLACES:
        raise AttributeError(f"module 'labline' has no attribute {name!r}")
    return getattr(import_module(_PLACES[name]), name)


def _refuse_shadows() -> None:
    """Say which file hides one of labline's packages: their names are plain words."""
    home = Path(__file__).resolve().parents[1]
    for name in _PACKAGES:
        spec = find_spec(name)
        found = Path(spec.origin).resolve() if spec and spec.origin else None
        if found is None or found.parents[1] != home:
            raise ImportError(
                f"labline's package {name!r} is hidden by {found or 'a folder of that name'}:"
                " rename yours, or run from another folder"
            )


_refuse_shadows()
