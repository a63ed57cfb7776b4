"""A trial: which line's past to replay, with which models, and how."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from labline.engine.core.kinds import BINARY, KINDS
from labline.engine.core.line import Line
from labline.engine.core.spec import Learner, Slot, Spec
from labline.engine.drift.detector import Detector
from labline.engine.drift.detectors.population_stability import PopulationStability
from labline.engine.errors import LablineError
from labline.engine.models.control.configuration import CANDIDATE
from labline.engine.models.state.environment import environment
from labline.lab_replay.recordings.recording import Recording
from labline.lab_replay.recordings.schema_heads import MORE
from labline.schemas.avro import Schema
from labline.schemas.framing import head_of
from labline.schemas.values.value_format import Heads

FORMAT = 2  # of what is kept under a digest
NO_REVISION = -1
#: What of a line no score depends on.
SCORES_WITHOUT = ("question", "owner", "incumbent", "decision", "baselines", "start", "learner")


@dataclass(frozen=True)
class Trial:
    """What to replay: a line over a recording, with models by name.

    Attributes
    ----------
    models
        Recipes by name: candidates and baselines alike.
    writers
        By frame head, the versions that records may be written with.
    delay_ms
        None: labels come when they came. Else each comes this long after its event, for
        comparison: 0 is what most evaluations assume.
    slices
        Features by whose values the events are told apart.
    reference
        A model; others that are certainly worse are given up. None: all are walked to the end.
    input_detector
        What watches the numeric features for a change.
    baselines
        Which of the models are baselines.
    metrics
        What candidates are measured by; the first decides which is best.
    """

    recording: Recording
    line: Line
    event_schema: Schema
    label_schema: Schema | None
    models: Mapping[str, str]
    writers: Heads = field(default_factory=dict)
    delay_ms: int | None = None
    slices: Sequence[str] = ()
    reference: str | None = None
    input_detector: Detector = field(default_factory=PopulationStability)
    baselines: Sequence[str] = ()
    metrics: Sequence[str] = ()

    @cached_property
    def digest(self) -> str:
        """What stands for all that scores depend on, beside the models' recipes."""
        line = json.loads(self.line.canonical())
        content = {
            "format": FORMAT,
            "recording": self.recording.digest,
            "line": {name: value for name, value in line.items() if name not in SCORES_WITHOUT},
            "schemas": [s and s.document for s in (self.event_schema, self.label_schema)],
            "writers": self.writers_known(),
            "delay_ms": self.delay_ms,
            "slices": list(self.slices),
            "reference": self.reference and self.models[self.reference],
            "environment": environment(),
        }
        text = json.dumps(content, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:32]

    @property
    def marks_digest(self) -> str:
        """What stands for the detectors: other ones give other marks over the same scores."""
        text = "\n".join(f"{name} {each}" for name, each in self.detectors.items())
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @cached_property
    def detectors(self) -> dict[str, Detector]:
        """What watches each feature: text only what can watch values of any kind."""
        features = self.line.features
        text = self.input_detector if self.input_detector.values == "any" else PopulationStability()
        numbers = dict.fromkeys(features.numeric, self.input_detector)
        return numbers | dict.fromkeys(features.categorical, text)

    def spec(self, recorder: Learner) -> Spec:
        """Return the task's configuration: one slot, which writes down what happens."""
        return Spec(
            line=joined(self.line),
            revision=NO_REVISION,
            inputs=(self.line.events, self.line.labels, ""),
            event_schema=self.event_schema,
            label_schema=self.label_schema,
            champion=Slot(CANDIDATE, "recorder", recorder),
            writers=self.writers,
        )

    def partitions(self) -> tuple[int, ...]:
        """Return the partitions of events, ascending.

        Raises
        ------
        LablineError
            ``LL-RECORDING-TOPIC`` when events or labels were not recorded,
            ``LL-RECORDING-PARTITIONS`` when labels have other partitions than events.
        """
        events = self.recording.partitions(self.line.events)
        if self.line.labels is not None:
            labels = self.recording.partitions(self.line.labels)
            if labels != events:
                raise LablineError(
                    "LL-RECORDING-PARTITIONS",
                    f"{self.line.events} has partitions {_list(events)} in the recording,"
                    f" {self.line.labels} has {_list(labels)}",
                    "record all partitions of both: labline record",
                )
        return events

    def sizes(self) -> dict[int, int]:
        """Return of each partition how many records its events and labels are; see `partitions`."""
        topics = [topic for topic in (self.line.events, self.line.labels) if topic is not None]
        files = self.recording.manifest.topics
        return {
            partition: sum(files[topic][partition].records for topic in topics)
            for partition in self.partitions()
        }

    def writers_known(self) -> dict[str, Any]:
        """Return which schemas wrote the recorded values, as far as that is known, by their heads.

        A value whose schema becomes known later is no dead letter any more.
        """
        topics = [topic for topic in (self.line.events, self.line.labels) if topic is not None]
        manifest = self.recording.manifest.topics
        files = [f for t in topics for f in manifest.get(t, {}).values() if f.records]
        names = {name for file in files for name in file.writers}
        heads = {head_of(name) for name in names} - {None}
        if MORE in names or not all(file.writers for file in files):  # the manifest tells not all
            heads |= set(self.writers)
        known = {head.hex(): self.writers.get(head) for head in heads if head is not None}
        return {head: schema and schema.document for head, schema in known.items()}


def joined(line: Line) -> Line:
    """Return a line whose task joins labels, though none is learned: figures rest on them.

    Examples
    --------
    >>> line = Line.parse({"name": "l", "kind": "anomaly", "events": "e", "id": "id",
    ...     "features": {"numeric": ["x"]}})
    >>> joined(line).kind
    'binary'
    """
    if KINDS[line.kind].learns_labels:
        return line
    return line.model_copy(update={"kind": BINARY.name})


def _list(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers)) or "none"
