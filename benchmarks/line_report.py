"""What ``labline report`` takes of memory and time, without a broker: records are made up.

The peak is of the whole process, libraries and all; ``--scores 1000`` gives what those take.
"""

import argparse
import json
import resource
import sys
import time
from collections.abc import Iterable, Iterator
from typing import Any

from labline.engine.core.line import Line
from labline.engine.core.record import Record
from labline.engine.models.control.control import Control
from labline.lab_replay.reports.line_facts import Schemas, facts_of
from labline.lab_replay.reports.line_report import line_headline, render_line
from labline.lab_replay.reports.line_sources import Sources
from labline.schemas.avro import Schema
from labline.schemas.engine_schemas import engine_schema
from labline.topics.naming import line_topics

BATCH = 5_000
BEGIN_MS = 1_400_000_000_000
CLASSES = ("a", "b", "c", "d", "e", "f", "g")
LABEL = {"binary": "boolean", "anomaly": "boolean", "regression": "double", "multiclass": "string"}


def line_of(kind: str) -> Line:
    """Return a line of a kind, with labels unless it looks for anomalies."""
    told: dict[str, Any] = {
        "name": "bench", "kind": kind, "events": "bench.events", "id": "id",
        "features": {"numeric": ["x"]}, "decision": {"threshold": 0.9},
    }  # fmt: skip
    if kind == "multiclass":
        told["classes"] = CLASSES
    if kind != "anomaly":
        told |= {"labels": "bench.labels", "refers_to": "id", "label": "truth"}
    return Line.parse(told)


class Generated:
    """Records of a line's topics, made one after another from their number."""

    def __init__(self, line: Line, count: int) -> None:
        self._line, self._count, self._topics = line, count, line_topics(line.name)
        fields = [{"name": "id", "type": "string"}, {"name": "truth", "type": LABEL[line.kind]}]
        self.labels = Schema.parse({"type": "record", "name": "L", "fields": fields})

    def __call__(self, topic: str, _: int) -> Iterator[list[Record]]:
        """Return a topic's records in batches."""
        make = {
            self._topics.scores: self._score,
            self._topics.shadow: self._shadow,
            self._line.events: self._event,
            self._line.labels: self._label,
        }.get(topic)
        for first in range(0, self._count if make else 0, BATCH):
            numbers = range(first, min(first + BATCH, self._count))
            yield [(n, BEGIN_MS + n, None, make(n) if make else b"", None) for n in numbers]

    def _event(self, _: int) -> bytes:
        return b""  # only its time is looked at

    def _about(self, number: int) -> dict[str, Any]:
        return {
            "id": f"event-{number:012}", "event_time_ms": BEGIN_MS + 997 * number,
            "topic": self._line.events, "partition": 0, "offset": number, "revision": 3,
        }  # fmt: skip

    def _value(self, number: int) -> dict[str, Any]:
        share = number * 7_919 % 10_007 / 10_007
        if self._line.classes:
            rest = (1 - share) / (len(CLASSES) - 1)
            told = [share, *[rest] * (len(CLASSES) - 1)]
            return {"probability": max(told), "value": None, "label": "a", "probabilities": told}
        if self._line.kind == "binary":
            return {"probability": share, "value": None}
        return {"probability": None, "value": share}

    def _score(self, number: int) -> bytes:
        told = self._value(number)
        yes = max(told["probability"] or 0, told["value"] or 0) >= 0.9
        nothing = {"propensity": None, "interval_low": None, "interval_high": None}
        about = self._about(number) | told | nothing
        about |= {"answer": yes, "slot": "champion", "model": "m@1"}
        return self._encoded("Score", about)

    def _shadow(self, number: int) -> bytes:
        slot = {"slot": "baseline", "model": "base", **self._value(number + 1)}
        return self._encoded("Shadow", self._about(number) | {"scores": [slot]})

    def _encoded(self, name: str, datum: dict[str, Any]) -> bytes:
        prefix = "labline.Class" if self._line.classes else "labline."
        encoded: bytes = engine_schema(f"{prefix}{name}").encode(datum)
        return encoded

    def _label(self, number: int) -> bytes:
        odd = number % 3 == 0
        truth: Any = {"binary": odd, "regression": number % 100 / 100}.get(
            self._line.kind, CLASSES[number % len(CLASSES)]
        )
        told: bytes = self.labels.encode({"id": f"event-{number:012}", "truth": truth})
        return told


def measured(kind: str, count: int) -> dict[str, Any]:
    """Return what a report of so many scores takes."""
    line = line_of(kind)
    generated, topics = Generated(line, count), line_topics(line.name)
    appended = frozenset({line.events, topics.scores})
    schemas = Schemas(generated.labels if line.labels else None, {})
    began_s = time.monotonic()
    facts = facts_of(line, Sources(generated, range(1), appended), schemas, Control())
    page = render_line(facts)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "kind": kind,
        "scores": facts.answers,
        "peak MiB": round(peak / (1024 if sys.platform != "darwin" else 1024 * 1024), 1),
        "seconds": round(time.monotonic() - began_s, 1),
        "page KiB": len(page) // 1024,
        "headline": line_headline(facts),
    }


def main(arguments: Iterable[str] | None = None) -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kind", choices=LABEL, default="binary")
    parser.add_argument("--scores", type=int, default=1_000_000)
    parser.add_argument("--json", action="store_true", help="It is JSON in any case.")
    asked = parser.parse_args(None if arguments is None else list(arguments))
    print(json.dumps(measured(asked.kind, asked.scores), indent=1))


if __name__ == "__main__":
    main()
