"""The flights: counts over the whole year, rules on rows that were looked at by hand."""

from collections import Counter
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from labline.engine.core.line import Line
from labline.engine.demo.careless import KINDS, careless
from labline.engine.demo.clock import Clock
from labline.engine.demo.flights_source import ARRIVED, DEPARTED, arrivals, departures, timeline
from labline.engine.workspace.check import check_workspace
from labline.engine.workspace.workspace import Workspace
from labline.schemas.avro import Schema
from labline.schemas.rejection import Rejection

WORKSPACE = Path(__file__).parents[3] / "examples/flights"
MINUTE_MS = 60_000
FILE_MAX_LINES = 25


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1000


@pytest.fixture(scope="module")
def first_days() -> dict[str, dict[str, dict[str, Any]]]:
    """Give the records of 1 and 2 January by topic and id."""
    found: dict[str, dict[str, dict[str, Any]]] = {DEPARTED: {}, ARRIVED: {}}
    for _, topic, record in timeline(date(2013, 1, 1), date(2013, 1, 2)):
        found[topic][record["id"]] = record
    return found


@pytest.mark.slow
def test_the_year() -> None:
    counts: Counter[str] = Counter()
    ids: set[str] = set()
    landed: set[str] = set()
    before_ms = 0
    for time_ms, topic, record in timeline():
        assert before_ms <= time_ms == record["event_time"]
        before_ms = time_ms
        counts[topic] += 1
        if topic == DEPARTED:
            ids.add(record["id"])
            if record["dep_delay"] is None:
                counts["never departed"] += 1
                assert time_ms == record["scheduled"]
        else:
            assert record["id"] in ids  # no flight lands before it has left
            landed.add(record["id"])
            counts["late"] += record["late"]
    assert counts == {
        DEPARTED: 336_776,
        ARRIVED: 327_346,
        "never departed": 8_255,
        "late": 80_100,
    }
    assert len(ids) == counts[DEPARTED]
    assert len(landed) == counts[ARRIVED]
    assert len(ids - landed) == 9_430


@pytest.mark.slow
def test_stretches_join_without_gap_or_overlap() -> None:
    whole = list(timeline(date(2013, 12, 27), date(2013, 12, 31)))
    parts = [
        *timeline(date(2013, 12, 27), date(2013, 12, 28)),
        *timeline(date(2013, 12, 29), date(2013, 12, 31)),
    ]
    assert parts == whole
    assert [r for _, t, r in whole if t == DEPARTED] == list(
        departures(date(2013, 12, 27), date(2013, 12, 31))
    )
    assert [r for _, t, r in whole if t == ARRIVED] == list(
        arrivals(date(2013, 12, 27), date(2013, 12, 31))
    )


def test_a_departure(first_days: dict[str, dict[str, dict[str, Any]]]) -> None:
    assert first_days[DEPARTED]["UA-1545-EWR-20130101T0515"] == {
        "id": "UA-1545-EWR-20130101T0515",
        "event_time": ms("2013-01-01T10:17"),  # two minutes late, five hours behind UTC
        "flight_key": "UA1545",
        "scheduled": ms("2013-01-01T10:15"),
        "carrier": "UA",
        "flight": 1545,
        "tailnum": "N14228",
        "origin": "EWR",
        "dest": "IAH",
        "dep_delay": 2.0,
        "distance": 1400.0,
        "temp": 39.02,
        "humid": 64.43,
        "wind_speed": 12.658579999999999,
        "precip": 0.0,
        "pressure": 1011.9,
        "visib": 10.0,
    }


def test_its_landing(first_days: dict[str, dict[str, dict[str, Any]]]) -> None:
    assert first_days[ARRIVED]["UA-1545-EWR-20130101T0515"] == {
        "id": "UA-1545-EWR-20130101T0515",
        "event_time": ms("2013-01-01T14:30"),  # 8:30 in Houston
        "flight_key": "UA1545",
        "late": False,  # by eleven minutes
    }


def test_san_juan_has_a_clock(first_days: dict[str, dict[str, dict[str, Any]]]) -> None:
    # B6 725 left JFK at 5:44 for Aguadilla and read 10:04 there: UTC-4 all year
    landing = first_days[ARRIVED]["B6-725-JFK-20130101T0545"]
    assert landing["event_time"] == ms("2013-01-01T14:04")


def test_clocks() -> None:
    chicago = Clock("America/Chicago")
    noon = ms("2013-01-01T18:00")
    assert chicago.next_reading_ms(noon, 12 * 60 + 1) == noon + MINUTE_MS
    assert chicago.next_reading_ms(noon, 12 * 60) == noon + 24 * 60 * MINUTE_MS  # after, not at
    assert chicago.next_reading_ms(noon, 0) == ms("2013-01-02T06:00")  # 2400 is midnight


def test_clocks_that_change() -> None:
    new_york = Clock("America/New_York")
    evening = ms("2013-03-10T04:00")  # 23:00 on the 9th; at 2:00 the clock goes to 3:00
    assert new_york.next_reading_ms(evening, 90) == ms("2013-03-10T06:30")
    assert new_york.next_reading_ms(evening, 4 * 60) == ms("2013-03-10T08:00")
    autumn = ms("2013-11-03T03:00")  # 23:00 on the 2nd; 1:30 comes twice
    assert new_york.next_reading_ms(autumn, 90) == ms("2013-11-03T05:30")
    assert new_york.next_reading_ms(ms("2013-11-03T05:30"), 90) == ms("2013-11-03T06:30")
    assert new_york.next_reading_ms(autumn, 4 * 60) == ms("2013-11-03T09:00")


def test_the_workspace_fits_together() -> None:
    workspace = Workspace(WORKSPACE)
    assert check_workspace(workspace) == []
    assert workspace.line("flights-delay") == Line.parse(
        (WORKSPACE / "lines/flights-delay.toml").read_text()
    )
    departed, arrived = (workspace.topics()[f"flights.{kind}"] for kind in (DEPARTED, ARRIVED))
    assert departed.partitions == arrived.partitions == 4
    assert departed.key == arrived.key == "flight_key"


def test_its_files_are_short() -> None:
    for path in WORKSPACE.rglob("*.*"):
        if path.suffix in (".toml", ".avsc", ".yaml"):
            assert len(path.read_text().splitlines()) <= FILE_MAX_LINES, path


def test_its_records_are_right() -> None:
    workspace = Workspace(WORKSPACE)
    schemas = {kind: workspace.schema_of(f"flights.{kind}") for kind in (DEPARTED, ARRIVED)}
    for _, kind, record in timeline(date(2013, 2, 12), date(2013, 2, 12)):
        assert schemas[kind].decode(schemas[kind].encode(record)) == record


EXPECTED = {
    "truncated": {"truncated"},
    "unknown-framing": {"unknown-framing"},
    "text": {"unknown-framing"},
    "empty": {"empty-value"},
    "wrong-types": {"truncated", "unreadable", "trailing-bytes", "out-of-range", "pattern"},
    "not-a-number": {"not-finite"},
    "out-of-range": {"out-of-range"},
}


@pytest.mark.parametrize("seed", [2013, 1, 2, 3])
def test_careless(seed: int) -> None:
    schema = Schema.load(WORKSPACE / "schemas/flights.departed/v1.avsc")
    records = list(careless(schema, 200, seed))
    counts = Counter(kind for _, _, kind in records)
    assert set(counts) == set(KINDS) == set(EXPECTED)
    assert max(counts.values()) - min(counts.values()) <= 1
    for _, value, kind in records:
        found = schema.decode(value)
        assert isinstance(found, Rejection)
        assert found.reason in EXPECTED[kind], (kind, found)
    assert list(careless(schema, 200, seed)) == records
