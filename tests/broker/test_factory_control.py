"""The control topic and the factory: what is obeyed, what is void, and when it takes effect."""

from contextlib import closing
from datetime import date
from pathlib import Path

from confluent_kafka import Producer

from labline.engine.broker.clients import producer_config
from labline.engine.core.record import EVENTS
from labline.engine.factory.follower import ControlFollower
from labline.engine.factory.worker import free_port
from labline.engine.models.control.configuration import CHAMPION, declaration
from labline.engine.models.control.control import ModelRef, promotion
from labline.engine.models.control.signing import load_public_keys
from labline.lab_replay.parity.parity import parity
from labline.topics.naming import CONTROL_TOPIC
from tests.broker.factory import RECIPE, Factory
from tests.broker.history import history
from tests.broker.process import TIMEOUT_S, until
from tests.broker.written import decoded

FIRST, SECOND, THIRD = date(2013, 1, 1), date(2013, 1, 2), date(2013, 1, 3)


def test_the_line_waits_for_its_champion_and_void_records_change_nothing(
    broker: str, name: str, tmp_path: Path
) -> None:
    """Anybody may write to the control topic; only signed records that fit are obeyed."""
    with Factory(broker, name, tmp_path / "ours") as factory:
        foreign = Factory(broker, f"{name}.other", tmp_path / "theirs")
        factory.publish_days(FIRST, FIRST)
        worker = factory.worker(web_port=free_port(), batch_max=200)
        log = factory.workspace.state_dir / "logs" / f"scorer-{name}-0.log"
        until("it waits", lambda: log.exists() and "waiting for a champion" in log.read_text())
        write_void(factory, foreign)
        first = factory.promote()
        factory.catch_up(worker)
        write_void(factory, foreign)
        factory.publish(history(SECOND, SECOND))
        second = factory.promote(rate=0.05)
        until("the second", lambda: f'"revision": {second.offset}' in log.read_text())
        factory.publish(history(THIRD, THIRD))
        factory.finish(worker)
        assert "Traceback" not in worker.said() + log.read_text()
        models = {
            (score["model"], score["revision"])
            for records in factory.read(factory.topics().scores).values()
            for score in (decoded("labline.Score", record[3]) for record in records)
        }
        assert models == {("delay@1", first.offset), ("delay@2", second.offset)}
        assert len(factory.control().void) >= 2 * 6
        assert parity(broker, name, factory.control()).verdict == "equal"


def write_void(factory: Factory, foreign: Factory) -> None:
    """Write control records that nobody may obey: for our line, of all kinds."""
    workspace, line = factory.workspace, factory.workspace.line(factory.line)
    good = promotion(
        previous=factory.control().revision - 1,  # a race that was lost
        line=factory.line,
        slot=CHAMPION,
        model=ModelRef("evil", 1, "BaseRate()", "00"),
        declaration=declaration(
            line, workspace.schema_of(line.events), workspace.schema_of(line.labels or "")
        ),
        signer=factory.signer(),
    )
    fits = good.replace(
        b'\\"previous\\":', b'\\"previous\\": ', 1
    )  # as was signed, but for a blank
    alien = foreign.promote().offset  # valid, with keys that are not ours
    assert alien not in factory.control().history
    producer = Producer(producer_config(factory.bootstrap))
    for key, value in [
        (None, None), (None, b"\xff\xfe"), (b"\xff", b"{}"), (b"x", b"[]"),
        (factory.line.encode(), good), (factory.line.encode(), fits),
    ]:  # fmt: skip
        producer.produce(CONTROL_TOPIC, value, key)
    assert producer.flush(TIMEOUT_S) == 0


def test_a_live_promotion_takes_effect_at_a_batchs_border(
    broker: str, name: str, tmp_path: Path
) -> None:
    """Each answer names the revision that gave it, and the past can be run again across it."""
    with Factory(broker, name, tmp_path) as factory:
        factory.publish_days(FIRST, THIRD)
        first = factory.promote()
        total = sum(factory.ends().values())
        scorer = factory.scorer(batch_max=40)
        until("a third", lambda: factory.progress() > total / 3)
        second = factory.promote(rate=0.05)
        factory.catch_up(scorer)
        check_border(factory, first.offset, second.offset)
        # promoted and rolled back while nothing comes: the journal does not tell
        for label in (factory.register(RECIPE.format(rate=0.5)), "delay@2"):
            revision = factory.promote(label=label)
            until("in force", lambda o=revision.offset: f'"revision": {o},' in scorer.said())  # type: ignore[misc]
        factory.publish(history(FIRST, FIRST))
        factory.finish(scorer)
        again = factory.scorer()
        until("recovered", lambda: "assigned" in again.said() or not again.is_running())
        assert again.stop() == 0, again.said()
        assert parity(broker, name, factory.control()).verdict == "equal"


def check_border(factory: Factory, first: int, second: int) -> None:
    """Check that every score names the revision of the journal entry that it is part of."""
    scores = factory.read(factory.topics().scores)
    for partition, entries in factory.journal().items():
        told = [entry.revision for entry in entries]
        assert told == sorted(told)
        assert set(told) == {first, second}
        entry = next(entry for entry in entries if entry.revision == second)
        border = entry.first_offsets[0]
        found = [decoded("labline.Score", record[3]) for record in scores[partition]]
        before = [score for score in found if score["offset"] < border]
        after = [score for score in found if score["offset"] >= border]
        assert {(s["revision"], s["model"]) for s in before} == {(first, "delay@1")}
        assert {(s["revision"], s["model"]) for s in after} == {(second, "delay@2")}
        asked_first = entry.order[0][0] == EVENTS and after[0]["offset"] == border
        if asked_first:  # else it has learned before its first score
            assert after[0]["probability"] == 0.5  # a new model starts cold


def test_a_member_learns_revisions_before_it_takes_over_what_was_done_under_them(
    broker: str, name: str, tmp_path: Path
) -> None:
    """A journal may name a revision that came after its new owner last looked."""
    with Factory(broker, name, tmp_path) as factory:
        keys = load_public_keys(factory.workspace.keys_dir)
        with closing(ControlFollower(broker, CONTROL_TOPIC, keys)) as follower:
            revision = factory.promote()
            follower.catch_up()
            assert follower.control.history[revision.offset] == revision
