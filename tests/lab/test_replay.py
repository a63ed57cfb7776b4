"""The lab's replay is the factory's fold: prequential, in the one order, all models in a pass."""

from pathlib import Path

import numpy as np
import pytest

from engine.core.line import Line
from engine.core.record import Record
from engine.errors import LablineError
from engine.models.learner import cold
from engine.models.registry import Registry
from engine.models.signing import Signer, generate, load_public_keys
from lab_replay.experiment import Experiment
from lab_replay.prediction_log import NO_LABEL
from lab_replay.recording import Recording
from lab_replay.recording_format import Manifest, partition_path, write_manifest, write_partition
from lab_replay.replay import Trial, replay
from lab_replay.result import ExperimentResult
from lab_replay.run import register, run_experiment
from tests.unit.test_task import EVENT, LABEL, event, label

EVENTS, LABELS = "e", "lab"
MODELS = {
    "linear": "Select('x') | StandardScaler() | LogisticRegression()",
    "base-rate": "BaseRate()",
}
LINE = Line.parse(
    {
        "name": "l",
        "events": EVENTS,
        "labels": LABELS,
        "id": "id",
        "refers_to": "id",
        "label": "y",
        "features": {"numeric": ["x"]},
    }
)


def history(partition: int) -> tuple[list[Record], list[Record]]:
    """Make events a second apart; most get a label three seconds later, one is broken."""
    events = [
        event(n, 1_000 * n, x=float((n * 7 + partition) % 5), identity=f"p{partition}-{n}")
        for n in range(60)
    ]
    events[10] = (*events[10][:3], b"broken", None)
    labels = [
        label(n, 1_000 * n + 3_000, f"p{partition}-{n}", y=(n * 7 + partition) % 5 > 2)
        for n in range(50)
    ]
    return events, labels


@pytest.fixture
def recording(tmp_path: Path) -> Recording:
    folder = tmp_path / "history"
    files: dict[str, dict[int, object]] = {EVENTS: {}, LABELS: {}}
    for partition in (0, 1):
        for topic, records in zip((EVENTS, LABELS), history(partition), strict=True):
            path = partition_path(folder, topic, partition)
            path.parent.mkdir(parents=True, exist_ok=True)
            files[topic][partition] = write_partition(path, [records], start=0, end=len(records))
    write_manifest(folder, Manifest.of("cluster", files))  # type: ignore[arg-type]
    return Recording.open(folder)


def expected(partition: int) -> dict[str, float]:
    """Score and learn by hand: score at n, the label of n - 3 is learned before n + 1."""
    model, scores = cold(MODELS["linear"]), {}
    events, labels = history(partition)
    truth = {f"p{partition}-{n}": (n * 7 + partition) % 5 > 2 for n in range(len(labels))}
    x = {f"p{partition}-{n}": float((n * 7 + partition) % 5) for n in range(len(events))}
    for n in range(len(events)):
        due = f"p{partition}-{n - 4}"  # at equal times the event comes first
        if due in truth and n - 4 != 10:
            model.learn({"x": x[due]}, truth[due])
        if n != 10:
            scores[f"p{partition}-{n}"] = model.score({"x": x[f"p{partition}-{n}"]})
    return scores


def test_a_replay_scores_first_and_learns_when_labels_really_came(recording: Recording) -> None:
    told: list[int] = []
    replayed = replay(Trial(recording, LINE, EVENT, LABEL, MODELS), told.append)
    log = replayed.log
    assert dict(zip(log.ids, log.probabilities["linear"].tolist(), strict=True)) == {
        **expected(0),
        **expected(1),
    }
    assert np.count_nonzero(log.label == NO_LABEL) == 2 * 10
    assert replayed.counts == {
        "answers": 2 * 59,
        "dead_letters": 2,
        "learned": 2 * 49,
        "orphan": 2,
    }
    assert sum(told) <= recording.manifest.records


def test_an_experiment_leaves_result_report_and_signed_versions(
    recording: Recording, tmp_path: Path
) -> None:
    experiment = Experiment(
        name="x", line="l", recipes={"linear": MODELS["linear"]}, metrics=["log_loss", "roc_auc"]
    )
    out = tmp_path / "out"
    result = run_experiment(experiment, LINE, (EVENT, LABEL), recording, out)
    assert ExperimentResult.from_json((out / "result.json").read_text()) == result
    assert [c.name for c in result.candidates] == ["linear", "base-rate"]
    assert "uPlot" in (out / "report.html").read_text()
    generate(tmp_path / "key.pem", tmp_path / "keys" / "k.pub")
    signer = Signer.load(tmp_path / "key.pem")
    registry = Registry(tmp_path / "models", load_public_keys(tmp_path / "keys"))
    first = register(result, registry, signer)
    assert {name: version.label for name, version in first.items()} == {"linear": "l-linear@1"}
    assert register(result, registry, signer) == first  # the same again is no new version


def test_a_line_without_labels_cannot_be_replayed_yet(recording: Recording) -> None:
    line = Line.parse({"name": "l", "events": "e", "id": "id", "features": {"numeric": ["x"]}})
    with pytest.raises(LablineError, match="LL-LAB-LABELS"):
        replay(Trial(recording, line, EVENT, LABEL, MODELS))
