"""What the factory must not score over, and what must not stop it."""

import math
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, TopicPartition

from labline.engine.errors import LablineError
from labline.engine.factory.exits import EXIT_HANDLED
from labline.engine.factory.recovery import recover
from labline.engine.models.control.configuration import CHAMPION, spec_of
from labline.engine.models.control.control import Control
from tests.broker.factory import RATE, RECIPE, Factory
from tests.broker.process import until

FIRST, SECOND, THIRD = date(2013, 1, 1), date(2013, 1, 2), date(2013, 1, 3)
NEXT_RATE = math.nextafter(RATE, 1.0)


def move_offset(factory: Factory, topic: str, partition: int, offset: int) -> None:
    """Commit an offset for the line's group, as somebody's tool would."""
    group = f"labline.{factory.line}"
    moved = ConsumerGroupTopicPartitions(group, [TopicPartition(topic, partition, offset)])

    def accepted() -> bool:
        try:
            told = factory.admin.alter_consumer_group_offsets([moved])[group].result()
        except KafkaException:
            return False  # a static member that was stopped stays until its session ends
        return all(place.error is None for place in told.topic_partitions)

    until(f"group {group} without members", accepted)


def test_moved_offsets_stop_the_line(broker: str, name: str, tmp_path: Path) -> None:
    """An offset that no journal entry ends at would skip events, or answer them twice."""
    with Factory(broker, name, tmp_path) as factory:
        factory.publish_days(FIRST, FIRST)
        factory.promote()
        factory.finish(factory.scorer())
        outputs, journal = factory.outputs(), factory.journal()
        move_offset(factory, factory.events, 0, factory.committed()[factory.events, 0] - 1)
        scorer = factory.scorer()
        assert scorer.ended() == EXIT_HANDLED
        assert '"code": "LL-OFFSETS-MOVED"' in scorer.said()
        assert (factory.outputs(), factory.journal()) == (outputs, journal)


def with_rate(control: Control, rate: float) -> Control:
    """Return the control topic's fold with another learning rate in every champion."""
    history = {}
    for offset, revision in control.history.items():
        champion = revision.slots[CHAMPION]._replace(recipe=RECIPE.format(rate=rate))
        history[offset] = replace(revision, slots={**revision.slots, CHAMPION: champion})
    return replace(control, history=history)


def test_a_past_that_folds_differently_stops_the_line(
    broker: str, name: str, tmp_path: Path
) -> None:
    """Going on from a state that is not the one that answered would be silent drift."""
    with Factory(broker, name, tmp_path) as factory:
        factory.publish_days(FIRST, FIRST)
        spec = spec_of(factory.promote())
        factory.finish(factory.scorer())
        control = factory.control()
        for partition, entries in factory.journal().items():
            reached = entries[-1].next_offsets
            recovered = recover(broker, control, spec, partition, reached)
            assert tuple(recovered.task.next_offsets) == reached
            assert recovered.place.sequence == len(entries)
            with pytest.raises(LablineError) as told:
                recover(broker, with_rate(control, NEXT_RATE), spec, partition, reached)
            assert told.value.code == "LL-STATE-DIFFERS"
