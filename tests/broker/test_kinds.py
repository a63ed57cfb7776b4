"""A line of each kind beside binary through the factory, against plain river and no engine code.

The scorer is killed half-way. The anomaly line has no labels at all: ten lines of TOML.
"""

import json
from collections import Counter
from collections.abc import Iterator
from heapq import heappop, heappush
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from river import anomaly, datasets, linear_model, preprocessing

from labline.engine.broker.clients import admin_client
from labline.engine.errors import LablineError
from labline.engine.models.control.signing import generate
from labline.engine.ops.decoding import Decoder
from labline.engine.workspace.releasing import release_drafts
from labline.engine.workspace.workspace import Workspace
from labline.lab_replay.parity.parity import parity
from labline.schemas.avro import Schema
from tests.broker.factory import PARTITIONS, Factory
from tests.broker.history import EVENT, LABEL, Sent
from tests.broker.process import until
from tests.broker.written import decoded

SECOND_MS = 1_000
BEGIN_MS = 1_400_000_000_000
LABEL_DELAY_MS = 9_500  # between two events, so that no two inputs have the same time
SEGMENTS = ("brickface", "cement", "foliage", "grass", "path", "sky", "window")


class Trial(NamedTuple):
    """A kind of line on one of river's data sets.

    Attributes
    ----------
    line
        What the line's file says beside the topics.
    truth
        Avro type of the label; None: there are none.
    """

    rows: list[tuple[dict[str, float], Any]]
    line: str
    truth: str | None
    recipe: str
    schema: str


def shuttle() -> Trial:
    rows = [*datasets.Shuttle().take(6_000)]
    return Trial(
        rows, 'kind = "anomaly"\ndecision = { threshold = 0.9 }', None,
        "MinMaxScaler() | HalfSpaceTrees(seed=42)", "labline.Score",
    )  # fmt: skip


def approval() -> Trial:
    return Trial(
        [*datasets.TrumpApproval()], 'kind = "regression"\ndecision = { threshold = 40.0 }',
        "double", "StandardScaler() | LinearRegression()", "labline.Score",
    )  # fmt: skip


def segments() -> Trial:
    told = f'kind = "multiclass"\nclasses = {json.dumps(SEGMENTS)}'
    rows = [
        ({name.replace("-", "_"): value for name, value in features.items()}, truth)
        for features, truth in datasets.ImageSegments()
    ]
    return Trial(
        rows, told, "string", "StandardScaler() | SoftmaxRegression()",
        "labline.ClassScore",
    )  # fmt: skip


TRIALS = {"anomaly": shuttle, "regression": approval, "multiclass": segments}
LINE = """
name = "{name}"
events = "{events}"
id = "id"
{told}
features = {{ numeric = {numbers} }}
"""
LABELS = """
labels = "{labels}"
refers_to = "id"
label = "truth"
"""
TIME = {"name": "at", "type": "long", "event_time": True}
ID = {"name": "id", "type": "string"}


class Plant(Factory):
    """A factory with a workspace of its own: events, labels, and one line."""

    def __init__(self, bootstrap: str, name: str, root: Path, trial: Trial) -> None:
        self.bootstrap, self.admin = bootstrap, admin_client(bootstrap)
        self.line, self._root, self._processes, self._groups = f"{name}.line", root, [], {}
        self.events, self.labels = f"{name}.events", f"{name}.labels"
        self.numbers = list(trial.rows[0][0])
        fields = [{"name": number, "type": "double"} for number in self.numbers]
        documents = {"events": [ID, TIME, *fields]}
        documents["labels"] = [ID, TIME, {"name": "truth", "type": trial.truth or "boolean"}]
        for folder in ("topics", "lines", "experiments"):
            (root / folder).mkdir()
        (root / "labline.toml").write_text('name = "plant"\n')
        self.schemas = {}
        for kind, told in documents.items():
            document = {"type": "record", "name": kind.title(), "fields": told}
            self.schemas[kind] = Schema.parse(document)
            folder = root / "schemas" / kind
            folder.mkdir(parents=True)
            (folder / "v1.avsc").write_text(json.dumps(document))
            (root / "topics" / f"{kind}.toml").write_text(
                f'name = "{name}.{kind}"\nschema = "{kind}"\nkey = "id"\n'
                f'partitions = {PARTITIONS}\nretention = "forever"\n'
            )
        text = trial.line + (LABELS.format(labels=self.labels) if trial.truth else "")
        text = LINE.format(
            name=self.line, events=self.events, told=text, numbers=json.dumps(self.numbers)
        )
        (root / "lines" / "line.toml").write_text(text)
        self.declaration = text
        self.workspace = Workspace(root)
        release_drafts(self.workspace)
        generate(self.workspace.private_key, self.workspace.keys_dir / "operator.pub")
        self.apply_topics()

    def records(self, trial: Trial) -> list[Sent]:
        """Return events, one a second, and their labels, in order of time."""
        sent = []
        for number, (features, truth) in enumerate(trial.rows):
            time_ms, identity = BEGIN_MS + number * SECOND_MS, f"n{number}"
            numbers = {name: float(features[name]) for name in self.numbers}
            datum = {"id": identity, "at": time_ms, **numbers}
            key = identity.encode()
            sent.append(Sent(EVENT, key, self.schemas["events"].encode(datum), None, time_ms))
            if trial.truth is not None:
                at = time_ms + LABEL_DELAY_MS
                value = self.schemas["labels"].encode({"id": identity, "at": at, "truth": truth})
                sent.append(Sent(LABEL, key, value, None, at))
        return sorted(sent, key=lambda record: record.time_ms)


def oracle(kind: str, trial: Trial, numbers: list[int]) -> Iterator[Any]:
    """Yield what plain river answers to some of the events, with labels when they come."""
    steps: dict[str, Any] = {
        "anomaly": (preprocessing.MinMaxScaler(), anomaly.HalfSpaceTrees(seed=42)),
        "regression": (preprocessing.StandardScaler(), linear_model.LinearRegression()),
        "multiclass": (preprocessing.StandardScaler(), linear_model.SoftmaxRegression()),
    }
    scaler, last = steps[kind]
    model: Any = scaler | last
    due: list[tuple[int, int]] = []
    for number in numbers:
        time_ms = number * SECOND_MS
        while due and due[0][0] < time_ms:
            features, truth = trial.rows[heappop(due)[1]]
            model.learn_one(as_floats(features), truth)
        features = as_floats(trial.rows[number][0])
        if kind == "anomaly":
            yield model.score_one(features)
            model.learn_one(features)
            continue
        if kind == "regression":
            yield model.predict_one(features)
        else:
            told = model.predict_proba_one(features)
            equal = 1 / len(SEGMENTS)
            yield [told.get(name, 0.0) if told else equal for name in SEGMENTS]
        heappush(due, (time_ms + LABEL_DELAY_MS, number))


def as_floats(features: dict[str, Any]) -> dict[str, float]:
    return {name: float(value) for name, value in features.items()}


@pytest.mark.parametrize("kind", TRIALS)
def test_a_line_of_this_kind(broker: str, name: str, tmp_path: Path, kind: str) -> None:
    trial = TRIALS[kind]()
    with Plant(broker, name, tmp_path, trial) as plant:
        sent = plant.records(trial)
        plant.publish(sent)
        with pytest.raises(LablineError, match="LL-RECIPE"):
            plant.promote(label=plant.register("StandardScaler() | Perceptron()", "stranger"))
        assert plant.line not in plant.control().lines, "refused before it is written"
        plant.promote(label=plant.register(trial.recipe))
        first = plant.scorer(batch_max=50)
        until("some progress", lambda: plant.progress() > len(sent) // 10)
        first.kill()
        assert plant.progress() < len(sent), "killed too late to show anything"
        plant.finish(plant.scorer())

        answers = []
        for partition, records in plant.read(plant.topics().scores).items():
            told = [decoded(trial.schema, record[3]) for record in records]
            numbers = [int(score["id"][1:]) for score in told]
            assert numbers == sorted(set(numbers)), "each once, in order"
            answers += told
            for score, expected in zip(told, oracle(kind, trial, numbers), strict=True):
                check(kind, score, expected)
            assert Decoder().decode(records[0][3]).form == f"avro {trial.schema}", partition
        assert len(answers) == len(trial.rows)
        assert parity(broker, plant.line, plant.control()).verdict == "equal"
        labels = len(trial.rows) if trial.truth else 0
        outcomes = plant.outcomes()
        assert (outcomes["answers"], outcomes["learned"]) == (len(trial.rows), labels)
        assert Counter(score["answer"] for score in answers)[True] > 0
        if kind == "anomaly":
            assert len(plant.declaration.split("\n")) <= 10


def check(kind: str, score: dict[str, Any], expected: Any) -> None:
    """Check one answer against what plain river said, to the last bit."""
    if kind != "multiclass":
        assert (score["value"], score["probability"]) == (expected, None)
        assert score["answer"] == (expected >= {"anomaly": 0.9, "regression": 40.0}[kind])
        return
    best = max(expected)
    assert score["probabilities"] == expected
    assert (score["probability"], score["value"]) == (best, None)
    assert score["label"] == SEGMENTS[expected.index(best)]
    assert score["answer"] == (best >= 0.5)
