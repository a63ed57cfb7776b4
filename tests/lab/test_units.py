"""Units of work: however partitions and candidates are split, figures stay the same."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from labline.engine.errors import LablineError
from labline.engine.models.learning.learner import cold
from labline.lab_replay.evaluation.bounded import losses_of_both
from labline.lab_replay.recordings.recording import Recording
from labline.lab_replay.recordings.recording_format import (
    Manifest,
    Redacted,
    partition_path,
    write_manifest,
    write_partition,
)
from labline.lab_replay.replay.replay import records_of, replay
from labline.lab_replay.replay.rows import Rows
from labline.lab_replay.replay.steps import steps_of
from labline.lab_replay.replay.trial import Trial
from labline.lab_replay.replay.units import EACH, SINGLE, Unit, run_unit
from labline.schemas.avro import Schema
from labline.topics.partitioning import partition_of
from tests.lab.past import EVENT, EVENTS, LABEL, LINE, MODELS, history, recorded

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


def test_without_keys_nothing_is_split_by_them(tmp_path: Path) -> None:
    recording = recorded(tmp_path / "history", partitions=(0,))
    told = recording.manifest
    redacted = {LINE.events: Redacted(keys=True)}
    write_manifest(tmp_path / "history", Manifest.of(told.cluster, told.topics, redacted))
    trial = Trial(Recording.open(tmp_path / "history"), LINE, EVENT, LABEL, {"linear": LINEAR})
    assert replay(trial, tmp_path, learners=SINGLE, otherwise=True).otherwise is None
    once = records_of(trial, learners=SINGLE)
    assert records_of(trial, learners=SINGLE, otherwise=True) == once


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


@pytest.mark.parametrize("learners", [EACH, SINGLE])
def test_who_is_given_up_is_so_whichever_way_they_learn(tmp_path: Path, learners: str) -> None:
    recording = recorded(tmp_path / "history", events=9_000)
    models = {"base-rate": "BaseRate()", "sure": "NoChange(0.999)", "linear": LINEAR}
    trial = Trial(recording, LINE, EVENT, LABEL, models, reference="base-rate")
    found = replay(trial, tmp_path, learners=learners, otherwise=True, cores=2)
    whole = replay(
        replace(trial, reference=None), tmp_path / "w", learners=learners, otherwise=True, cores=1
    )
    for walk in found.walks["sure"]:
        assert walk.stopped_at is not None
    assert found.log.scores["linear"].tobytes() == whole.log.scores["linear"].tobytes()
    answered = ~np.isnan(found.log.scores["sure"])
    assert 0 < answered.sum() < len(found.log)
    assert (found.log.scores["sure"] == whole.log.scores["sure"])[answered].all()
    # the other way is for comparison: nobody is given up there
    assert found.otherwise is not None
    assert whole.otherwise is not None
    for name in models:
        assert found.otherwise.scores[name].tobytes() == whole.otherwise.scores[name].tobytes()


def test_labels_find_their_scores_where_partitions_learn_together(tmp_path: Path) -> None:
    """What is wrong in one partition only is given up at the label where that shows."""
    recording = recorded(tmp_path / "history", events=3_000)
    models = {"base-rate": "BaseRate()", "linear": LINEAR}
    trial = Trial(recording, LINE, EVENT, LABEL, models, reference="base-rate")
    unit = Unit(trial.partitions(), SINGLE, models, reference="base-rate")
    asked: list[tuple[float, float]] = []

    def losses(one: Any, two: Any, label: Any, loss: str) -> Any:
        for score in (one, two):
            asked.extend(zip(score.tolist(), label.tolist(), strict=True))
        return losses_of_both(one, two, label, loss)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("labline.lab_replay.replay.early_stopping.losses_of_both", losses)
        run_unit(trial, unit)
    log = replay(replace(trial, reference=None), tmp_path / "w", learners=SINGLE).log
    rows = log.label_rows()
    for name in models:
        told = sorted(zip(log.scores[name][rows].tolist(), log.label[rows].tolist(), strict=True))
        assert all(pair in asked for pair in told)


def test_a_schema_that_becomes_known_is_no_reason_to_keep_what_was_cached(tmp_path: Path) -> None:
    fields = [f for f in EVENT.document["fields"] if f["name"] != "x"]
    old = Schema.parse({"type": "record", "name": "Event", "fields": [
        *fields, {"name": "x", "type": "double"}]})  # fmt: skip
    value = old.encode({"id": "old", "at": 70_000, "x": 1.0})
    past = tmp_path / "history"
    files = {**recorded(past).manifest.topics}
    events, _ = history(0)
    place = partition_path(past, EVENTS, 0)
    more = write_partition(place, [[*events, (60, 0, b"k", value, None)]], start=0, end=61)
    files[EVENTS] = {**files[EVENTS], 0: more}
    write_manifest(past, Manifest.of("cluster", files))
    trial, cache = Trial(Recording.open(past), LINE, EVENT, LABEL, MODELS), tmp_path / "cache"
    counts = [
        replay(replace(trial, writers=writers), tmp_path / "out", cache=cache).counts
        for writers in ({}, {bytes(10): LABEL}, {old.head: old})
    ]
    assert [count["answers"] for count in counts] == [118, 118, 119]
    assert [count["dead_letters"] for count in counts] == [3, 3, 2]
    other = replace(trial, writers={bytes(10): LABEL})  # wrote nothing of it
    assert other.digest == trial.digest


def test_a_damaged_entry_is_made_again(trial: Trial, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    first = replay(trial, tmp_path / "a", cache=cache)
    entry = next(path for path in cache.rglob("*.npz") if not path.name.startswith("rows"))
    entry.write_bytes(entry.read_bytes()[:-40])
    with pytest.raises(LablineError, match="LL-LAB-CACHE"):
        replay(trial, tmp_path / "b", cache=cache)
    again = replay(trial, tmp_path / "c", cache=cache)
    assert again.log.scores["linear"].tobytes() == first.log.scores["linear"].tobytes()


def test_an_altered_recording_has_other_figures(trial: Trial, tmp_path: Path) -> None:
    other = recorded(tmp_path / "other", events=50)
    assert Recording.open(tmp_path / "other").digest == other.digest
    cache = tmp_path / "cache"
    replay(trial, tmp_path / "a", cache=cache)
    told: list[int] = []
    replay(Trial(other, LINE, EVENT, LABEL, MODELS), tmp_path / "b", told.append, cache=cache)
    assert sum(told) > 0
