"""What a line of each kind may declare, and whether it fits its topics' schemas."""

import math
from types import SimpleNamespace
from typing import Any

import pytest

from labline.engine.core.line import Line
from labline.engine.errors import LablineError
from labline.engine.models.learning.learner import cold
from labline.engine.streams.app import StreamsApp
from labline.engine.workspace.check import check_line
from labline.schemas.avro import Schema
from labline.topics.declaration import Topic
from labline.topics.naming import line_topics
from tests.unit.core.test_kinds import BASE, KINDS, LABELLED, LABELS, RECIPES

ENUM = {"type": "enum", "name": "Y", "symbols": ["a", "b", "d"]}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"kind": "multi"}, "multiclass"),
        ({"kind": "multiclass"}, "names its 2 to 100 classes"),
        ({"kind": "multiclass", "classes": ["a"]}, "names its 2 to 100 classes"),
        ({"kind": "multiclass", "classes": ["a", "a"]}, "named once"),
        ({"kind": "multiclass", "classes": ["a", ""]}, "classes"),
        ({"kind": "multiclass", "classes": [f"c{n}" for n in range(101)]}, "2 to 100"),
        ({"classes": ["a", "b"]}, 'kind = "multiclass"'),
        ({"kind": "regression", **LABELLED, "on_expiry": "negative"}, "binary lines"),
        ({"kind": "multiclass", "classes": ["a", "b"], "decision": {"threshold": 2}}, "0 to 1"),
        ({"decision": {"threshold": -0.1}}, "from 0 to 1"),
        ({"kind": "anomaly", "decision": {"threshold": math.inf}}, "finite"),
    ],
)
def test_a_declaration_that_does_not_fit_its_kind_is_refused(
    change: dict[str, Any], said: str
) -> None:
    with pytest.raises(LablineError, match=said):
        Line.parse({**BASE, **change})


def test_a_declaration_from_before_there_were_kinds_means_what_it_meant() -> None:
    line = Line.parse(BASE)
    assert (line.kind, line.classes, line.decision.threshold) == ("binary", (), 0.5)
    told = line.model_dump(mode="json")
    del told["kind"], told["classes"]
    assert Line.parse(told) == line
    assert Line.parse(line.canonical()) == line


@pytest.mark.parametrize("kind", RECIPES)
def test_each_kind_has_a_baseline_that_works(kind: str) -> None:
    line = Line.parse({**BASE, "kind": kind, **KINDS[kind]})
    assert Line.parse(line.canonical()) == line
    for recipe in line.baselines.values():
        learner = cold(recipe, kind, line.classes)
        learner.score({"x": 1.0})
        learner.learn({"x": 1.0}, LABELS[kind][0])
        learner.score({"x": 1.0})


def found(kind: str, avro: Any) -> list[LablineError]:
    """Return what does not fit between a line of this kind and a label field of this type."""
    at = {"name": "at", "type": "long", "event_time": True}
    fields = [{"name": "id", "type": "string"}, at]
    schemas = {
        "e": Schema.parse(
            {"type": "record", "name": "E", "fields": [*fields, {"name": "x", "type": "double"}]}
        ),
        "lab": Schema.parse(
            {"type": "record", "name": "L", "fields": [*fields, {"name": "y", "type": avro}]}
        ),
    }
    topics = {name: Topic(name=name, schema=name, key="id", partitions=1) for name in schemas}
    line = Line.parse({**BASE, "kind": kind, **KINDS.get(kind, {}), **LABELLED})
    return check_line(line, topics, lambda topic: schemas[topic.name])


@pytest.mark.parametrize(
    ("kind", "fitting"),
    [
        ("binary", ["boolean"]),
        ("multiclass", ["string"]),
        ("regression", ["int", "long", "float", "double"]),
        ("anomaly", ["boolean"]),
    ],
)
def test_the_label_is_of_the_lines_kind(kind: str, fitting: list[str]) -> None:
    for avro in ("boolean", "string", "int", "long", "float", "double", ["null", "boolean"]):
        findings = found(kind, avro)
        if avro in fitting:
            assert findings == []
        else:
            (finding,) = findings
            assert finding.code == "LL-LINE-FIELD"
            assert fitting[0] in finding.remedy


def test_an_enum_must_have_every_class() -> None:
    assert found("multiclass", {**ENUM, "symbols": ["c", "b", "a", "z"]}) == []
    (finding,) = found("multiclass", ENUM)
    assert (finding.code, finding.message) == ("LL-LINE-CLASSES", "line l: y of L is never c")


@pytest.mark.parametrize("kind", ["binary", *KINDS])
def test_the_topics_of_a_line_have_the_schemas_of_its_kind(kind: str) -> None:
    line = Line.parse({**BASE, "kind": kind, **KINDS.get(kind, {})})
    app: Any = SimpleNamespace(workspace=SimpleNamespace(lines=lambda: {line.name: line}))
    topics, prefix = line_topics(line.name), "Class" if kind == "multiclass" else ""
    found = {what: StreamsApp.schema_of(app, topics._asdict()[what]).name
             for what in ("scores", "shadow", "journal")}  # fmt: skip
    assert found == {
        "scores": f"labline.{prefix}Score", "shadow": f"labline.{prefix}Shadow",
        "journal": "labline.Journal",
    }  # fmt: skip
