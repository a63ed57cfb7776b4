"""labline: event-driven streaming analytics on Apache Kafka.

What users import, re-exported; nothing is loaded before it is used.

Publish events; each is checked against its topic's schema and keyed as the topic declares::

    from labline import Publisher, Workspace

    space = Workspace.find()
    topic = space.topics()["till.sales"]
    with Publisher(space.bootstrap(), topic, space.released_schema_of(topic)) as publisher:
        publisher.send({"id": "s-1", "event_time": 1357034400000, "shop": "ulm", "amount": 12.5})

Replay history over recipes, in a notebook or a script; a file needs no Kafka::

    from labline import lab

    outcome = lab.run(lab.load("sales.csv"), {"tree": "HoeffdingTreeClassifier()"})
    outcome.frame()

React to what a line answers, with an agent of your own::

    from labline import StreamsApp, Workspace

    app = StreamsApp("large-sales", Workspace.find())

    @app.agent(app.source("sales.scores"))
    async def large(stream):
        async for score in app.records(stream, "sales.scores"):
            print(score["id"], score["probability"])

Examples
--------
>>> import labline
>>> print(*labline.__all__)
AsyncPublisher LablineError Publisher SchemaViolation StreamsApp UndeliveredError Workspace
lab testing
>>> labline.__version__.count(".")
2
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from labline import lab as lab
    from labline import testing as testing
    from labline.engine.errors import LablineError as LablineError
    from labline.engine.publish.async_publisher import AsyncPublisher as AsyncPublisher
    from labline.engine.publish.publisher import Publisher as Publisher
    from labline.engine.publish.undelivered import UndeliveredError as UndeliveredError
    from labline.engine.streams.app import StreamsApp as StreamsApp
    from labline.engine.workspace.workspace import Workspace as Workspace
    from labline.schemas.rejection import SchemaViolation as SchemaViolation

    __version__: str

#: Where each name comes from; None: a module of this package.
_PLACES = {
    "AsyncPublisher": "labline.engine.publish.async_publisher",
    "LablineError": "labline.engine.errors",
    "Publisher": "labline.engine.publish.publisher",
    "SchemaViolation": "labline.schemas.rejection",
    "StreamsApp": "labline.engine.streams.app",
    "UndeliveredError": "labline.engine.publish.undelivered",
    "Workspace": "labline.engine.workspace.workspace",
    "lab": None,
    "testing": None,
}

__all__ = list(_PLACES)


def __getattr__(name: str) -> Any:
    """Load what is asked for."""
    if name == "__version__":
        from importlib.metadata import version  # it loads more than the command line does

        return version("labline")
    if name not in _PLACES:
        raise AttributeError(f"module 'labline' has no attribute {name!r}")
    place = _PLACES[name]
    return (
        import_module(f"labline.{name}") if place is None else getattr(import_module(place), name)
    )


def __dir__() -> list[str]:
    """Return also what was not loaded yet."""
    return sorted({*globals(), *_PLACES, "__version__"})
