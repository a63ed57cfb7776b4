"""A candidate that raises when it learns is as it was before, and the result says how often."""

from pathlib import Path

from labline.lab_replay.experiments.experiment import Experiment
from labline.lab_replay.experiments.frames import result_frame
from labline.lab_replay.experiments.run import load_costs, run_experiment, trial_of
from tests.lab.past import EVENT, LABEL, LINE, MODELS, recorded


class Stumbles:
    """Raises at every label of an event whose x is 0."""

    def predict_proba_one(self, x: dict[str, float]) -> dict[bool, float]:
        return {True: 0.25 + 0.0 * x["x"], False: 0.75}

    def learn_one(self, x: dict[str, float], y: bool) -> None:
        if x["x"] == 0:
            raise ValueError(y)


def stumbles() -> Stumbles:
    return Stumbles()


def test_what_raised_when_it_learned_is_counted_in_the_result(tmp_path: Path) -> None:
    experiment = Experiment(
        name="x",
        line="l",
        recipes={"linear": MODELS["linear"], "stumbles": f"{__name__}:stumbles"},
        metrics=["brier"],
        otherwise=False,
    )
    recording = recorded(tmp_path / "history")
    trial = trial_of(experiment, LINE, (EVENT, LABEL), recording)
    result = run_experiment(experiment, trial, tmp_path / "out", cores=1)
    failed = {one.name: one.learn_failed for one in result.candidates}
    # of each partition's labels 0 to 49 but that of the broken event 10, those where x is 0
    expected = sum((n * 7 + p) % 5 == 0 for p in (0, 1) for n in range(50) if n != 10)
    assert failed == {"linear": 0, "stumbles": expected, "base-rate": 0}
    frame = result_frame(result, load_costs(tmp_path / "out"), "pandas")
    assert frame.set_index("model")["learn_failed"]["stumbles"] == expected
    assert '"learn_failed": 0' in result.to_json()
