"""From a revision to what a task needs: the declaration parsed, the learners built cold."""

from typing import Any

from engine.core.line import Line
from engine.core.spec import Slot, Spec
from engine.models.control import CHAMPION as CHAMPION
from engine.models.control import Revision
from engine.models.learner import RiverClassifier
from schemas.avro import Schema
from topics.naming import line_topics

BASELINE, CANDIDATE = "baseline", "candidate"


def declaration(line: Line, event_schema: Schema, label_schema: Schema | None) -> dict[str, Any]:
    """Return a line's declaration by content, as control records carry it."""
    return {
        "line": line.model_dump(mode="json"),
        "event_schema": event_schema.document,
        "label_schema": label_schema.document if label_schema else None,
    }


def spec_of(revision: Revision) -> Spec:
    """Return the task configuration of a revision, with fresh learners."""
    declared = revision.declaration
    line = Line.parse(declared["line"])
    label_schema = declared["label_schema"]
    champion = revision.slots[CHAMPION]
    others = [
        Slot(slot, model.label, RiverClassifier(model.recipe))
        for slot, model in sorted(revision.slots.items())
        if slot != CHAMPION
    ]
    return Spec(
        line=line,
        revision=revision.offset,
        inputs=(line.events, line.labels, line_topics(line.name).retry),
        event_schema=Schema.parse(declared["event_schema"]),
        label_schema=Schema.parse(label_schema) if label_schema else None,
        champion=Slot(CHAMPION, champion.label, RiverClassifier(champion.recipe)),
        others=(*others, *baselines(line)),
    )


def baselines(line: Line) -> list[Slot]:
    """Return a line's baselines: always scored beside the champion."""
    return [
        Slot(BASELINE, name, RiverClassifier(recipe)) for name, recipe in line.baselines.items()
    ]
