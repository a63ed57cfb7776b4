"""Are these events right for that topic? For the unit tests of whoever publishes: no broker.

It is the check that publishing makes, so what passes here is sent there.

Examples
--------
>>> from labline.testing import assert_valid, rejection
>>> landed = {"id": "UA-1545-EWR-20130101T0515", "event_time": 1357053000000,
...     "flight_key": "UA1545", "late": False}
>>> assert_valid("examples/flights", "flights.arrived", landed)
>>> rejection("examples/flights", "flights.arrived", {**landed, "late": "no"}).message
'late is of another type'
"""

from collections.abc import Mapping
from pathlib import Path

from labline.engine.workspace.workspace import Workspace, known
from labline.schemas.rejection import Rejection, SchemaViolation
from labline.schemas.values.formats import format_of

__all__ = ["assert_valid", "rejection"]


def rejection(
    workspace: Workspace | Path | str, topic: str, datum: Mapping[str, object]
) -> Rejection | None:
    """Return why a record could not be published to a topic of a workspace, None if it could.

    A draft of the topic's schema counts too: try it before it is released. Whoever checks many
    records gives one `Workspace`: its files are then read once.

    Raises
    ------
    LablineError
        When there is no such workspace or topic, or its declarations are not right.
    """
    space = workspace if isinstance(workspace, Workspace) else Workspace.find(Path(workspace))
    topics = space.topics()
    declared = topics[known(topic, topics, "TOPIC", "topics/")]
    try:
        schema = space.schema_of(declared)
        values = format_of(schema)
        values.encoder(schema)(datum, values.head(schema))
    except SchemaViolation as violation:
        return violation.rejection
    if datum.get(declared.key) is None:
        return Rejection("key", "no-key", f"the key {declared.key} is null")
    return None


def assert_valid(
    workspace: Workspace | Path | str, topic: str, datum: Mapping[str, object]
) -> None:
    """Raise an AssertionError, with the reason and the field, unless a record can be published.

    Raises
    ------
    AssertionError
        In the words of the rejection; its values are not quoted.
    """
    __tracebackhide__ = True  # pytest then shows the line of the test
    if why := rejection(workspace, topic, datum):
        raise AssertionError(f"not an event of {topic}: {why.reason}: {why.message}")
