"""The lab's replay is the factory's fold: prequential, in the one order, all models in a pass."""

from pathlib import Path

import numpy as np
import pytest

from labline.engine.models.control.registry import Registry
from labline.engine.models.control.signing import Signer, generate, load_public_keys
from labline.engine.models.learning.learner import cold
from labline.lab_replay.evaluation.prediction_log import PREDICTIONS, PredictionLog
from labline.lab_replay.evaluation.result import ExperimentResult
from labline.lab_replay.experiments.experiment import Experiment
from labline.lab_replay.experiments.run import load_costs, register, run_experiment, trial_of
from labline.lab_replay.recordings.recording import Recording
from labline.lab_replay.replay.replay import records_of, replay
from labline.lab_replay.replay.trial import Trial
from tests.lab.past import EVENT, LABEL, LINE, MODELS, history, recorded


@pytest.fixture
def recording(tmp_path: Path) -> Recording:
    return recorded(tmp_path / "history")


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


def test_a_replay_scores_first_and_learns_when_labels_really_came(
    recording: Recording, tmp_path: Path
) -> None:
    told: list[int] = []
    trial = Trial(recording, LINE, EVENT, LABEL, MODELS)
    replayed = replay(trial, tmp_path, told.append, otherwise=True)
    log = replayed.log
    names = [f"p{p}-{n}" for p, n in zip(log.partition, log.offset, strict=True)]
    assert dict(zip(names, log.scores["linear"].tolist(), strict=True)) == {
        **expected(0),
        **expected(1),
    }
    assert np.count_nonzero(np.isnan(log.label)) == 2 * 10
    assert replayed.counts == {
        "answers": 2 * 59,
        "dead_letters": 2,
        "learned": 2 * 49,
        "orphan": 2,
    }
    assert sum(told) <= records_of(trial, otherwise=True)


def test_an_experiment_leaves_result_report_and_signed_versions(
    recording: Recording, tmp_path: Path
) -> None:
    experiment = Experiment(
        name="x", line="l", recipes={"linear": MODELS["linear"]}, metrics=["log_loss", "roc_auc"]
    )
    out = tmp_path / "out"
    trial = trial_of(experiment, LINE, (EVENT, LABEL), recording)
    result = run_experiment(experiment, trial, out)
    assert ExperimentResult.from_json((out / "result.json").read_text()) == result
    assert [c.name for c in result.candidates] == ["linear", "base-rate"]
    assert "uPlot" in (out / "report.html").read_text()
    generate(tmp_path / "key.pem", tmp_path / "keys" / "k.pub")
    signer = Signer.load(tmp_path / "key.pem")
    registry = Registry(tmp_path / "models", load_public_keys(tmp_path / "keys"))
    first = register(result, registry, signer)
    assert {name: version.label for name, version in first.items()} == {"linear": "l-linear@1"}
    assert register(result, registry, signer) == first  # the same again is no new version


@pytest.mark.parametrize(
    ("name", "bytes_"),
    [(f"{PREDICTIONS}/score-0.npy", None), (f"{PREDICTIONS}/label.npy", b"\x93NUMPY\x01\x00"),
     ("costs.json", b"{"), ("costs.json", b"\xff"), ("result.json", b""), ("report.html", None)],
)  # fmt: skip
def test_what_was_damaged_is_made_again(
    recording: Recording, tmp_path: Path, name: str, bytes_: bytes | None
) -> None:
    experiment, out = Experiment.of("l", {"linear": MODELS["linear"]}), tmp_path / "out"
    trial = trial_of(experiment, LINE, (EVENT, LABEL), recording)
    result = run_experiment(experiment, trial, out, cores=1, cache=tmp_path / "cache")
    before = (out / name).read_bytes()
    (out / name).unlink()
    if bytes_ is not None:
        (out / name).write_bytes(bytes_)
    assert run_experiment(experiment, trial, out, cores=1, cache=tmp_path / "cache") == result
    assert PredictionLog.load(out / PREDICTIONS).names == ("linear", "base-rate")
    assert load_costs(out).candidates.keys() == {"linear", "base-rate"}
    assert (out / name).read_bytes() == before
