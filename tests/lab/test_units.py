"""Units of work: however partitions and candidates are split, figures stay the same."""

from pathlib import Path

import numpy as np
import pytest

from engine.models.learner import cold
from lab_replay.recording import Recording
from lab_replay.replay import records_of, replay
from lab_replay.rows import Rows
from lab_replay.steps import steps_of
from lab_replay.trial import Trial
from lab_replay.units import SINGLE
from tests.lab.past import EVENT, LABEL, LINE, MODELS, recorded
from topics.partitioning import partition_of

LINEAR = MODELS["linear"]


@pytest.fixture
def trial(tmp_path: Path) -> Trial:
    return Trial(recorded(tmp_path / "history"), LINE, EVENT, LABEL, MODELS)


def test_cores_and_groups_change_nothing(trial: Trial, tmp_path: Path) -> None:
    one = replay(trial, tmp_path / "one", cores=1, otherwise=True)
    many = replay(trial, tmp_path / "many", cores=7, otherwise=True)
    for name in trial.models:
        assert one.log.scores[name].tobytes() == many.log.scores[name].tobytes()
        assert one.otherwise is not None
        assert many.otherwise is not None
        assert one.otherwise.scores[name].tobytes() == many.otherwise.scores[name].tobytes()
    assert one.counts == many.counts


def test_a_single_learner_walks_all_partitions_in_the_order_of_time(
    trial: Trial, tmp_path: Path
) -> None:
    steps = sorted(
        (step[0], partition, place, step)
        for partition in trial.partitions()
        for place, step in enumerate(
            step for block in steps_of(trial, Rows(trial, partition)) for step in block
        )
    )
    learner, expected = cold(LINEAR), {}
    for _, partition, _, (_, row, features, label) in steps:
        if label is None:
            expected[partition, row] = learner.score(features)
        else:
            learner.learn(features, label)
    log = replay(trial, tmp_path, learners=SINGLE).log
    for partition in trial.partitions():
        found = log.scores["linear"][log.partition == partition].tolist()
        assert found == [expected[partition, row] for row in range(len(found))]
    apart = replay(trial, tmp_path / "apart").log
    assert apart.scores["linear"].tolist() != log.scores["linear"].tolist()


def test_a_single_partition_is_split_by_key_for_comparison(tmp_path: Path) -> None:
    recording = recorded(tmp_path / "history", partitions=(0,))
    trial = Trial(recording, LINE, EVENT, LABEL, {"linear": LINEAR})
    other = replay(trial, tmp_path, learners=SINGLE, otherwise=True).otherwise
    assert other is not None
    keys = {r[0]: r[2] for batch in recording.records(LINE.events, 0) for r in batch}
    learners = [cold(LINEAR) for _ in range(4)]
    rows = Rows(trial, 0)
    steps = [step for block in steps_of(trial, rows) for step in block]
    offsets, expected = rows.columns().offset, []
    for _, row, features, label in steps:
        learner = learners[partition_of(keys[offsets[row]] or b"", 4)]
        if label is None:
            expected.append(learner.score(features))
        else:
            learner.learn(features, label)
    assert other.scores["linear"].tolist() == expected


def test_what_was_replayed_is_not_replayed_again(trial: Trial, tmp_path: Path) -> None:
    told: list[int] = []
    first = replay(trial, tmp_path / "a", told.append, cache=tmp_path / "cache")
    assert sum(told) == records_of(trial)
    told.clear()
    again = replay(trial, tmp_path / "b", told.append, cache=tmp_path / "cache")
    assert not told
    assert again.log.scores["linear"].tobytes() == first.log.scores["linear"].tobytes()
    more = Trial(trial.recording, LINE, EVENT, LABEL, {**MODELS, "none": "NoChange(0.6)"})
    found = replay(more, tmp_path / "c", told.append, cache=tmp_path / "cache")
    assert sum(told) == records_of(trial)  # one pass for the new one
    assert found.log.scores["linear"].tobytes() == first.log.scores["linear"].tobytes()
    assert found.counts == first.counts


def test_what_was_done_before_it_was_cut_off_is_kept(trial: Trial, tmp_path: Path) -> None:
    told: list[int] = []

    def cut(records: int) -> None:
        told.append(records)
        if sum(told) > records_of(trial) / 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        replay(trial, tmp_path / "a", cut, cache=tmp_path / "cache", cores=1)
    told.clear()
    replay(trial, tmp_path / "a", told.append, cache=tmp_path / "cache", cores=1)
    assert sum(told) == records_of(trial) / 2


def test_a_hopeless_candidate_is_given_up(tmp_path: Path) -> None:
    recording = recorded(tmp_path / "history", partitions=(0,), events=3_000)
    models = {"base-rate": "BaseRate()", "sure": "NoChange(0.999)", "linear": LINEAR}
    trial = Trial(recording, LINE, EVENT, LABEL, models, reference="base-rate")
    found = replay(trial, tmp_path)
    whole = replay(Trial(recording, LINE, EVENT, LABEL, models), tmp_path / "whole")
    stopped = found.walks["sure"][0].stopped_at
    assert stopped is not None
    assert 50 < stopped < 2_500
    assert np.isnan(found.log.scores["sure"]).sum() > 300
    for name in ("base-rate", "linear"):
        assert found.walks[name][0].stopped_at is None
        assert found.log.scores[name].tobytes() == whole.log.scores[name].tobytes()


def test_an_altered_recording_has_other_figures(trial: Trial, tmp_path: Path) -> None:
    other = recorded(tmp_path / "other", events=50)
    assert Recording.open(tmp_path / "other").digest == other.digest
    cache = tmp_path / "cache"
    replay(trial, tmp_path / "a", cache=cache)
    told: list[int] = []
    replay(Trial(other, LINE, EVENT, LABEL, MODELS), tmp_path / "b", told.append, cache=cache)
    assert sum(told) > 0
