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
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from labline import lab, testing
    from labline.engine.errors import LablineError
    from labline.engine.publish.async_publisher import AsyncPublisher
    from labline.engine.publish.publisher import Publisher
    from labline.engine.publish.undelivered import UndeliveredError
    from labline.engine.streams.app import StreamsApp
    from labline.engine.workspace.workspace import Workspace
    from labline.schemas.avro import SchemaViolation

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

_PLACES = {
    "AsyncPublisher": "labline.engine.publish.async_publisher",
    "LablineError": "labline.engine.errors",
    "Publisher": "labline.engine.publish.publisher",
    "SchemaViolation": "labline.schemas.avro",
    "StreamsApp": "labline.engine.streams.app",
    "UndeliveredError": "labline.engine.publish.undelivered",
    "Workspace": "labline.engine.workspace.workspace",
}


def __getattr__(name: str) -> Any:
    """Load what is asked for."""
    if name in ("lab", "testing"):
        return import_module(f"labline.{name}")
    if name not in _PLACES:
        raise AttributeError(f"module 'labline' has no attribute {name!r}")
    return getattr(import_module(_PLACES[name]), name)
