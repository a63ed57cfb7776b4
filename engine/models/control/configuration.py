"""From a revision to what a task needs: the declaration parsed, the learners built cold."""

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

from labline.engine.core.line import Line
from labline.engine.core.spec import Slot, Spec
from labline.engine.models.control.control import CHAMPION as CHAMPION
from labline.engine.models.control.control import Revision
from labline.engine.models.learning.learner import cold
from labline.schemas.avro import Schema
from labline.schemas.values.value_format import Heads
from labline.topics.naming import line_topics

BASELINE, CANDIDATE = "baseline", "candidate"


#: From the schema versions that a revision knows to all that values may be written with.
WritersOf: TypeAlias = Callable[[Iterable[Schema]], Heads]
SpecOf: TypeAlias = Callable[[Revision], Spec]


def declaration(
    line: Line,
    event_schema: Schema,
    label_schema: Schema | None,
    writers: Iterable[Schema] = (),
) -> dict[str, Any]:
    """Return a line's declaration by content, as control records carry it.

    Parameters
    ----------
    event_schema, label_schema
        What records are read as.
    writers
        All versions that they may be written with.
    """
    return {
        "line": line.model_dump(mode="json"),
        "event_schema": event_schema.document,
        "label_schema": label_schema.document if label_schema else None,
        "writers": [schema.document for schema in writers],
    }


def by_head(writers: Iterable[Schema]) -> Heads:
    """Return schemas by the head of values that are framed with their fingerprint."""
    return {schema.head: schema for schema in writers}


def spec_of(revision: Revision, writers_of: WritersOf = by_head) -> Spec:
    """Return the task configuration of a revision, with fresh learners.

    Parameters
    ----------
    writers_of
        Adds what a schema registry knows to the versions that the revision knows.
    """
    declared = revision.declaration
    line = Line.parse(declared["line"])
    label_schema = declared["label_schema"]
    champion = revision.slots[CHAMPION]
    others = [
        _slot(line, slot, model.label, model.recipe)
        for slot, model in sorted(revision.slots.items())
        if slot != CHAMPION
    ]
    return Spec(
        line=line,
        revision=revision.offset,
        inputs=(line.events, line.labels, line_topics(line.name).retry),
        event_schema=Schema.parse(declared["event_schema"]),
        label_schema=Schema.parse(label_schema) if label_schema else None,
        champion=_slot(line, CHAMPION, champion.label, champion.recipe),
        others=(*others, *baselines(line)),
        writers=writers_of([Schema.parse(told) for told in declared.get("writers", ())]),
    )


def baselines(line: Line) -> list[Slot]:
    """Return a line's baselines: always scored beside the champion."""
    return [_slot(line, BASELINE, name, recipe) for name, recipe in line.baselines.items()]


def _slot(line: Line, slot: str, name: str, recipe: str) -> Slot:
    return Slot(slot, name, cold(recipe, line.kind, line.classes), recipe)
