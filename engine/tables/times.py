"""Times as people's files write them, read as milliseconds since 1970, UTC.

A form says how a column's times are written; `time_reader` makes of it what reads a cell. What a
cell means hangs on form and zone alone, never on the machine that reads it.
"""

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta, tzinfo
from typing import TypeAlias
from zoneinfo import ZoneInfo

from labline.engine.errors import LablineError

ISO = "iso"
EPOCH_S, EPOCH_MS, EPOCH_US, EPOCH_NS = "epoch_s", "epoch_ms", "epoch_us", "epoch_ns"
#: Numbers since 1970, which are told apart by how large they are.
EPOCHS = (EPOCH_MS, EPOCH_S, EPOCH_US, EPOCH_NS)
YEAR = "%Y"
DATES = (
    "%Y/%m/%d", "%Y.%m.%d", "%m/%d/%Y", "%d/%m/%Y", "%m-%d-%Y", "%d-%m-%Y", "%d.%m.%Y",
    "%m/%d/%y", "%d/%m/%y", "%d.%m.%y", "%d %b %Y", "%d-%b-%Y", "%d-%b-%y", "%b %d %Y",
    "%b %d, %Y", "%d %B %Y", "%B %d, %Y",
)  # fmt: skip
CLOCKS = ("", " %H:%M", " %H:%M:%S", " %H:%M:%S.%f", " %I:%M %p", " %I:%M:%S %p")
#: In the order in which they are believed.
FORMS = (ISO, YEAR, *(day + clock for day in DATES for clock in CLOCKS), *EPOCHS)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)
#: From 1500 to 2199: a number outside of these is no year, and no date without dashes.
YEARS_MS = range(
    (datetime(1500, 1, 1, tzinfo=UTC) - EPOCH) // MILLISECOND,
    (datetime(2200, 1, 1, tzinfo=UTC) - EPOCH) // MILLISECOND,
)
#: From 1973 on, and before the year 5138: 1973 in milliseconds would be that in seconds, and so on.
EPOCH_RANGE_MS = range(10**11, 10**14)
UTC_NAMES = ("UTC", "GMT")  # the only names of zones that say the same everywhere
_PER_MS = {EPOCH_MS: 1, EPOCH_US: 1_000, EPOCH_NS: 1_000_000}

ReadTime: TypeAlias = Callable[[str], int]


def time_reader(form: str, zone: str = "UTC") -> ReadTime:
    """Return what reads a time: a ``ValueError`` for a text that is none.

    Parameters
    ----------
    form
        ``iso``, ``epoch_s``, ``epoch_ms``, ``epoch_us``, ``epoch_ns``, or a pattern of strptime's,
        whose ``%Z`` is UTC or GMT: what EST means, only its writer knows.
    zone
        Of times that do not tell their own.

    Raises
    ------
    LablineError
        ``LL-TIME-ZONE`` when there is no such zone.

    Examples
    --------
    >>> time_reader("iso")("2013-01-01T10:00:00Z"), time_reader("epoch_s")("1357034400.5")
    (1357034400000, 1357034400500)
    >>> time_reader("%d.%m.%Y %H:%M", "Europe/Paris")("01.01.2013 11:00")
    1357034400000
    >>> time_reader("%H:%M %Z", "Europe/Paris")("00:01 UTC") == time_reader("%H:%M")("00:01")
    True
    """
    if form == EPOCH_S:
        return lambda text: _whole(text, 1000, 1)
    if form in EPOCHS:
        per_ms = _PER_MS[form]
        return lambda text: _whole(text, 1, per_ms)
    here = _zone(zone)
    if form == ISO:
        return lambda text: _since_1970_ms(datetime.fromisoformat(text.strip()), here)
    if "%Z" in form:
        return lambda text: _in_utc(text.strip(), form)
    # the zone is added right below
    return lambda text: _since_1970_ms(datetime.strptime(text.strip(), form), here)  # noqa: DTZ007


def plausible_time(text: str, read: ReadTime, form: str) -> int | None:
    """Return the time that a text is in a form; None for no time, or one that nobody would mean.

    Examples
    --------
    >>> [plausible_time(year, time_reader("%Y"), "%Y") for year in ("1980", "0012")]
    [315532800000, None]
    """
    try:
        time_ms = read(text)
    except (ValueError, OverflowError):
        return None
    if form == EPOCH_S:
        plausible = abs(time_ms) < EPOCH_RANGE_MS.stop
    elif form in EPOCHS:
        plausible = abs(time_ms) in EPOCH_RANGE_MS
    else:
        plausible = time_ms in YEARS_MS
    return time_ms if plausible else None


def twin(form: str) -> str:
    """Return a pattern with day and month the other way round.

    Examples
    --------
    >>> twin("%d/%m/%Y")
    '%m/%d/%Y'
    """
    return form.replace("%d", "\0").replace("%m", "%d").replace("\0", "%m")


def has_clock(form: str) -> bool:
    """Tell whether a form can say more than the day."""
    return form in (ISO, *EPOCHS) or "%H" in form or "%I" in form


def _whole(text: str, scale: int, divisor: int) -> int:
    plain = text.strip().lstrip("-").isdecimal()
    number = int(text) * scale // divisor if plain else float(text) * scale / divisor
    if not abs(number) < 2**63:  # so also what is no number
        raise ValueError("no time")
    return round(number)


def _in_utc(text: str, form: str) -> int:
    for name in UTC_NAMES:  # each as a plain word: strptime's %Z takes this machine's own zone, too
        with suppress(ValueError):
            time = datetime.strptime(text, form.replace("%Z", name))  # noqa: DTZ007
            return _since_1970_ms(time, UTC)
    raise ValueError("a zone that is not UTC")


def _since_1970_ms(time: datetime, here: tzinfo) -> int:
    aware = time if time.tzinfo else time.replace(tzinfo=here)
    return (aware - EPOCH) // MILLISECOND


def _zone(name: str) -> tzinfo:
    if name == "UTC":
        return UTC  # also where no table of time zones is installed
    try:
        return ZoneInfo(name)
    except (LookupError, ValueError, OSError) as error:
        raise LablineError(
            "LL-TIME-ZONE",
            f"there is no time zone {name[:60]!r} here",
            "write it as Europe/Paris or UTC; the package tzdata brings the table",
        ) from error
