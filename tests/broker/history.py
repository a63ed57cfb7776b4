"""Some days of flights as a careless world publishes them: the same bytes every time.

On top of the real gaps (flights that never left): broken records, records of the future, late,
lost, doubled, contradicting and orphaned labels, records out of order, doubled or without a key.
"""

from collections.abc import Iterator
from datetime import date
from functools import cache
from typing import Any, NamedTuple

from labline.engine.demo.careless import careless
from labline.engine.demo.flights_source import DEPARTED, timeline
from labline.engine.workspace.example import example_folder
from labline.schemas.avro import Schema

EVENT, LABEL = "event", "label"
DAY_MS = 86_400_000
YEAR_MS = 1_357_000_000_000  # 2013
HORIZON_MS = 2 * DAY_MS  # of the line's labels
FUTURE_MS = 4_102_444_800_000  # 2100
CARELESS = 200
FUTURES = 5
BROKEN_LABELS = 7
DISORDER_EVERY, DISORDER_BY = 50, 20


class Sent(NamedTuple):
    """A record as it is handed to a producer."""

    kind: str
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes | None]] | None = None
    time_ms: int = YEAR_MS  # as its producer stamps it: with the time at which it happened


Told = tuple[int, str, dict[str, Any]]  # event time, kind, datum


@cache
def schemas() -> tuple[Schema, Schema]:
    """Return the schemas of events and labels."""
    folder = example_folder("flights") / "schemas"
    departed, arrived = (folder / f"flights.{kind}/v1.avsc" for kind in ("departed", "arrived"))
    return Schema.load(departed), Schema.load(arrived)


@cache
def history(first: date, last: date) -> list[Sent]:
    """Return what is published for some days, in the order of publishing."""
    told = list(_told(first, last))
    told.sort(key=lambda entry: entry[0])  # stable: late labels find their place
    for at in range(0, len(told) - DISORDER_BY, DISORDER_EVERY):
        told.insert(at + DISORDER_BY, told.pop(at))
    sent = [_sent(at, *entry) for at, entry in enumerate(told)]
    broken = list(_broken(told))
    every = max(1, len(sent) // len(broken))
    for turn, record in enumerate(broken):
        sent.insert(min(len(sent), turn * (every + 1)), record)
    return sent


def _told(first: date, last: date) -> Iterator[Told]:
    on_the_brink = set()
    for turn, (time_ms, kind, datum) in enumerate(timeline(first, last)):
        if kind == DEPARTED:
            yield time_ms, EVENT, datum
            if turn % 307 == 0:  # sent twice, as producers do that try again
                yield time_ms, EVENT, datum
            if turn % 61 == 0:  # its label comes when it expires, to the millisecond
                on_the_brink.add(datum["id"])
                due_ms = time_ms + HORIZON_MS
                label = {"id": datum["id"], "flight_key": datum["flight_key"], "late": True}
                yield due_ms, LABEL, {**label, "event_time": due_ms}
        elif datum["id"] not in on_the_brink:
            yield from _labels(turn, time_ms, datum)


def _labels(turn: int, time_ms: int, datum: dict[str, Any]) -> Iterator[Told]:
    if turn % 89 == 0:
        return  # lost
    if turn % 107 == 0:
        late_ms = time_ms + 3 * DAY_MS
        yield late_ms, LABEL, {**datum, "event_time": late_ms}
        return
    yield time_ms, LABEL, datum
    if turn % 97 == 0:
        yield time_ms + 60_000, LABEL, {**datum, "event_time": time_ms + 60_000}
    if turn % 101 == 0:
        yield time_ms, LABEL, {**datum, "late": not datum["late"]}
    if turn % 103 == 0:
        yield time_ms, LABEL, {**datum, "id": "ZZ-1-JFK-20130101T0500"}


def _sent(at: int, time_ms: int, kind: str, datum: dict[str, Any]) -> Sent:
    schema = schemas()[kind == LABEL]
    key = None if at % 211 == 7 else datum["flight_key"].encode()
    headers: list[tuple[str, bytes | None]] | None = None
    if at % 113 == 0:
        headers = [("traceparent", b"00-%032x-01" % at), ("empty", None), ("ce_source", b"desk")]
    return Sent(kind, key, schema.encode(datum), headers, time_ms)


def _broken(told: list[Told]) -> Iterator[Sent]:
    """Yield what nobody can use, the kinds mixed."""
    departed, arrived = schemas()
    some = [datum for _, kind, datum in told if kind == EVENT][:: len(told) // 40]
    labels = [datum for _, kind, datum in told if kind == LABEL][:: len(told) // 40]
    for turn, (key, value, kind) in enumerate(careless(departed, CARELESS)):
        headers = [("labline.error.attempt", b"3"), ("kind", kind.encode())]
        yield Sent(EVENT, key, value, headers if turn % 9 == 0 else None)
        if turn % (CARELESS // FUTURES) == 0:
            datum = {**some[turn % len(some)], "event_time": FUTURE_MS}
            yield Sent(EVENT, datum["flight_key"].encode(), departed.encode(datum))
        if turn % (CARELESS // BROKEN_LABELS) == 0:
            datum = labels[turn % len(labels)]
            yield Sent(LABEL, datum["flight_key"].encode(), arrived.encode(datum)[:-1])
            datum = {**datum, "event_time": FUTURE_MS}
            yield Sent(LABEL, datum["flight_key"].encode(), arrived.encode(datum))
