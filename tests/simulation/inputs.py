"""What producers write in a simulated run: seeded events, labels and retries, good and bad."""

from random import Random
from typing import Any, NamedTuple

from labline.engine.core.line import Line
from labline.engine.core.record import EVENTS, LABELS, RETRY
from labline.engine.core.spec import Slot, Spec
from labline.engine.models.control.control import ModelRef, Revision
from labline.engine.models.learning.learner import Learner
from labline.engine.models.recipes.language import parse
from labline.engine.models.state.unpickle import dump, load
from labline.schemas.avro import Schema
from labline.topics.naming import line_topics
from tests.simulation.clock import BEGIN_S
from tests.simulation.log import Place, Written

NAME = "line"
TOPICS = ("events", "labels", line_topics(NAME).retry)
HORIZON_MS = 60_000
RECIPES = ("Select('x', 'seen') | LogisticRegression()", "NoChange(0.75)")
MODELS = tuple(dump(parse(recipe)) for recipe in RECIPES)
BASE_RATE = dump(parse("BaseRate()"))
_TIME = {"name": "at", "type": "long", "event_time": True}
EVENT = Schema.parse(
    {
        "type": "record",
        "name": "Event",
        "fields": [
            {"name": "id", "type": "string"},
            _TIME,
            {"name": "x", "type": ["null", "double"]},
            {"name": "k", "type": "string"},
        ],
    }
)
LABEL = Schema.parse(
    {
        "type": "record",
        "name": "Label",
        "fields": [{"name": "id", "type": "string"}, _TIME, {"name": "y", "type": "boolean"}],
    }
)


class Plan(NamedTuple):
    """One record to come.

    Attributes
    ----------
    datum
        What it says; None: nothing that can be read.
    commits
        Whether the transaction that it is in will; None: it is in none.
    """

    which: int
    partition: int
    written: Written
    datum: dict[str, Any] | None
    commits: bool | None

    @property
    def place(self) -> Place:
        """Return where it goes."""
        return Place(TOPICS[self.which], self.partition)


class Declared(NamedTuple):
    """A seed's line."""

    line: Line

    def spec(self, revision: Revision) -> Spec:
        """Return a revision's configuration with fresh learners: `configuration.spec_of`, cheap."""
        which = revision.slots["champion"].version - 1
        return Spec(
            line=self.line,
            revision=revision.offset,
            inputs=(TOPICS[0], TOPICS[1], TOPICS[2]),
            event_schema=EVENT,
            label_schema=LABEL,
            champion=Slot("champion", f"m@{which + 1}", Learner(load(MODELS[which]))),
            others=(Slot("baseline", "base-rate", Learner(load(BASE_RATE))),),
        )


LINES = {
    on_expiry: Line.parse(
        {
            "name": NAME,
            "events": TOPICS[0],
            "labels": TOPICS[1],
            "id": "id",
            "refers_to": "id",
            "label": "y",
            "label_horizon": "60s",
            "on_expiry": on_expiry,
            "features": {
                "numeric": ["x"],
                "history": [{"name": "seen", "kind": "count", "per": "k"}],
            },
        }
    )
    for on_expiry in ("unknown", "negative")
}


def declared(random: Random, *, at_rest: bool) -> Declared:
    """Return a line: what an absent label means, tight limits or none."""
    line = LINES[random.choice(("unknown", "negative"))]
    limits = line.limits.model_copy(
        update={  # past their validation: a buffer of a mebibyte would never be full here
            "buffer_max_bytes": random.choice((3_000, 1 << 24)),
            "pending_max": random.choice((4, 1_000)),
            "input_wait": "1d" if at_rest else "5s",
        }
    )
    return Declared(line.model_copy(update={"limits": limits}))


def revision(offset: int, version: int) -> Revision:
    """Return a promotion."""
    return Revision(offset, NAME, {}, {"champion": ModelRef("m", version, "", "")})


def plans(random: Random, partitions: int, events: int) -> list[Plan]:
    """Return a history in the order of its times; each partition's topics keep theirs."""
    found: list[tuple[int, Plan]] = []
    at_ms = round(BEGIN_S * 1_000)
    for number in range(events):
        at_ms += random.choice((0, 100, 1_000, 5_000))
        found += _event(random, f"e{number}", at_ms, random.randrange(partitions))
    found.sort(key=lambda timed: timed[0])
    return [plan for _, plan in found]


def _event(random: Random, identity: str, at_ms: int, partition: int) -> list[tuple[int, Plan]]:
    x = None if random.random() < 0.05 else random.uniform(-2, 2)
    event_ms = at_ms - (random.randrange(20_000) if random.random() < 0.2 else 0)
    if random.random() < 0.03:
        event_ms += 10**9  # further ahead than any clock may be
    datum = {"id": identity, "at": event_ms, "x": x, "k": random.choice("ab")}
    bad = random.random() < 0.06
    found = [(at_ms, _plan(EVENTS, partition, None if bad else datum))]
    if (bad or x is None) and random.random() < 0.5:
        again_ms = at_ms + random.randrange(30_000)
        repaired = {**datum, "at": again_ms, "x": 0.5}
        found.append((again_ms, _plan(RETRY, partition, repaired)))
    return found + _labels(random, identity, at_ms, partition)


def _labels(random: Random, identity: str, at_ms: int, partition: int) -> list[tuple[int, Plan]]:
    found: list[tuple[int, Plan]] = []
    truth = random.random() < 0.4
    for _ in range(random.choice((0, 1, 1, 1, 1, 2))):
        due_ms = at_ms + random.choice((0, random.randrange(20_000), random.randrange(90_000)))
        datum = {"id": identity, "at": due_ms, "y": truth != (random.random() < 0.1)}
        if random.random() < 0.05:
            datum["id"] = "stranger"
        told = None if random.random() < 0.03 else datum
        inside = random.choice((None, None, True, False))
        found.append((due_ms, _plan(LABELS, partition, told, commits=inside)))
        if inside is False and random.random() < 0.8:  # what was aborted comes again
            found.append((due_ms, _plan(LABELS, partition, told)))
    return found


def _plan(
    which: int, partition: int, datum: dict[str, Any] | None, *, commits: bool | None = None
) -> Plan:
    schema = LABEL if which == LABELS else EVENT
    value = b"broken" if datum is None else schema.encode(datum)
    headers = [("traceparent", b"00-ab")] if which == EVENTS and datum is None else None
    return Plan(which, partition, Written(b"key", value, headers), datum, commits)
