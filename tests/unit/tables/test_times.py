"""What a written time means hangs on its form and zone, not on the machine that reads it."""

import time

import pytest

from labline.engine.tables.time_column import TimeColumn
from labline.engine.tables.times import time_reader

FORM = "%Y-%m-%d %H:%M %Z"
EIGHT_UTC_MS = 1367395200000


@pytest.mark.parametrize("machine", ["UTC", "America/New_York"])
def test_a_zone_that_is_named_is_utc_or_no_time(
    monkeypatch: pytest.MonkeyPatch, machine: str
) -> None:
    monkeypatch.setenv("TZ", machine)
    time.tzset()
    try:
        read = time_reader(FORM, "Europe/Berlin")
        assert read("2013-05-01 08:00 UTC") == read("2013-05-01 08:00 gmt") == EIGHT_UTC_MS
        with pytest.raises(ValueError, match="not UTC"):
            read("2013-05-01 08:00 EST")
    finally:
        monkeypatch.undo()
        time.tzset()


def test_order_is_known_for_the_form_that_is_left() -> None:
    times = TimeColumn()
    for cell in ("01/02/2013", "02/01/2013", "13/01/2013"):  # days first: they fall
        assert times.add(cell)
    assert (times.form, times.is_ambiguous, times.ascends) == ("%d/%m/%Y", False, False)


def test_a_form_that_was_said_is_not_in_doubt() -> None:
    times = TimeColumn("%d/%m/%Y", firm=False)
    assert times.add("01/02/2013")
    assert (times.form, times.is_ambiguous) == ("%d/%m/%Y", False)
