"""History by the lab's own commands: a topic, a stretch of it, and what cannot be replayed."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import TopicPartition

from labline.engine.broker.clients import admin_client
from labline.engine.broker.servers.ports import choose
from labline.lab_replay.recordings.recorder import recording_ranges
from labline.lab_replay.recordings.recording import Recording
from tests.broker.process import TIMEOUT_S, until
from tests.broker.shop import RECIPE, Shop, at

pytestmark = pytest.mark.broker

MODEL = """
from river import linear_model, preprocessing
def plain():
    return preprocessing.StandardScaler() | linear_model.LogisticRegression()
"""

HOLDS = """
import sys
from pathlib import Path
from labline.lab_replay.recordings.cached import hold
hold(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def shop(broker: str, name: str, tmp_path: Path) -> Shop:
    made = Shop(broker, name, tmp_path)
    made.create_topics()
    return made


def test_a_topic_is_recorded_then_replayed_and_kept_until_it_grows(
    shop: Shop, tmp_path: Path
) -> None:
    shop.publish(0, 300)
    first, said = shop.replay(shop.events)
    assert "recording: 600 in " in said
    out = str(tmp_path / "by-hand")
    shop.run("record", shop.events, shop.labels, "--out", out)
    assert shop.replay(out)[0] == first
    assert first["counts"]["events"] == 300
    (kept,) = shop.kept()
    again, said = shop.replay(shop.events)
    assert again == first
    assert f"nothing new since it was recorded: {kept}" in said
    assert "recording: " not in said
    shop.publish(300, 400)
    grown, said = shop.replay(shop.events)
    assert "has grown: what is new is recorded, too\nrecording: 800 in " in said
    assert grown["counts"]["events"] == 400
    (longer,) = shop.kept()
    assert longer != kept
    shop.run("record", shop.events, shop.labels, "--out", f"{out}-longer")
    assert Recording.open(longer).digest == Recording.open(f"{out}-longer").digest


def test_a_stretch_of_history_is_what_record_takes(shop: Shop, tmp_path: Path) -> None:
    shop.publish(0, 300)
    name = shop.experiment(history={"from": at(50), "to": at(250)})
    result = json.loads(shop.run("lab", "run", name, "--no-mlflow", "--json").stdout)
    assert result["counts"]["events"] == 200
    out = str(tmp_path / "by-hand")
    bounds = ("--from", at(50), "--to", at(250))
    shop.run("record", shop.events, shop.labels, "--out", out, *bounds)
    shop.experiment()
    by_hand = json.loads(
        shop.run("lab", "run", name, "--no-mlflow", "--recording", out, "--json").stdout
    )
    assert by_hand == result
    shop.experiment(history={"from": at(50), "to": at(250)})
    shop.publish(300, 350)  # behind it: nothing of the stretch
    done = shop.run("lab", "run", name, "--no-mlflow", "--json")
    assert json.loads(done.stdout) == result
    assert "nothing new since" in done.stderr


def delete(shop: Shop, before: int) -> None:
    """Take what is before an offset out of the logs, as retention would."""
    places = [TopicPartition(t, p, before) for t in (shop.events, shop.labels) for p in (0, 1)]
    admin = admin_client(shop.bootstrap)  # held: its answers go with it
    for deleted in admin.delete_records(places).values():
        deleted.result(TIMEOUT_S)


def test_what_retention_took_is_still_replayed(shop: Shop) -> None:
    """Also when the topics have grown since."""
    shop.publish(0, 100)
    first, _ = shop.replay(shop.events)
    delete(shop, 20)
    again, said = shop.replay(shop.events)
    assert again == first
    assert "nothing new since" in said
    shop.publish(100, 150)
    delete(shop, 30)
    grown, said = shop.replay(shop.events)
    assert grown["counts"]["events"] == 150
    assert " lost " not in said
    shop.publish(150, 350)
    delete(shop, 100)
    grown, said = shop.replay(shop.events)
    (kept,) = shop.kept()
    files = Recording.open(kept).manifest.topics[shop.events]
    held = {p: told.records for p, told in files.items()}
    assert grown["counts"]["events"] == sum(held.values()) < 350
    for partition, records in held.items():
        lost = f"{shop.events}/{partition} lost {files[partition].end - records:,} offsets from"
        assert files[partition].start == 0
        assert (lost in said) == (records < files[partition].end)


def test_what_was_recorded_stays_while_it_is_replayed_and_when_recording_fails(
    shop: Shop,
) -> None:
    shop.publish(0, 100)
    shop.replay(shop.events)
    (kept,) = shop.kept()
    reader = [sys.executable, "-c", HOLDS, str(kept)]
    environment = {**os.environ, "PYTHONPATH": str(Path.cwd())}
    with subprocess.Popen(
        reader, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holding:
        assert holding.stdout is not None
        assert holding.stdout.readline() == "held\n"
        shop.publish(100, 150)
        grown, _ = shop.replay(shop.events)
        assert grown["counts"]["events"] == 150
        assert len(shop.kept()) == 2
        assert Recording.open(kept).manifest.records == 200
        holding.communicate("", TIMEOUT_S)
    assert shop.replay(shop.events)[0] == grown
    (longer,) = shop.kept()
    shop.publish(150, 160)
    begun = longer.with_name(longer.name.replace("~2", "~3"))
    begun.write_text("in the way: recording there fails")
    shop.run("lab", "replay", shop.events, "--recipe", RECIPE, code=1)
    assert Recording.open(longer).manifest.records == 300


def test_a_topic_made_anew_is_another_one(shop: Shop) -> None:
    shop.publish(0, 100)
    first, _ = shop.replay(shop.events)
    admin = admin_client(shop.bootstrap)  # held: its answers go with it
    for deleted in admin.delete_topics([shop.events, shop.labels]).values():
        deleted.result(TIMEOUT_S)
    until("it is gone", lambda: shop.events not in admin.list_topics(timeout=30).topics)
    shop.create_topics()
    shop.publish(100, 200)  # as many, at the same offsets
    other, said = shop.replay(shop.events)
    assert "recording: 200 in " in said
    assert other["counts"]["events"] == 100
    assert metrics(other) != metrics(first)


def test_a_recording_that_was_cut_off_goes_on(shop: Shop) -> None:
    """It keeps the ranges that it began with, and says so when there is more by now."""
    shop.publish(0, 100)
    first, _ = shop.replay(shop.events)
    (kept,) = shop.kept()
    shutil.rmtree(kept)
    recording_ranges(shop.bootstrap, [shop.events, shop.labels], kept)
    shop.publish(100, 150)
    went_on, said = shop.replay(shop.events)
    assert went_on == first
    assert "that is up to where the topics ended when it was cut off" in said
    whole, said = shop.replay(shop.events)
    assert whole["counts"]["events"] == 150
    assert "has grown: what is new is recorded, too" in said


def test_nothing_to_replay_is_one_clear_line(shop: Shop, tmp_path: Path) -> None:
    replay = ("lab", "replay", shop.events, "--recipe", RECIPE)
    said = shop.refused(*replay)
    assert f"{shop.events} has no records" in said
    assert f"labline publish {shop.events}" in said
    out = str(tmp_path / "empty")
    shop.run("record", shop.events, shop.labels, "--out", out)
    said = shop.refused("lab", "replay", out, "--recipe", RECIPE)
    assert f"LL-RECORDING-EMPTY: {out} holds no record of {shop.events}" in said
    shop.publish(0, 10)
    name = shop.experiment(history={"from": at(100), "to": at(200)})
    said = shop.refused("lab", "run", name)
    assert f"no record of {shop.events} and {shop.labels} is between one: history.from and" in said
    assert f"{shop.events} has {at(0)[:19]}Z to {at(9)[:19]}Z" in said
    name = shop.experiment(history={"from": at(8), "to": at(3)})
    said = shop.refused("lab", "run", name)
    assert f"history.from {at(8)[:19]}Z is not before one: history.to {at(3)[:19]}Z" in said
    bounds = ("--from", at(8), "--to", at(8), "--out", str(tmp_path / "none"))
    said = shop.refused("record", shop.events, *bounds)
    assert f"--from {at(8)[:19]}Z is not before --to" in said
    assert shop.kept() == []


def test_labels_alone_and_bad_times_are_refused(shop: Shop) -> None:
    shop.publish(0, 10)
    stretch = {"from": at(9)[:-6] + ".200+00:00", "to": at(10)}
    said = shop.refused("lab", "run", shop.experiment(history=stretch))
    assert f"{shop.events} has no records there, only its labels have" in said
    said = shop.refused("lab", "run", shop.experiment(history={"from": "yesterday"}))
    assert "history.from 'yesterday' is neither a time nor an offset" in said
    said = shop.refused("lab", "run", shop.experiment())
    assert "LL-EXPERIMENT-HISTORY" in said


def test_other_topics_other_lines_and_no_broker_are_told(shop: Shop) -> None:
    shop.publish(0, 10)
    said = shop.refused("lab", "replay", shop.labels, "--recipe", RECIPE)
    assert f"reads its events from {shop.events}, not from {shop.labels}" in said
    shop.add_line(f"{shop.name}.second")
    said = shop.refused("lab", "replay", shop.events, "--recipe", RECIPE)
    assert f"--line: {shop.name}, {shop.name}.second" in said
    nowhere = f"127.0.0.1:{choose(None, set())}"
    replay = ("lab", "replay", shop.events, "--recipe", RECIPE, "--line", shop.name)
    said = shop.refused(*replay, LABLINE_BOOTSTRAP_SERVERS=nowhere)
    assert f"LL-LAB-BROKER: no Kafka answers at {nowhere}" in said


def test_a_model_by_name_is_found_in_the_workspace(shop: Shop) -> None:
    """By worker processes as well: there is enough to do for two. Its code may change."""
    shop.publish(0, 20_000)
    module = shop.root / "their" / "models.py"
    module.parent.mkdir()
    module.write_text(MODEL)
    ours, _ = shop.replay(shop.events)
    theirs = replay_as_process(shop, "their.models:plain")
    assert metrics(theirs) == metrics(ours)
    module.write_text(MODEL.replace("LogisticRegression()", "LogisticRegression(l2=0.5)"))
    other = replay_as_process(shop, "their.models:plain")
    assert metrics(other) != metrics(ours)


def replay_as_process(shop: Shop, model: str) -> Any:
    """Return the result of a replay in a process that imports the user's module anew."""
    words = ("lab", "replay", shop.events, "--recipe", model, "--json", "-w", str(shop.root))
    done = subprocess.run(
        [sys.executable, "-m", "labline.engine.cli.main", *words],
        env={**os.environ, "LABLINE_BOOTSTRAP_SERVERS": shop.bootstrap},
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=TIMEOUT_S,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def metrics(result: Any) -> Any:
    return result["candidates"][0]["metrics"]
