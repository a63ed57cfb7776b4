"""Publishing the year as the world made it, with a careless publisher beside it.

Called by `labline.engine.demo.run`; `labline.engine.demo.live` publishes the last days.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from confluent_kafka import Producer

from labline.engine.broker.clients import producer_config
from labline.engine.demo.careless import careless
from labline.engine.demo.flights_source import ARRIVED, DEPARTED, timeline
from labline.engine.publish.publisher import Publisher
from labline.engine.workspace.workspace import Workspace

EVENTS, LABELS = "flights.departed", "flights.arrived"
TOPICS = {DEPARTED: EVENTS, ARRIVED: LABELS}
CARELESS = 200
STEP = 1_000  # records between two moves of the progress bar


@dataclass(frozen=True)
class Days:
    """Which days are history, and which are published live."""

    first: date
    last_of_history: date
    first_live: date
    last: date


def publishers(space: Workspace, broker: str) -> dict[str, Publisher]:
    """Return a publisher for each topic, by the timeline's names."""
    topics = space.topics()
    return {
        name: Publisher(broker, topics[topic], space.schema_of(topic), source="demo")
        for name, topic in TOPICS.items()
    }


def publish_history(
    space: Workspace, broker: str, days: Days, total: int, progress: Callable[[int], None]
) -> Counter[str]:
    """Publish departures and landings in the order of event time, broken records in between.

    Parameters
    ----------
    total
        How many records the days have, about: the broken ones are spread over them.

    Returns
    -------
    Counter
        Records sent: departed, arrived, careless.
    """
    sent: Counter[str] = Counter()
    mess = careless(space.schema_of(EVENTS), CARELESS)
    every = max(1, total // (CARELESS + 1))
    plain = Producer(producer_config(broker))  # knows of no schema: that is its point
    send = publishers(space, broker)
    for number, (_, name, datum) in enumerate(timeline(days.first, days.last_of_history), 1):
        send[name].send(datum)
        sent[name] += 1
        if number % every == 0 and sent["careless"] < CARELESS:
            _send_broken(plain, next(mess))
            sent["careless"] += 1
        if number % STEP == 0:
            progress(STEP)
    for broken in mess:
        _send_broken(plain, broken)
        sent["careless"] += 1
    for publisher in send.values():
        publisher.flush()
    plain.flush()
    return sent


def _send_broken(producer: Producer, broken: tuple[bytes, bytes | None, str]) -> None:
    key, value, _ = broken
    producer.produce(EVENTS, value, key)
    producer.poll(0)
